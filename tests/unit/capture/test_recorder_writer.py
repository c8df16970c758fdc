"""The thread that writes: what it does when packets come too fast, and when the disk takes no more."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

from capture.disk_guard import DiskGuard
from capture.drops import Drops
from capture.recorder import writer as writer_module
from capture.recorder.writer import Writer
from tests.support.numbered import read_counter
from tests.unit.capture.recorder_support import Collected, Film, film

CAMERA = 7


@pytest.fixture(scope="module")
def h264(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return film(tmp_path_factory.mktemp("film") / "h264.ts")


class Recording:
    """A writer whose thread is the test's."""

    def __init__(self, media: Path) -> None:
        self.media, self.drops, self._whole = media, Drops(), Collected()
        self.writer = Writer(media, "node", DiskGuard(media, 0, "", ""), self, self.drops)

    def commit(self, finished: object) -> None:
        self._whole.finished.append(finished)

    def is_paused(self) -> bool:
        return self.writer.figures(CAMERA).is_paused

    def put(self, h264: Film, numbers: range) -> None:
        for arrival in h264.arrivals(numbers):
            self.writer.put(CAMERA, arrival, "continuous")

    def write(self) -> None:
        self.writer._write_waiting()

    def end(self) -> list[list[int]]:
        """The numbers of the pictures of each run."""
        self.writer.end(CAMERA)
        self.write()
        runs: dict[str, list[int]] = {}
        for finished in self._whole.finished:
            with av.open(str(self.media / finished.open_path)) as container:
                frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
            runs.setdefault(finished.segment.run, []).extend(map(read_counter, frames))
        return list(runs.values())


@contextmanager
def no_file_longer_than(size_bytes: int) -> Iterator[None]:
    """A write behind it fails, as on a full disk (setrlimit(2))."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_too_fast_for_the_disk(tmp_path: Path, h264: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    size = sum(len(data) for data, _ in h264.packets[:20])
    monkeypatch.setattr(writer_module, "MAX_WAITING_BYTES", size)
    recording = Recording(tmp_path)
    recording.put(h264, range(25))
    assert recording.writer.waiting_bytes(CAMERA) == size
    recording.write()
    assert recording.writer.waiting_bytes(CAMERA) == 0
    recording.put(h264, range(25, 33))  # 30 is a key frame
    recording.write()
    assert recording.end() == [[*range(20)], [30, 31, 32]]
    assert recording.drops.of(CAMERA) == {"record_busy": 10}


def test_no_room(tmp_path: Path, h264: Film) -> None:
    recording = Recording(tmp_path)
    figures = recording.writer.figures(CAMERA)
    recording.put(h264, range(20))
    recording.write()
    assert not recording.is_paused()
    recording.writer.has_room = False
    recording.put(h264, range(20, 40))
    recording.write()
    assert recording.is_paused()
    assert figures.segments == 1, "what was there is whole"
    recording.writer.has_room = True
    recording.put(h264, range(40, 60))
    recording.write()
    assert not recording.is_paused()
    assert recording.end() == [[*range(20)], [*range(45, 60)]]
    assert recording.drops.of(CAMERA) == {"record_disk_low": 20, "record_no_key_frame": 5}
    assert figures.gaps == 1


def test_the_disk_refuses_in_the_midst_of_a_segment(tmp_path: Path, h264: Film) -> None:
    recording = Recording(tmp_path)
    recording.put(h264, range(20))
    recording.write()
    (open_file,) = tmp_path.rglob("*.mp4")
    with no_file_longer_than(open_file.stat().st_size + 100):
        recording.put(h264, range(20, 40))
        recording.write()
    assert recording.is_paused()
    assert recording.drops.of(CAMERA)["record_disk_full"] >= 1
    recording.put(h264, range(40, 60))
    recording.write()
    assert not recording.is_paused()
    assert recording.end() == [[*range(45, 60)]]
    assert open_file.exists(), "its whole fragments are repaired and indexed later"


def test_one_camera_that_fails_stops_no_other(tmp_path: Path, h264: Film) -> None:
    recording = Recording(tmp_path)
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "8").write_bytes(b"a file where a folder must be")
    for arrival in h264.arrivals(range(20)):
        recording.writer.put(8, arrival, "continuous")
    recording.put(h264, range(20))
    recording.write()
    assert recording.writer.figures(8).is_paused
    assert recording.drops.of(8)["record_disk_full"] > 0
    assert recording.end() == [[*range(20)]]
