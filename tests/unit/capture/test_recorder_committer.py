"""Segments that are whole get their names and their rows, each once, whatever fails in between."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from capture.recorder.committer import Committer
from capture.recorder.track import Finished
from storage.segments import Segment

AT = 1_795_500_000.0


class Index:
    """Stands in for the table: a unit test has no database."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def add(self, segments: Iterable[Segment]) -> int:
        found = [segment.path for segment in segments]
        self.paths += found
        return len(found)

    def paths_of(self, camera_id: int) -> list[str]:
        return [path for path in self.paths if path.startswith(f"recordings/{camera_id}/")]


class Bench:
    def __init__(self, media: Path) -> None:
        self.media, self.index = media, Index()
        self.committer = Committer(media, "here", self.index, list)  # type: ignore[arg-type]

    def finish(self, camera_id: int, number: int = 0, *, vanishes: bool = False) -> None:
        """The recorder of a camera has written a segment under its temporary name."""
        path = f"recordings/{camera_id}/20261124/{number}.mp4"
        open_path = f"recordings/{camera_id}/open/{number}.mp4"
        (self.media / open_path).parent.mkdir(parents=True, exist_ok=True)
        if not vanishes:
            (self.media / open_path).write_bytes(b"x")
        segment = Segment(
            camera_id, AT, AT + 4, 4.0, path, 1, "h264", 320, 240,
            has_audio=False, run="r", key_times=(0.0,), retention_class="continuous",
        )  # fmt: skip
        self.committer.commit(Finished(open_path, segment))

    def names(self, camera_id: int) -> list[str]:
        return sorted(p.name for p in (self.media / f"recordings/{camera_id}/20261124").glob("*"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "media")


def test_a_folder_that_cannot_be_made_holds_up_nobody_and_doubles_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    for camera_id in (1, 2, 3):
        bench.finish(camera_id)
    blocked = bench.media / "recordings/2/20261124"
    blocked.write_text("a file where a folder should be")
    for _ in range(3):
        bench.committer._pass()
    assert (bench.index.paths_of(1), bench.index.paths_of(2), bench.index.paths_of(3)) == (
        ["recordings/1/20261124/0.mp4"],
        [],
        ["recordings/3/20261124/0.mp4"],
    )
    assert (bench.names(1), bench.names(3)) == (["0.mp4"], ["0.mp4"])
    assert (bench.media / "recordings/2/open/0.mp4").is_file(), "it waits"
    assert "vanished" not in caplog.text

    blocked.unlink()
    bench.finish(2, 1)
    bench.committer._pass()
    assert bench.index.paths_of(2) == ["recordings/2/20261124/0.mp4", "recordings/2/20261124/1.mp4"]
    assert bench.names(2) == ["0.mp4", "1.mp4"]
    assert len(bench.index.paths) == 4


def test_what_has_vanished_gets_no_row(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.finish(1, vanishes=True)
    bench.finish(1, 1)
    bench.committer._pass()
    assert bench.index.paths == ["recordings/1/20261124/1.mp4"]
    assert "vanished" in caplog.text
