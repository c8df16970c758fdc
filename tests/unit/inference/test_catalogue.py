from __future__ import annotations

import re
from pathlib import Path

import pytest

from inference.catalogue import (
    MissingModelError,
    ModelStatus,
    ModelStore,
    UnknownModelError,
    entry_of,
    load_catalogue,
    sha256_of,
)
from inference.manifest import ModelEntry

PULLED = [pytest.param(e, id=n) for n, e in load_catalogue().items() if e.package is None]
BUNDLED = [pytest.param(e, id=n) for n, e in load_catalogue().items() if e.package is not None]


@pytest.mark.parametrize("entry", PULLED)
def test_a_model_to_pull_is_pinned_and_may_be_used(entry: ModelEntry) -> None:
    if entry.url is None:
        assert "--from" in entry.source
    else:
        assert re.fullmatch(r"https://github\.com/[^/]+/[^/]+/raw/[0-9a-f]{40}/.+\.onnx", entry.url)
    assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
    assert entry.licence in {"Apache-2.0", "MIT", "BSD-3-Clause"}
    assert entry.file == f"{entry.name}.onnx"


@pytest.mark.parametrize("entry", BUNDLED)
def test_a_bundled_model_is_the_one_described(entry: ModelEntry, tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    assert store.status(entry.name) is ModelStatus.BUNDLED
    path = store.path_of(entry.name)
    assert (path.stat().st_size, sha256_of(path)) == (entry.size_bytes, entry.sha256)


def test_what_is_available_grows_with_the_folder(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    assert not store.has("hyperlpr_y5fu_320x")

    (tmp_path / "hyperlpr_y5fu_320x.onnx").write_bytes(b"model")

    assert store.status("hyperlpr_y5fu_320x") is ModelStatus.PULLED
    assert store.has("hyperlpr_y5fu_320x")
    assert store.path_of("hyperlpr_y5fu_320x") == tmp_path / "hyperlpr_y5fu_320x.onnx"


def test_a_missing_model_says_how_to_get_it(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    assert store.status("hyperlpr_y5fu_320x") is ModelStatus.MISSING
    with pytest.raises(MissingModelError, match="camrec models pull hyperlpr_y5fu_320x"):
        store.path_of("hyperlpr_y5fu_320x")


def test_an_unknown_name_is_met_with_the_nearest() -> None:
    with pytest.raises(UnknownModelError, match=r"Did you mean hyperlpr_y5fu_320x\?"):
        entry_of("hyperlpr_y5fu")
