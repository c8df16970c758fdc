"""The frame store in shared memory: its budget, its privacy, memory that is given back."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.clock import SystemClock
from core.errors import UnavailableError
from core.settings import Settings
from storage.frames.folder import RingFolder
from storage.frames.ring import SLOTS
from storage.frames.shm_store import PRUNE_INTERVAL_S, ShmFrameStore

PIXELS = np.arange(360 * 640 * 3, dtype=np.uint8).reshape(360, 640, 3)
RING_BYTES = 4096 + SLOTS * 169 * 4096


def make_settings(tmp_path: Path, **changed: object) -> Settings:
    values = {"data": tmp_path / "data", "frame_dir": tmp_path, "frame_memory": 16_000_000, **changed}
    return Settings.model_validate(values)


@pytest.fixture
def store(tmp_path: Path) -> ShmFrameStore:
    return ShmFrameStore(make_settings(tmp_path))


def test_installations_do_not_meet(tmp_path: Path, store: ShmFrameStore) -> None:
    other = ShmFrameStore(make_settings(tmp_path, data=tmp_path / "other"))
    store.write(3, PIXELS, 1.0)
    assert other.newest(3) is None
    assert other.usage() == (0, 16_000_000)


def test_the_budget_is_kept_and_the_error_says_what_to_do(store: ShmFrameStore) -> None:
    cameras = 14_000_000 // RING_BYTES
    for camera_id in range(cameras):
        store.write(camera_id, PIXELS, 1.0)
    assert store.usage() == (cameras * RING_BYTES, 16_000_000)
    with pytest.raises(UnavailableError) as refused:
        store.write(cameras, PIXELS, 1.0)
    for part in (
        "camera 5",
        "2.8 MB",
        "13.9 MB of the 14.0 MB",
        "CAMREC_FRAME_MEMORY",
        "CAMREC_FRAME_DIR",
        "--shm-size",
    ):
        assert part in str(refused.value)
    store.remove(0)
    store.write(cameras, PIXELS, 1.0)


def test_a_ring_that_grows_counts_once(store: ShmFrameStore) -> None:
    large = np.zeros((720, 1280, 3), np.uint8)
    store.write(1, large[:700], 1.0)
    store.write(1, large, 2.0)
    assert store.usage()[0] == 4096 + SLOTS * large.nbytes
    with pytest.raises(UnavailableError, match=r"0 B of the 14\.0 MB"):
        store.write(1, np.zeros((1080, 1920, 3), np.uint8), 3.0)
    frame = store.newest(1)
    assert frame is not None
    assert frame.ref.captured_at == 2.0


def test_a_small_file_system_is_told_before_it_is_full(store: ShmFrameStore, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(store.folder)
    tiny = os.statvfs_result((real.f_bsize, real.f_frsize, 16, 16, 16, *real[5:]))
    monkeypatch.setattr(os, "statvfs", lambda _: tiny)
    with pytest.raises(UnavailableError, match=r"needs 2\.8 MB, and 65\.5 KB are free .*--shm-size"):
        store.write(1, PIXELS, 1.0)


def test_a_full_file_system_is_an_error_and_leaves_nothing(
    store: ShmFrameStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UnavailableError, match="No space left"):
        store.write(1, PIXELS, 1.0)
    assert sorted(path.name for path in store.folder.iterdir()) == ["evidence", "lock"]


def test_all_memory_is_taken_when_a_ring_is_made(store: ShmFrameStore) -> None:
    store.write(1, PIXELS[:2, :2], 1.0)
    (ring,) = store.folder.glob("*.ring")
    assert ring.stat().st_blocks * 512 >= ring.stat().st_size


def test_clips_and_frames_share_one_budget(store: ShmFrameStore) -> None:
    for camera_id in range(14_000_000 // RING_BYTES):
        store.write(camera_id, PIXELS, 1.0)
    with pytest.raises(UnavailableError, match="The frame store is full: camera 1 needs"):
        store.write_clip_picture(1, PIXELS, 1.0)
    store.remove(0)
    store.write_clip_picture(1, PIXELS[:64, :64], 1.0)


class HandClock(SystemClock):
    """Moves when the test says so."""

    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


def test_a_reader_lets_go_of_the_rings_of_removed_cameras(tmp_path: Path, store: ShmFrameStore) -> None:
    clock = HandClock()
    reader = ShmFrameStore(make_settings(tmp_path), clock)
    for camera_id in (1, 2):
        store.write(camera_id, PIXELS, 1.0)
        assert reader.newest(camera_id) is not None
    store.remove(1)
    assert _mapped_rings(store) == ["camera-1.ring (deleted)", "camera-2.ring", "camera-2.ring"]
    clock.now_s += PRUNE_INTERVAL_S
    assert reader.newest(2) is not None
    assert _mapped_rings(store) == ["camera-2.ring", "camera-2.ring"]


def _mapped_rings(store: ShmFrameStore) -> list[str]:
    maps = Path("/proc/self/maps").read_text().splitlines()
    return sorted(line.rpartition("/")[2] for line in maps if f"{store.folder}/" in line)


def _symlink(path: Path) -> None:
    (path.parent / "elsewhere").mkdir(mode=0o700)
    path.symlink_to(path.parent / "elsewhere")


def _open_to_all(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


@pytest.mark.parametrize(
    ("prepare", "complaint"),
    [
        pytest.param(_symlink, "only user", id="a link"),
        pytest.param(_open_to_all, "drwxrwxrwx", id="open to all"),
        pytest.param(Path.touch, "File exists", id="a file"),
    ],
)
def test_a_folder_laid_by_a_stranger_is_refused(
    tmp_path: Path, prepare: Callable[[Path], None], complaint: str
) -> None:
    prepare(tmp_path / "rings")
    with pytest.raises(UnavailableError, match=complaint):
        RingFolder(tmp_path / "rings", 1)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"No such file or directory.*CAMREC_FRAME_DIR"):
        ShmFrameStore(make_settings(tmp_path, frame_dir=tmp_path / "missing"))


def test_a_lock_that_is_never_freed_does_not_hang(tmp_path: Path) -> None:
    folder = RingFolder(tmp_path / "rings", 1)
    with (folder.path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UnavailableError, match="for too long"):
            folder.lock(timeout_s=0.02).__enter__()


def test_what_a_killed_process_left_unfinished_goes(store: ShmFrameStore) -> None:
    leftover = store.folder / "camera-5.ring.new"
    leftover.write_bytes(b"x")
    store.write(1, PIXELS, 1.0)
    assert not leftover.exists()


def test_a_folder_that_vanishes_comes_back_with_the_next_frame(store: ShmFrameStore) -> None:
    store.write(1, PIXELS, 1.0)
    store.evidence.keep(1, 1, b"x")
    shutil.rmtree(store.folder)
    assert store.usage()[0] == 0
    store.evidence.sweep([])
    with pytest.raises(UnavailableError, match="No such file"):
        store.evidence.keep(1, 2, b"x")
    assert not store.folder.exists(), "made without care, others could enter it"
    ref = store.write(1, PIXELS, 2.0)
    newest = store.newest(1)
    assert newest is not None
    assert newest.ref == ref
    store.evidence.keep(1, 3, b"y")
    assert store.evidence.get(1, 3) == b"y"
    assert {path.stat().st_mode & 0o777 for path in (store.folder, store.folder / "evidence")} == {0o700}


def test_no_error_of_the_system_reaches_the_stream(
    tmp_path: Path, store: ShmFrameStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(1, PIXELS, 1.0)
    store.release(1)

    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr("storage.frames.layout.mmap.mmap", fails)
    with pytest.raises(UnavailableError, match="Cannot allocate memory"):
        ShmFrameStore(make_settings(tmp_path)).write(1, PIXELS, 2.0)
