"""Segments that are whole get their names and their rows, each once, whatever fails in between."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from capture.drops import Drops
from capture.recorder import committer as committer_module
from capture.recorder import unindexed
from capture.recorder.committer import Committer
from capture.recorder.track import Finished, Track
from core.errors import UnavailableError
from storage.segments import Segment
from tests.unit.capture.recorder_support import Collected, film

AT = 1_795_500_000.0


class Index:
    """Stands in for the table: a unit test has no database."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.is_away = False

    def add(self, segments: Iterable[Segment]) -> int:
        self.newest()
        found = [segment.path for segment in segments]
        self.paths += found
        return len(found)

    def newest(self, *_of: object) -> None:
        if self.is_away:
            raise UnavailableError("The database cannot be used now")

    def without_rows(self, paths: Sequence[str]) -> list[str]:
        self.newest()
        return [path for path in paths if path not in self.paths]

    def mark_near_events(self, paths: Sequence[str]) -> int:
        return len(paths)

    def paths_of(self, camera_id: int) -> list[str]:
        return [path for path in self.paths if path.startswith(f"recordings/{camera_id}/")]


class Bench:
    def __init__(self, media: Path) -> None:
        self.media, self.index, self.drops = media, Index(), Drops()
        self.cameras: list[int] = []
        self.committer = Committer(media, "here", self.index, self.drops, lambda: self.cameras)  # type: ignore[arg-type]

    def finish(self, camera_id: int, number: int = 0, *, vanishes: bool = False) -> None:
        """The recorder of a camera has written a segment under its temporary name."""
        path = f"recordings/{camera_id}/20261124/12/{number}.mp4"
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
        return sorted(p.name for p in (self.media / f"recordings/{camera_id}/20261124/12").glob("*"))


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
        ["recordings/1/20261124/12/0.mp4"],
        [],
        ["recordings/3/20261124/12/0.mp4"],
    )
    assert (bench.names(1), bench.names(3)) == (["0.mp4"], ["0.mp4"])
    assert (bench.media / "recordings/2/open/0.mp4").is_file(), "it waits"
    assert "vanished" not in caplog.text

    blocked.unlink()
    bench.finish(2, 1)
    bench.committer._pass()
    assert bench.index.paths_of(2) == ["recordings/2/20261124/12/0.mp4", "recordings/2/20261124/12/1.mp4"]
    assert bench.names(2) == ["0.mp4", "1.mp4"]
    assert len(bench.index.paths) == 4


def test_what_has_vanished_gets_no_row(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.finish(1, vanishes=True)
    bench.finish(1, 1)
    bench.committer._pass()
    assert bench.index.paths == ["recordings/1/20261124/12/1.mp4"]
    assert "vanished" in caplog.text


@pytest.fixture(scope="module")
def segment_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real one."""
    folder, said = tmp_path_factory.mktemp("film"), Collected()
    track = Track(7, folder, "here", said.finished.append, said.lost.append)
    for arrival in film(folder / "film.ts", 70).arrivals(range(70)):
        track.take(arrival)
    track.abandon()
    return folder / str(said.finished[0].open_path)


def put(bench: Bench, segment_file: Path, camera_id: int, hour: int, count: int) -> list[str]:
    """Files that nobody has indexed."""
    paths = [f"recordings/{camera_id}/20261124/{hour:02d}/{number:04d}-000.mp4" for number in range(count)]
    (bench.media / paths[0]).parent.mkdir(parents=True)
    for path in paths:
        shutil.copy(segment_file, bench.media / path)
    return paths


def test_many_files_without_rows_are_found_a_part_of_each_camera_in_turn(
    bench: Bench, segment_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unindexed, "FILES_AT_ONCE", 4)
    monkeypatch.setattr(committer_module, "FILES_PER_BATCH", 3)
    bench.cameras = [7, 8]
    first = put(bench, segment_file, 7, 11, 9) + put(bench, segment_file, 7, 12, 9)
    second = put(bench, segment_file, 8, 12, 2)
    seen = []
    while len(bench.index.paths) < len(first) + len(second):
        bench.committer._pass()
        seen.append(len(bench.committer._unindexed))
        assert len(seen) < 20, "it goes on"
        if len(seen) == 3:
            assert bench.index.paths_of(8) == second, "not after all of the other's"
    assert bench.index.paths_of(7) == first
    assert max(seen) <= 3 + 4


def test_what_cannot_be_read_now_is_read_later(
    bench: Bench, segment_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench.cameras = [7]
    paths = put(bench, segment_file, 7, 12, 3)
    (bench.media / paths[1]).unlink()
    (bench.media / paths[1]).mkdir()  # to read it is an error that passes
    for _ in range(3):
        bench.committer._pass()
    assert bench.index.paths == [paths[0], paths[2]]
    assert caplog.text.count("cannot be read yet") == 1
    (bench.media / paths[1]).rmdir()
    shutil.copy(segment_file, bench.media / paths[1])
    bench.committer._pass()
    assert sorted(bench.index.paths) == paths


def test_rows_that_wait_are_bounded_and_their_files_found_again(
    bench: Bench, segment_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer_module, "MAX_WAITING", 2)
    bench.cameras = [1]
    bench.committer._pass()
    bench.index.is_away = True
    for number in range(5):
        bench.finish(1, number)
        shutil.copy(segment_file, bench.media / f"recordings/1/open/{number}.mp4")
        bench.committer._pass()
    assert len(bench.committer._rows) == 2
    assert bench.drops.of(1) == {"record_index_late": 3}
    bench.index.is_away = False
    bench.committer._pass()
    assert sorted(set(bench.index.paths)) == [f"recordings/1/20261124/12/{number}.mp4" for number in range(5)]


def test_files_that_wait_for_their_names_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committer_module, "MAX_WAITING", 2)
    for number in range(3):
        bench.finish(1, number)
    bench.committer._pass()
    assert bench.names(1) == ["1.mp4", "2.mp4"]
    assert bench.drops.of(1) == {"record_index_late": 1}
    assert (bench.media / "recordings/1/open/0.mp4").is_file(), "the sweep takes it"


def test_a_file_that_another_process_has_named_gets_its_row(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.finish(1)
    (bench.media / "recordings/1/20261124/12").mkdir(parents=True)
    (bench.media / "recordings/1/open/0.mp4").rename(bench.media / "recordings/1/20261124/12/0.mp4")
    bench.committer._pass()
    assert bench.index.paths == ["recordings/1/20261124/12/0.mp4"]
    assert "vanished" not in caplog.text
