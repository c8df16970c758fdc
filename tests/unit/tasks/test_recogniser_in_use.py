from __future__ import annotations

from collections.abc import Sequence

import pytest

from core.errors import CamrecError
from core.types import Detection, Picture
from tasks.recogniser_in_use import RecogniserInUse


class Fake:
    """A recogniser that only has a name."""

    def __init__(self, model: str) -> None:
        self.model = model

    def describe(self) -> str:
        return self.model

    def recognise(self, frames: Sequence[Picture]) -> list[tuple[Detection, ...]]:
        return [() for _ in frames]

    def warm_up(self) -> None:
        pass


class Folder:
    """Stands for the models folder: what is in it, and what building from it gives."""

    def __init__(self, content: str | Exception) -> None:
        self.content = content
        self.built = 0

    def build(self) -> Fake:
        self.built += 1
        if isinstance(self.content, Exception):
            raise self.content
        return Fake(self.content)

    def in_use(self) -> RecogniserInUse:
        return RecogniserInUse("falls", self.build, lambda: str(self.content))


def name(in_use: RecogniserInUse) -> str | None:
    return None if in_use.current is None else in_use.current.model


MISSING = CamrecError("Model m is not on this machine: fetch it with `camrec models pull m`.")


def test_a_missing_model_is_told_and_heals_when_it_comes(caplog: pytest.LogCaptureFixture) -> None:
    folder = Folder(MISSING)
    in_use = folder.in_use()
    assert (name(in_use), in_use.missing) == (None, str(MISSING))
    assert "model_missing" in caplog.text
    assert "camrec models pull m" in caplog.text

    folder.content = "m"
    in_use.refresh()

    assert (name(in_use), in_use.missing) == ("m", None)


def test_nothing_is_built_while_nothing_changes() -> None:
    for content in ("m", MISSING):
        folder = Folder(content)
        in_use = folder.in_use()
        in_use.refresh()
        assert folder.built == 1


def test_another_model_takes_its_place_while_a_batch_keeps_the_old_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    folder = Folder("old")
    in_use = folder.in_use()
    batch = in_use.current
    folder.content = "new"
    in_use.refresh()
    assert batch is not None
    assert (batch.model, name(in_use)) == ("old", "new")
    assert "new in place of old" in caplog.text


def test_the_old_model_stays_where_the_new_one_fails(caplog: pytest.LogCaptureFixture) -> None:
    folder = Folder("old")
    in_use = folder.in_use()
    folder.content = CamrecError("new.onnx cannot be loaded")
    in_use.refresh()
    assert (name(in_use), in_use.missing) == ("old", None)
    assert "falls goes on with old: new.onnx cannot be loaded" in caplog.text


def test_an_error_of_no_kind_of_ours_costs_only_its_model(caplog: pytest.LogCaptureFixture) -> None:
    in_use = Folder(OSError("cannot be read")).in_use()
    assert in_use.missing == "OSError while models were loaded: the worker's log says more."
    assert "cannot be read" in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(CamrecError("selection.yaml names an unknown role"), id="a broken file"),
        pytest.param(PermissionError("selection.yaml"), id="an unreadable file"),
    ],
)
def test_a_state_that_cannot_be_told_is_a_state(error: Exception) -> None:
    def state() -> str:
        raise error

    folder = Folder(MISSING)
    in_use = RecogniserInUse("falls", folder.build, state)
    in_use.refresh()
    assert folder.built == 1
