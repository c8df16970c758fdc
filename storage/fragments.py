"""Fragments of recordings' files, also of those that still grow (ISO/IEC 14496-12, 8.8)."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, NamedTuple

import av
from av.error import FFmpegError

from storage.segment_files import BrokenSegmentError, SegmentNote, header_bytes_of

_LARGEST_MOOF_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the first fragment of a segment."""

    size_bytes: int
    """Of ``ftyp`` and ``moov``."""
    note: SegmentNote
    track_id: int
    """Of its pictures."""
    ticks_per_s: int


class Fragment(NamedTuple):
    """A ``moof`` with its ``mdat``: a group of pictures, or a part of a long one."""

    offset: int
    size_bytes: int
    start: int
    """Of its first picture, in ticks of the run."""
    ticks: int
    """That it lasts."""


def read_header(file: BinaryIO) -> Header:
    """What a segment says before its first fragment.

    Raises:
        BrokenSegmentError: it does not begin like a segment, or not all of its beginning is written yet.
    """
    size_bytes = header_bytes_of(file)
    file.seek(0)
    try:
        with av.open(BytesIO(file.read(size_bytes)), "r", format="mp4") as container:
            video = container.streams.video[0]
            note = SegmentNote.from_text(container.metadata.get("comment", ""))
            return Header(size_bytes, note, video.id, round(1 / (video.time_base or 1)))
    except (FFmpegError, IndexError) as error:
        raise BrokenSegmentError(f"Its header cannot be read: {error}") from None


def fragments_from(file: BinaryIO, offset: int, track_id: int) -> Iterator[Fragment]:
    """Fragments with pictures that are whole on disk, from one that begins at that offset on.

    Raises:
        BrokenSegmentError: what stands there is no fragment.
    """
    end = file.seek(0, os.SEEK_END)
    while True:
        file.seek(offset)
        moof = _box(file.read(8))
        if moof is None or offset + moof[0] + 8 > end:
            return
        if moof[1] != b"moof" or moof[0] > _LARGEST_MOOF_BYTES:
            raise BrokenSegmentError(f"There is no fragment at byte {offset}.")
        body = file.read(moof[0] - 8)
        mdat = _box(file.read(8))
        if mdat is None or offset + moof[0] + mdat[0] > end:
            return
        size_bytes = moof[0] + mdat[0]
        place = _place(body, track_id)
        if place is not None:
            yield Fragment(offset, size_bytes, *place)
        offset += size_bytes


def _box(head: bytes) -> tuple[int, bytes] | None:
    """Size and kind of a box; None where its beginning is not there yet."""
    if len(head) < 8:
        return None
    size = int.from_bytes(head[:4])
    if size < 8:
        raise BrokenSegmentError("A box has no size.")
    return size, head[4:8]


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    offset = 0
    while (box := _box(data[offset : offset + 8])) is not None:
        yield box[1], data[offset + 8 : offset + box[0]]
        offset += box[0]


def _place(moof: bytes, track_id: int) -> tuple[int, int] | None:
    """Start and length of a track's part of a fragment, in its ticks; None where it has none."""
    try:
        for kind, traf in _boxes(moof):
            if kind == b"traf" and (place := _place_in(list(_boxes(traf)), track_id)) is not None:
                return place
    except (struct.error, IndexError):
        raise BrokenSegmentError("A fragment is damaged.") from None
    return None


def _place_in(boxes: list[tuple[bytes, bytes]], track_id: int) -> tuple[int, int] | None:
    start, ticks, default = 0, 0, 0
    for kind, body in boxes:
        if kind == b"tfhd":
            if int.from_bytes(body[4:8]) != track_id:
                return None
            default = _default_duration(body)
        elif kind == b"tfdt":
            start = int.from_bytes(body[4:12] if body[0] else body[4:8])
        elif kind == b"trun":
            ticks += _run_ticks(body, default)
    return start, ticks


def _default_duration(tfhd: bytes) -> int:
    flags = int.from_bytes(tfhd[1:4])
    offset = 8 + 8 * bool(flags & 0x1) + 4 * bool(flags & 0x2)
    return int.from_bytes(tfhd[offset : offset + 4]) if flags & 0x8 else 0


def _run_ticks(trun: bytes, default: int) -> int:
    flags, count = int.from_bytes(trun[1:4]), int.from_bytes(trun[4:8])
    if not flags & 0x100:
        return count * default
    offset = 8 + 4 * bool(flags & 0x1) + 4 * bool(flags & 0x4)
    fields = 1 + sum(bool(flags & bit) for bit in (0x200, 0x400, 0x800))
    return sum(struct.unpack_from(f">{count * fields}I", trun, offset)[::fields])
