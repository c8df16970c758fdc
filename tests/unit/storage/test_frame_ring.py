"""The ring of one camera: every word and pixel that a reader is given belongs to the frame it asked for."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.errors import UnavailableError
from core.types import FrameRef, Picture
from storage.frames.folder import RingFolder
from storage.frames.layout import MAGIC, PAGE_BYTES, VERSION, Header, Ring, RingFormatError, Slot, ring_bytes
from storage.frames.ring import READ_ATTEMPTS, SLOTS, RingReader, RingWriter

CAMERA = 7
BUDGET = 100_000_000


class Killed(Exception):
    """Stands for the end of the process in the middle of a copy."""


def picture(number: int, shape: tuple[int, int]) -> Picture:
    """A picture whose every pixel says its number."""
    height, width = shape
    return np.resize(np.frombuffer(number.to_bytes(3, "little"), np.uint8), (height, width, 3))


def half_then_die(slot: Picture, pixels: Picture) -> None:
    half = len(pixels) // 2
    np.copyto(slot[:half], pixels[:half])
    raise Killed


@pytest.fixture
def folder(tmp_path: Path) -> RingFolder:
    return RingFolder(tmp_path / "rings", BUDGET)


@pytest.fixture
def writer(folder: RingFolder) -> RingWriter:
    return RingWriter(folder, CAMERA)


@pytest.fixture
def reader(folder: RingFolder) -> RingReader:
    return RingReader(folder.ring_path(CAMERA), CAMERA)


def test_no_ring_no_frame(reader: RingReader) -> None:
    assert reader.newest() is None
    assert reader.at(1) is None


def test_a_frame_comes_back_as_it_was(writer: RingWriter, reader: RingReader) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (36, 64, 3), np.uint8)
    ref = writer.write(pixels, captured_at=1_700_000_000.25)
    assert ref == FrameRef(CAMERA, 1_700_000_000_250_000, 1_700_000_000.25, width=64, height=36)
    for frame in (reader.newest(), reader.at(ref.seq)):
        assert frame is not None
        assert frame.ref == ref
        np.testing.assert_array_equal(frame.pixels, pixels)


def test_the_copy_is_the_readers_own(writer: RingWriter, reader: RingReader) -> None:
    writer.write(picture(1, (8, 8)), 1.0)
    frame = reader.newest()
    assert frame is not None
    frame.pixels[:] = 0
    again = reader.newest()
    assert again is not None
    np.testing.assert_array_equal(again.pixels, picture(1, (8, 8)))


def test_a_view_with_gaps_is_written_contiguously(writer: RingWriter, reader: RingReader) -> None:
    large = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    writer.write(large[::2, 5:30], 1.0)
    frame = reader.newest()
    assert frame is not None
    assert frame.pixels.flags.c_contiguous
    np.testing.assert_array_equal(frame.pixels, large[::2, 5:30])


def test_the_ring_keeps_its_last_frames_only(writer: RingWriter, reader: RingReader) -> None:
    refs = [writer.write(picture(n, (8, 8)), float(n)) for n in range(1, SLOTS + 2)]
    assert reader.at(refs[0].seq) is None
    for number, ref in enumerate(refs[1:], start=2):
        frame = reader.at(ref.seq)
        assert frame is not None
        np.testing.assert_array_equal(frame.pixels, picture(number, (8, 8)))


@pytest.mark.parametrize(
    ("times", "seqs"),
    [
        pytest.param([1.0, 2.0], [1_000_000, 2_000_000], id="microseconds of the clock"),
        pytest.param([1.0, 1.0], [1_000_000, 1_000_001], id="the clock stands still"),
        pytest.param([5.0, 1.0, 5.5], [5_000_000, 5_000_001, 5_500_000], id="the clock is set back"),
        pytest.param([0.0, 0.0], [1, 2], id="the epoch itself"),
    ],
)
@pytest.mark.parametrize("restart", [False, True], ids=["one writer", "a new writer each time"])
def test_seq_grows(folder: RingFolder, times: list[float], seqs: list[int], restart: bool) -> None:
    writer = RingWriter(folder, CAMERA)
    found = []
    for captured_at in times:
        if restart:
            writer.close()
            writer = RingWriter(folder, CAMERA)
        found.append(writer.write(picture(1, (8, 8)), captured_at).seq)
    assert found == seqs


@pytest.mark.parametrize(
    ("first", "second", "replaced"),
    [
        pytest.param((64, 64), (64, 64), False, id="same size"),
        pytest.param((64, 64), (60, 60), False, id="a little smaller"),
        pytest.param((64, 64), (64, 96), True, id="larger"),
        pytest.param((96, 96), (16, 16), True, id="much smaller gives memory back"),
    ],
)
def test_change_of_resolution(
    folder: RingFolder,
    writer: RingWriter,
    reader: RingReader,
    first: tuple[int, int],
    second: tuple[int, int],
    replaced: bool,
) -> None:
    before = writer.write(picture(1, first), 9.0)
    assert reader.newest() is not None
    inode = folder.ring_path(CAMERA).stat().st_ino
    after = writer.write(picture(2, second), 1.0)
    assert (folder.ring_path(CAMERA).stat().st_ino != inode) == replaced
    assert after.seq == before.seq + 1
    frame = reader.newest()
    assert frame is not None
    assert frame.ref == after
    np.testing.assert_array_equal(frame.pixels, picture(2, second))


@pytest.mark.parametrize("overtaken", [1, READ_ATTEMPTS - 1], ids=["once", "as often as a reader bears"])
def test_an_overtaken_reader_gets_the_frame_that_is_newest_then(
    folder: RingFolder, writer: RingWriter, overtaken: int
) -> None:
    number = 0
    torn = 0

    def write_next() -> None:
        nonlocal number
        number += 1
        writer.write(picture(number, (8, 8)), float(number))

    def copy_slowly(slot: Picture) -> Picture:
        nonlocal torn
        copied = np.empty_like(slot)
        copied[:4] = slot[:4]
        if torn < overtaken:
            for _ in range(SLOTS):
                write_next()
            torn += 1
        copied[4:] = slot[4:]
        return copied

    write_next()
    frame = RingReader(folder.ring_path(CAMERA), CAMERA, copy=copy_slowly).newest()
    assert torn == overtaken
    assert frame is not None
    assert frame.ref.captured_at == number
    np.testing.assert_array_equal(frame.pixels, picture(number, (8, 8)))


@pytest.mark.parametrize("read", ["newest", "at"])
def test_a_reader_that_is_always_overtaken_gives_up(folder: RingFolder, writer: RingWriter, read: str) -> None:
    copies = 0

    def copy_slowly(slot: Picture) -> Picture:
        nonlocal copies
        copies += 1
        copied = slot.copy()
        for _ in range(SLOTS):
            writer.write(picture(copies, (8, 8)), 1.0 + copies)
        return copied

    ref = writer.write(picture(1, (8, 8)), 1.0)
    reader = RingReader(folder.ring_path(CAMERA), CAMERA, copy=copy_slowly)
    assert (reader.newest() if read == "newest" else reader.at(ref.seq)) is None
    assert copies == (READ_ATTEMPTS if read == "newest" else 1)


def test_a_frame_that_is_being_written_cannot_be_read(folder: RingFolder, reader: RingReader) -> None:
    seen: list[tuple[float, bool, bool]] = []

    def copy_while_read(slot: Picture, pixels: Picture) -> None:
        half = len(pixels) // 2
        np.copyto(slot[:half], pixels[:half])
        newest = reader.newest()
        if newest is not None:
            number = int(newest.ref.captured_at)
            seen.append(
                (number, reader.at((number + 1) * 10**6) is None, reader.at((number + 1 - SLOTS) * 10**6) is None)
            )
        np.copyto(slot[half:], pixels[half:])

    writer = RingWriter(folder, CAMERA, copy=copy_while_read)
    for number in range(1, 3 * SLOTS):
        writer.write(picture(number, (8, 8)), float(number))
    assert seen == [(number, True, True) for number in range(1, 3 * SLOTS - 1)]


def test_a_writer_killed_in_a_write_leaves_a_slot_that_is_skipped_and_used_again(
    folder: RingFolder, writer: RingWriter, reader: RingReader
) -> None:
    for number in range(1, SLOTS + 1):
        last = writer.write(picture(number, (8, 8)), float(number))
    writer.close()
    dying = RingWriter(folder, CAMERA, copy=half_then_die)
    with pytest.raises(Killed):
        dying.write(picture(99, (8, 8)), 50.0)
    dying.close()

    ring = Ring.open_for_reading(folder.ring_path(CAMERA), CAMERA)
    assert np.count_nonzero(ring.slots[:, Slot.GENERATION] % 2) == 1
    frame = reader.newest()
    assert frame is not None
    assert frame.ref == last
    assert reader.at(50_000_000) is None

    ref = RingWriter(folder, CAMERA).write(picture(5, (8, 8)), 1.0)
    assert ref.seq == 50_000_001
    assert np.count_nonzero(ring.slots[:, Slot.GENERATION] % 2) == 0
    frame = reader.newest()
    assert frame is not None
    np.testing.assert_array_equal(frame.pixels, picture(5, (8, 8)))


def test_a_second_writer_is_refused_until_the_first_lets_go(folder: RingFolder, writer: RingWriter) -> None:
    first = writer.write(picture(1, (8, 8)), 1.0)
    second = RingWriter(folder, CAMERA)
    with pytest.raises(UnavailableError, match="camera 7"):
        second.write(picture(2, (8, 8)), 2.0)
    writer.close()
    assert second.write(picture(2, (8, 8)), 0.5).seq == first.seq + 1


def test_a_removed_ring_is_made_again(folder: RingFolder, writer: RingWriter, reader: RingReader) -> None:
    first = writer.write(picture(1, (8, 8)), 1.0)
    assert reader.newest() is not None
    folder.ring_path(CAMERA).unlink()
    assert reader.newest() is None
    assert not reader.is_current()
    second = writer.write(picture(2, (8, 8)), 0.5)
    assert second.seq == first.seq + 1
    frame = reader.newest()
    assert frame is not None
    assert frame.ref == second


@pytest.mark.parametrize(
    ("pixels", "captured_at"),
    [
        pytest.param(np.zeros((8, 8), np.uint8), 1.0, id="grey"),
        pytest.param(np.zeros((8, 8, 4), np.uint8), 1.0, id="four channels"),
        pytest.param(np.zeros((8, 8, 3), np.float32), 1.0, id="floats"),
        pytest.param(np.zeros((0, 8, 3), np.uint8), 1.0, id="empty"),
        pytest.param(np.zeros((8, 8, 3), np.uint8), -1.0, id="before the epoch"),
        pytest.param(np.zeros((8, 8, 3), np.uint8), float("nan"), id="no time"),
        pytest.param(np.zeros((8, 8, 3), np.uint8), 1e300, id="the end of time"),
    ],
)
def test_what_is_no_frame_is_refused(
    folder: RingFolder, writer: RingWriter, pixels: Picture, captured_at: float
) -> None:
    with pytest.raises(ValueError, match="Expected"):
        writer.write(pixels, captured_at)
    assert not folder.ring_path(CAMERA).exists()


def _header(**changed: int) -> bytes:
    words = {"MAGIC": MAGIC, "VERSION": VERSION, "SLOTS": 2, "CAPACITY": PAGE_BYTES, "CAMERA": CAMERA} | changed
    return np.array(list(words.values()), np.uint64).tobytes().ljust(ring_bytes(2, PAGE_BYTES), b"\0")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(b"", "at least 4096 bytes, found 0", id="empty"),
        pytest.param(bytes(PAGE_BYTES), "not a ring", id="zeros"),
        pytest.param(_header(VERSION=2), "version 2; expected version 1", id="another release"),
        pytest.param(_header(CAMERA=8), "camera 8; expected camera 7", id="another camera"),
        pytest.param(_header(SLOTS=3), "3 slots of 4096 bytes", id="cut short"),
        pytest.param(_header(SLOTS=2**63), "slots", id="absurd slots"),
        pytest.param(_header(CAPACITY=100), "slots of 100 bytes", id="absurd capacity"),
    ],
)
def test_a_file_that_is_no_ring_is_named_to_readers_and_replaced_by_the_writer(
    folder: RingFolder, writer: RingWriter, reader: RingReader, content: bytes, complaint: str
) -> None:
    folder.ring_path(CAMERA).write_bytes(content)
    with pytest.raises(RingFormatError, match=complaint):
        reader.newest()
    ref = writer.write(picture(1, (8, 8)), 1.0)
    frame = reader.newest()
    assert frame is not None
    assert frame.ref == ref


def test_nobody_else_can_read_the_ring(folder: RingFolder, writer: RingWriter) -> None:
    writer.write(picture(1, (8, 8)), 1.0)
    assert folder.ring_path(CAMERA).stat().st_mode & 0o777 == 0o600
    assert folder.path.stat().st_mode & 0o777 == 0o700


def test_mappings_go_with_their_users(folder: RingFolder, writer: RingWriter, reader: RingReader) -> None:
    open_files = len(os.listdir("/proc/self/fd"))
    for number in range(1, 20):
        writer.write(picture(number, (16 * (1 + number % 2 * 4), 64)), float(number))
        assert reader.newest() is not None
    assert len(os.listdir("/proc/self/fd")) <= open_files + 2


class RingMachine(RuleBasedStateMachine):
    """Any order of writes, restarts, crashes, losses and reads, against a list of what the ring must hold."""

    shapes = st.sampled_from([(8, 8), (40, 40), (64, 64), (64, 100)])
    times = st.floats(0, 2e9)

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.folder = RingFolder(self.root / "rings", BUDGET)
        self.path = self.folder.ring_path(CAMERA)
        self.writer = RingWriter(self.folder, CAMERA)
        self.reader = RingReader(self.path, CAMERA)
        self.number = 0
        self.kept: list[tuple[FrameRef, Picture]] = []
        self.last_seq = 0

    @rule()
    def restart(self) -> None:
        self.writer.close()
        self.writer = RingWriter(self.folder, CAMERA)

    @rule(shape=shapes, captured_at=times)
    def write(self, shape: tuple[int, int], captured_at: float) -> None:
        self.number += 1
        pixels = picture(self.number, shape)
        inode = self._inode()
        ref = self.writer.write(pixels, captured_at)
        assert ref.seq > self.last_seq
        assert ref.seq >= int(captured_at * 1e6)
        self.last_seq = ref.seq
        self.kept = [*(self.kept if self._inode() == inode else []), (ref, pixels)][-SLOTS:]

    @rule(shape=shapes, captured_at=times)
    def die_while_writing(self, shape: tuple[int, int], captured_at: float) -> None:
        self.writer.close()
        inode = self._inode()
        dying = RingWriter(self.folder, CAMERA, copy=half_then_die)
        with pytest.raises(Killed):
            dying.write(picture(0xFFFFFF, shape), captured_at)
        dying.close()
        assert self._inode() == inode, "an unfinished frame must not replace the ring"
        if self.kept and (Ring.open_for_reading(self.path, CAMERA).slots[:, Slot.GENERATION] % 2).any():
            self.kept = self.kept[-(SLOTS - 1) :]  # it died over the oldest frame
        self.restart()

    @precondition(lambda self: self.kept)
    @rule()
    def reboot(self) -> None:
        self.path.unlink()
        self.kept = []
        self.last_seq = 0  # only the clock is left to know it by
        self.restart()

    @invariant()
    def exactly_what_was_kept_can_be_read(self) -> None:
        newest = self.reader.newest()
        assert (newest.ref if newest else None) == (self.kept[-1][0] if self.kept else None)
        for ref, pixels in self.kept:
            frame = self.reader.at(ref.seq)
            assert frame is not None
            assert frame.ref == ref
            np.testing.assert_array_equal(frame.pixels, pixels)
        if self.path.exists():
            generations = Ring.open_for_reading(self.path, CAMERA).slots[:, Slot.GENERATION]
            assert np.count_nonzero((generations > 0) & (generations % 2 == 0)) == len(self.kept)

    def _inode(self) -> int:
        return self.path.stat().st_ino if self.path.exists() else 0

    def teardown(self) -> None:
        shutil.rmtree(self.root)


TestRingMachine = RingMachine.TestCase
TestRingMachine.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)


def test_last_seq_is_that_of_the_unfinished_frame_too(folder: RingFolder) -> None:
    RingWriter(folder, CAMERA).write(picture(1, (8, 8)), 1.0)
    with pytest.raises(Killed):
        RingWriter(folder, CAMERA, copy=half_then_die).write(picture(2, (8, 8)), 2.0)
    ring = Ring.open_for_reading(folder.ring_path(CAMERA), CAMERA)
    assert int(ring.header[Header.LAST_SEQ]) == 2_000_000
