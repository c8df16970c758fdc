from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from capture import disk_guard
from capture import keeper as keeper_module
from capture.disk_guard import DiskGuard
from capture.drops import Drops
from capture.keeper import Keeper
from core.errors import UnavailableError
from core.types import FrameRef
from storage.kept_frames import KeptFrame
from storage.media import Media, decode_jpeg
from storage.retention import room

AT = 1_795_500_000.25
PIXELS = np.full((48, 64, 3), 128, np.uint8)


class Rows:
    """Stands in for the table: a unit test has no database."""

    def __init__(self) -> None:
        self.stored: list[KeptFrame] = []
        self.locked = False

    def add(self, frames: Sequence[KeptFrame]) -> None:
        if self.locked:
            raise UnavailableError("locked")
        self.stored.extend(frames)


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder, self.rows, self.drops = folder, Rows(), Drops()
        disk = DiskGuard(folder, 0, "Frames are not kept", "free some")
        self.keeper = Keeper(Media(folder), disk, self.rows, self.drops)  # type: ignore[arg-type]

    def offer(self, camera_id: int, count: int = 1) -> None:
        for number in range(count):
            self.keeper.offer(FrameRef(camera_id, number, AT + number, 64, 48), PIXELS)

    def run(self) -> None:
        """Until all that was offered is on disk."""
        self.keeper.start()
        self.keeper.stop(10.0)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(room, "MIN_FREE_SHARE", 0.0)
    return Bench(tmp_path / "media")


def test_frames_get_a_file_and_a_row(bench: Bench) -> None:
    bench.offer(5, 3)
    bench.run()
    assert [row.captured_at for row in bench.rows.stored] == [AT, AT + 1, AT + 2]
    for row in bench.rows.stored:
        data = (bench.folder / row.path).read_bytes()
        picture = decode_jpeg(data)
        assert picture is not None
        assert (picture.shape, len(data)) == ((48, 64, 3), row.size_bytes)
    assert bench.keeper.newest_paths() == {5: bench.rows.stored[-1].path}
    assert bench.keeper.newest_paths() == {}


def test_rows_wait_while_the_database_is_locked_and_their_number_is_bounded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "MAX_WAITING_ROWS", 2)
    bench.rows.locked = True
    bench.offer(5, 3)
    bench.run()
    assert bench.rows.stored == []
    assert bench.drops.of(5) == {"rows_lost": 1}
    assert len(list(bench.folder.rglob("*.jpg"))) == 2


def test_frames_that_wait_for_the_disk_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "MAX_WAITING_BYTES", 2 * PIXELS.nbytes)
    bench.offer(5, 5)
    bench.run()
    assert (len(bench.rows.stored), bench.drops.of(5)) == (2, {"keep_busy": 3})


def test_nearly_full_disk_is_left_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_guard, "needed_bytes", lambda total_bytes, _min_free_bytes: total_bytes)
    bench.offer(5)
    bench.run()
    assert bench.drops.of(5) == {"disk_low": 1}
    assert list(bench.folder.rglob("*.jpg")) == []


def test_frame_that_cannot_be_written_is_counted(bench: Bench) -> None:
    bench.folder.mkdir()
    (bench.folder / "frames").write_text("a file where a folder should be")
    bench.offer(5)
    bench.run()
    assert (bench.drops.of(5), bench.rows.stored) == ({"disk_full": 1}, [])
