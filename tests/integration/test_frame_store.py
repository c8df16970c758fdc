"""What every frame store promises, whichever way frames travel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from core.errors import UnavailableError
from core.recognitions import ClipShape
from core.settings import Settings, get_settings
from core.types import Picture
from storage.frames.evidence import LEAST_PER_CAMERA, MAX_PER_CAMERA
from storage.frames.store import FrameStore, open_frame_store
from storage.media import decode_jpeg

pytestmark = pytest.mark.integration

SHAPE = ClipShape(frames=16, least_frames=8, span_s=2.5, stride_s=0.5, width=320)
SEQ = 1_700_000_000_000_000
MEMORY = 16_000_000

Open = Callable[[], FrameStore]


@pytest.fixture(params=["shm", "redis"])
def open_store(request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens the store as each process does."""
    monkeypatch.setenv("CAMREC_FRAME_TRANSPORT", request.param)
    monkeypatch.setenv("CAMREC_FRAME_MEMORY", str(MEMORY))
    get_settings.cache_clear()
    opened: list[FrameStore] = []

    def open_one() -> FrameStore:
        opened.append(open_frame_store(get_settings()))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Open) -> FrameStore:
    return open_store()


def slope(height: int = 360, width: int = 640) -> Picture:
    """Looks the same after JPEG."""
    across, down = np.meshgrid(np.linspace(0, 200, width), np.linspace(0, 50, height))
    return np.repeat((across + down)[:, :, None], 3, 2).astype(np.uint8)


def flat(value: int, height: int = 48, width: int = 64) -> Picture:
    return np.full((height, width, 3), value, np.uint8)


def assert_same_picture(one: Picture | None, other: Picture) -> None:
    assert one is not None
    assert one.shape == other.shape
    assert one.dtype == np.uint8
    assert np.abs(one.astype(int) - other).max() <= 4


def test_what_one_process_writes_another_reads(open_store: Open) -> None:
    writer, reader = open_store(), open_store()
    ref = writer.write(3, slope(), 1.5)
    assert (ref.camera_id, ref.seq, ref.captured_at, ref.width, ref.height) == (3, 1_500_000, 1.5, 640, 360)
    frame = reader.newest(3)
    assert frame is not None
    assert frame.ref == ref
    assert_same_picture(frame.pixels, slope())
    assert reader.newest(4) is None
    writer.write(3, slope()[:100, :50], 2.5)
    smaller = reader.newest(3)
    assert smaller is not None
    assert smaller.pixels.shape == (100, 50, 3)


def test_a_frame_that_was_seen_is_not_given_again(store: FrameStore) -> None:
    ref = store.write(3, slope(), 1.0)
    assert store.newest(3, seen=ref.seq) is None
    assert store.newest_jpeg(3, seen=ref.seq) is None
    assert store.newest(3, seen=ref.seq - 1) is not None
    newer = store.write(3, slope(), 2.0)
    found = store.newest_jpeg(3, seen=ref.seq)
    assert found is not None
    assert found.ref == newer
    assert_same_picture(decode_jpeg(found.jpeg), slope())


@pytest.mark.parametrize(
    ("pixels", "captured_at", "complaint"),
    [
        pytest.param(np.zeros((4, 4), np.uint8), 1.0, r"\(4, 4\) uint8", id="grey"),
        pytest.param(np.zeros((4, 4, 3), np.float32), 1.0, "float32", id="float"),
        pytest.param(np.zeros((0, 4, 3), np.uint8), 1.0, r"\(0, 4, 3\)", id="empty"),
        pytest.param(flat(0), float("nan"), "nan", id="no time"),
        pytest.param(flat(0), -1.0, "-1.0", id="before the epoch"),
        pytest.param(flat(0), 1e10, "10000000000.0", id="beyond all clocks"),
    ],
)
def test_what_is_no_frame_is_refused(store: FrameStore, pixels: Picture, captured_at: float, complaint: str) -> None:
    for write in (store.write, store.write_clip_picture):
        with pytest.raises(ValueError, match=complaint):
            write(1, pixels, captured_at)
    assert store.newest(1) is None


def test_a_camera_moves_between_processes_with_its_seq(open_store: Open) -> None:
    store, other = open_store(), open_store()
    first = store.write(1, slope(), 9.0)
    with pytest.raises(UnavailableError, match="Another process writes"):
        other.write(1, slope(), 1.0)
    assert_newest(other, first.seq)
    store.release(1)
    assert other.write(1, slope(), 1.0).seq == first.seq + 1
    other.close()
    assert store.write(1, slope(), 1.0).seq == first.seq + 2
    assert_newest(store, first.seq + 2)


def assert_newest(store: FrameStore, seq: int) -> None:
    frame = store.newest(1)
    assert frame is not None
    assert frame.ref.seq == seq


def test_a_clock_that_is_set_back_does_not_stop_a_camera(store: FrameStore) -> None:
    seqs = [store.write(1, slope(), at).seq for at in (1e9, 1e9, 5.0, 1e9 + 1)]
    assert seqs == [10**15, 10**15 + 1, 10**15 + 2, 10**15 + 10**6]
    assert_newest(store, seqs[-1])


def test_sweep_removes_what_no_camera_has(store: FrameStore) -> None:
    for camera_id in (1, 2, 30):
        store.write(camera_id, flat(7), 1.0)
        store.evidence.keep(camera_id, SEQ, b"picture")
    assert store.sweep([2, 99]) == {1, 30}
    assert [store.newest(camera_id) is None for camera_id in (1, 2, 30)] == [True, False, True]
    assert [store.evidence.get(camera_id, SEQ) for camera_id in (1, 2, 30)] == [None, b"picture", None]
    assert store.sweep([2, 99]) == set()
    store.sweep([])
    assert store.usage() == (0, MEMORY)


def test_sweep_removes_clips_whose_frames_are_gone_already(store: FrameStore) -> None:
    feed(store, 7, 16)
    assert store.sweep([]) == {7}
    assert store.clip(7, SHAPE) is None
    assert store.usage()[0] == 0


def test_a_removed_camera_s_memory_is_free(store: FrameStore) -> None:
    for camera_id in (1, 2):
        store.write(camera_id, slope(), 1.0)
        feed(store, camera_id, 16)
    store.remove(2)
    used = store.usage()[0]
    assert store.newest(2) is None
    assert store.clip(2, SHAPE) is None
    assert_newest(store, 1_000_000)
    store.write(2, slope(), 1.0)
    feed(store, 2, 16)
    assert store.usage()[0] == 2 * used


def test_a_full_store_refuses_new_cameras_and_serves_the_others(store: FrameStore) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)  # JPEG does not help
    refused = cameras_that_fit(store, picture)
    with pytest.raises(UnavailableError, match=rf"store is full: camera {refused} needs .*CAMREC_FRAME_MEMORY"):
        store.write(refused, picture, 1.0)
    assert store.usage()[0] <= MEMORY
    for known in range(refused):
        assert store.write(known, picture, 2.0).seq == 2_000_000
    assert store.newest(refused) is None
    store.remove(0)
    store.write(refused, picture, 2.0)


def cameras_that_fit(store: FrameStore, picture: Picture) -> int:
    for camera_id in range(100):
        try:
            store.write(camera_id, picture, 1.0)
        except UnavailableError:
            return camera_id
    raise AssertionError("a hundred cameras fit into a store for a few")


def feed(
    store: FrameStore, camera_id: int, count: int, step_s: float = 0.125, size: tuple[int, int] = (48, 64)
) -> None:
    for number in range(count):
        store.write_clip_picture(camera_id, flat(2 * number, *size), 100.0 + number * step_s)


@pytest.mark.parametrize(
    ("count", "step_s", "numbers"),
    [
        pytest.param(16, 0.125, list(range(16)), id="a whole clip"),
        pytest.param(100, 0.125, list(range(84, 100)), id="the newest"),
        pytest.param(8, 0.125, list(range(8)), id="just enough"),
        pytest.param(7, 0.125, None, id="too few"),
        pytest.param(20, 0.25, list(range(9, 20)), id="a slow camera: no further back than the window"),
        pytest.param(20, 0.5, None, id="too slow"),
        pytest.param(20, 0.0, None, id="no time passes"),
    ],
)
def test_a_clip_is_the_newest_window(open_store: Open, count: int, step_s: float, numbers: list[int] | None) -> None:
    feed(open_store(), 1, count, step_s)
    clip = open_store().clip(1, SHAPE)
    assert (clip and [round(float(p.mean()) / 2) for p in clip.pictures]) == numbers
    assert clip is None or clip.interval_s == pytest.approx(step_s)


def test_a_clip_holds_one_size_of_pictures(store: FrameStore) -> None:
    feed(store, 1, 16)
    feed(store, 1, 9, size=(30, 40))
    clip = store.clip(1, SHAPE)
    assert clip is not None
    assert {p.shape for p in clip.pictures} == {(30, 40, 3)}


def test_threads_of_one_process_share_a_store(store: FrameStore) -> None:
    def write_and_read(number: int) -> bool:
        camera_id = number % 3
        ref = store.write(camera_id, flat(80 * camera_id), 1.0)
        frame = store.newest(camera_id)
        return frame is not None and frame.ref.seq >= ref.seq and abs(frame.pixels.mean() - 80 * camera_id) < 2

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write_and_read, range(300)))


def test_all_processes_know_the_store_by_one_name(open_store: Open) -> None:
    name = open_store().identity()
    assert name.partition(":")[0] in {"shm", "redis"}
    assert open_store().identity() == name


def kept(store: FrameStore, camera_id: int, seqs: range) -> list[int]:
    return [seq for seq in seqs if store.evidence.get(camera_id, seq) is not None]


def test_evidence_is_kept_for_its_camera_and_frame(open_store: Open) -> None:
    writer, reader = open_store().evidence, open_store().evidence
    writer.keep(1, SEQ, b"first")
    writer.keep(1, SEQ, b"one")
    writer.keep(2, SEQ, b"two")
    assert [reader.get(camera_id, SEQ) for camera_id in (1, 2, 3)] == [b"one", b"two", None]
    assert reader.get(1, SEQ + 1) is None


def test_the_oldest_evidence_goes_in_the_order_of_seq(store: FrameStore) -> None:
    numbers = range(95, 95 + MAX_PER_CAMERA + 10)  # from two digits to three
    for seq in numbers:
        store.evidence.keep(1, seq, b"x")
    store.evidence.keep(2, 1, b"another camera's")
    assert kept(store, 1, numbers) == list(numbers[10:])
    assert kept(store, 2, range(2)) == [1]


def test_where_the_evidence_takes_its_share_each_camera_keeps_fewer(open_store: Open) -> None:
    picture = bytes(MEMORY // 8 // 10)
    for camera_id in (1, 2, 3):
        evidence = open_store().evidence  # a ring's folder is looked at now and then, and first at the start
        for seq in range(6):
            evidence.keep(camera_id, seq, picture)
    assert kept(open_store(), 3, range(6)) == list(range(6 - LEAST_PER_CAMERA, 6))
