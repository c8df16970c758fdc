"""Fragments of files that still grow, and the window that a live playlist shows."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.fragments import Fragment, fragments_from, read_header
from storage.hls import live_playlist
from storage.live import WINDOW_S, LiveWindow, live_segment_file
from storage.segment_files import (
    BrokenSegmentError,
    SegmentNote,
    open_segment_path,
    segment_name,
    whole_segment_path,
)
from tests.support.live_player import parse
from tests.unit.storage.live_support import TICKS_PER_S, segment_bytes

NOW_S = 1_795_435_200.0


def read(data: bytes) -> list[Fragment]:
    file = BytesIO(data)
    header = read_header(file)
    return list(fragments_from(file, header.size_bytes, header.track_id))


def test_what_a_file_says() -> None:
    data = segment_bytes(SegmentNote(7, NOW_S, "run", "continuous"), first_s=8, groups=3)
    header = read_header(BytesIO(data))
    assert (header.note.run, header.note.started_at, header.ticks_per_s) == ("run", NOW_S, TICKS_PER_S)
    fragments = read(data)
    assert [(f.start, f.ticks) for f in fragments] == [(n * TICKS_PER_S, TICKS_PER_S) for n in (8, 9, 10)]
    assert fragments[0].offset == header.size_bytes
    assert all(a.offset + a.size_bytes == b.offset for a, b in pairwise(fragments))
    assert fragments[-1].offset + fragments[-1].size_bytes == len(data)


@settings(max_examples=40)
@given(st.integers(0, 100_000))
def test_of_a_file_that_grows_only_whole_fragments_are_seen(cut: int) -> None:
    data = segment_bytes(SegmentNote(7, NOW_S, "run", "continuous"), first_s=0, groups=3)
    cut %= len(data)
    whole = read(data)
    try:
        seen = read(data[:cut])
    except BrokenSegmentError:
        assert cut < whole[0].offset
    else:
        assert seen == [f for f in whole if f.offset + f.size_bytes <= cut]


@settings(max_examples=40)
@given(st.data())
def test_damage_is_a_broken_segment_and_nothing_else(data: st.DataObject) -> None:
    good = bytearray(segment_bytes(SegmentNote(7, NOW_S, "run", "continuous"), first_s=0, groups=2))
    start = read(bytes(good))[0].offset
    for _ in range(8):
        good[data.draw(st.integers(start, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        for fragment in read(bytes(good)):
            assert fragment.offset + fragment.size_bytes <= len(good)
    except BrokenSegmentError:
        pass


class Disk:
    """What a recorder leaves."""

    def __init__(self, media: Path) -> None:
        self.media = media

    def write(self, at_s: float, run: str, first_s: float, groups: int = 4, *, is_whole: bool = False) -> Path:
        path = open_segment_path(7, NOW_S + at_s)
        file = self.media / (whole_segment_path(path) if is_whole else path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(segment_bytes(SegmentNote(7, NOW_S + at_s, run, "continuous"), first_s, groups))
        return file

    def name(self, path: Path) -> None:
        """Give a file that is whole its name."""
        target = self.media / whole_segment_path(str(path.relative_to(self.media)))
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def test_the_window_slides_and_its_numbers_go_on(disk: Disk) -> None:
    window = LiveWindow(7, number=100, discontinuities=5)
    listed: dict[int, object] = {}
    for n in range(15):
        file = disk.write(4 * n, "one" if n < 8 else "two", first_s=4 * n)
        window.look(disk.media, NOW_S + 4 * n + 4)
        entries = parse(live_playlist(window, lambda name: name))
        assert all(listed.setdefault(number, entry) == entry for number, entry in entries.items())
        disk.name(file)
    assert sorted(listed) == list(range(100, 160))
    assert sum(part.duration_s for part in window.parts) == WINDOW_S
    assert {entry.discontinuity for number, entry in entries.items() if number >= 132} == {6}
    assert window.discontinuities == 5, "the break is in the list yet"


def test_a_file_has_one_name_while_it_grows_and_afterwards(disk: Disk) -> None:
    file = disk.write(0, "run", 0)
    name = segment_name(str(file.relative_to(disk.media)))
    assert live_segment_file(disk.media, 7, name) == file
    disk.name(file)
    found = live_segment_file(disk.media, 7, name)
    assert found is not None
    assert segment_name(str(found.relative_to(disk.media))) == name


@pytest.mark.parametrize(
    "name", ["", "x", "../../x", "20261124-093338-12", "20261124-093338-123\n", "20261124-../..-123"]
)
def test_no_other_name_is_a_file(disk: Disk, name: str) -> None:
    assert live_segment_file(disk.media, 7, name) is None


def test_missed_files_are_a_discontinuity(disk: Disk) -> None:
    window = LiveWindow(7, 0, 0)
    disk.write(0, "run", first_s=0, is_whole=True)
    window.look(disk.media, NOW_S + 4)
    disk.write(8, "run", first_s=8, is_whole=True)
    window.look(disk.media, NOW_S + 12)
    assert [part.is_discontinuity for part in window.parts] == [False] * 4 + [True] + [False] * 3


def test_a_clock_that_was_set_back_does_not_stop_it(disk: Disk) -> None:
    window = LiveWindow(7, 0, 0)
    disk.write(0, "before", first_s=0, is_whole=True)
    window.look(disk.media, NOW_S + 4)
    disk.write(-3600, "after", first_s=0)
    window.look(disk.media, NOW_S - 3596)
    assert [part.is_discontinuity for part in window.parts] == [False] * 4 + [True] + [False] * 3


def test_after_a_long_break_of_watching_only_the_newest_is_read(disk: Disk) -> None:
    window = LiveWindow(7, 0, 0)
    disk.write(0, "run", first_s=0, is_whole=True)
    window.look(disk.media, NOW_S + 4)
    for n in range(600, 900):
        disk.write(4 * n, "run", first_s=4 * n, is_whole=True)
    window.look(disk.media, NOW_S + 3600)
    assert window.parts[0].started_at >= NOW_S + 3600 - WINDOW_S
    assert window.discontinuities == 1
