"""The key of an installation, on its first machine and on the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import CamrecError
from core.settings import load_settings
from storage.secrets import Secrets


def test_another_machine_with_the_same_key_reads_the_same(tmp_path: Path) -> None:
    first = Secrets(tmp_path / "first")
    (tmp_path / "key").write_text((tmp_path / "first" / "secret.key").read_text() + "\n")
    settings = load_settings(
        {"CAMREC_DATA": str(tmp_path / "second"), "CAMREC_SECRET_KEY_FILE": str(tmp_path / "key")}, tmp_path / "no.env"
    )
    assert Secrets.of(settings).decrypt(first.encrypt("rtsp://user:secret@gate/")) == "rtsp://user:secret@gate/"
    written = tmp_path / "second" / "secret.key"
    assert written.stat().st_mode & 0o777 == 0o600
    assert Secrets(tmp_path / "second").derive("x") == first.derive("x"), "once given, it is there, and in backups"


@pytest.mark.parametrize("given", ["short", "not base64 é", "A" * 100, " "])
def test_what_is_no_key_is_refused_and_leaves_none(tmp_path: Path, given: str) -> None:
    with pytest.raises(CamrecError, match="CAMREC_SECRET_KEY is not a key"):
        Secrets(tmp_path, given)
    assert not (tmp_path / "secret.key").exists()


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe" * 30])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret.key").write_bytes(content)
    with pytest.raises(CamrecError, match=r"secret\.key is not a key"):
        Secrets(tmp_path)


def test_two_different_keys_are_refused(tmp_path: Path) -> None:
    Secrets(tmp_path / "other")
    Secrets(tmp_path / "this")
    with pytest.raises(CamrecError, match="another key than that in"):
        Secrets(tmp_path / "this", (tmp_path / "other" / "secret.key").read_text())


def test_an_address_of_another_installation_says_where_the_key_comes_from(tmp_path: Path) -> None:
    url = Secrets(tmp_path / "first").encrypt("rtsp://gate/")
    with pytest.raises(CamrecError, match="that of the first machine where there are several: CAMREC_SECRET_KEY"):
        Secrets(tmp_path / "second").decrypt(url)
