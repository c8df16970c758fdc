"""Files of recordings: where they lie, what their boxes say, and how a torn one is made whole.

A segment is a fragmented MP4 (ISO/IEC 14496-12): ``ftyp``, ``moov``, then a ``moof`` and its ``mdat`` for each group of
pictures. Up to any whole fragment it is a playable file, so what a crash leaves is whole but for its last bytes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import av
from av.error import FFmpegError

from core.errors import CamrecError
from storage.segments import RetentionClass, Segment

RECORDINGS = "recordings"
"""The folder of all of them, below the media folder."""
STALE_S = 10.0
"""An open file that nobody has written to for so long, and that nobody locks, is what a crash left."""
_OPEN = "open"
_OPEN_NAME = "%Y%m%d-%H%M%S"
SEGMENT_NAME = re.compile(r"\d{8}-\d{6}-\d{3}(-[0-9a-f]{4})?")
"""See `segment_name`. Those of earlier releases have no mark."""


class BrokenSegmentError(CamrecError):
    """A file is no segment, or not a whole one."""


@dataclass(frozen=True, slots=True)
class SegmentNote:
    """What a segment's file says of itself, as JSON in its ``comment`` tag."""

    camera_id: int
    started_at: float
    run: str
    retention_class: RetentionClass

    def to_text(self) -> str:
        """As it is written."""
        return json.dumps({"camrec": asdict(self)})

    @classmethod
    def from_text(cls, text: str) -> SegmentNote:
        """The inverse of `to_text`.

        Raises:
            BrokenSegmentError: it is something else.
        """
        try:
            note = json.loads(text)["camrec"]
            retention_class: RetentionClass = "event" if note["retention_class"] == "event" else "continuous"
            return cls(int(note["camera_id"]), float(note["started_at"]), str(note["run"]), retention_class)
        except (ValueError, KeyError, TypeError):
            raise BrokenSegmentError("It does not say which camera it is of.") from None


def camera_folder(camera_id: int) -> str:
    """Where a camera's recordings lie, below the media folder."""
    return f"{RECORDINGS}/{camera_id}"


def open_folder(camera_id: int) -> str:
    """Where those that are being written lie."""
    return f"{camera_folder(camera_id)}/{_OPEN}"


def node_mark(node: str) -> str:
    """Of a machine, in the names of what it records: two may record a camera at once, and cut at the same key frame."""
    return hashlib.sha256(node.encode()).hexdigest()[:4]


def open_segment_path(camera_id: int, started_at: float, node: str | None = None) -> str:
    """Where a segment grows: ``recordings/<camera>/open/YYYYMMDD-HHMMSS-mmm-<mark>.mp4``, UTC.

    Args:
        camera_id: whose it is.
        started_at: seconds since the epoch.
        node: that records it; None: the least name of that time.
    """
    milliseconds = round(started_at * 1000)
    at = datetime.fromtimestamp(milliseconds // 1000, UTC)
    mark = "" if node is None else f"-{node_mark(node)}"
    return f"{open_folder(camera_id)}/{at:{_OPEN_NAME}}-{milliseconds % 1000:03d}{mark}.mp4"


def whole_segment_path(open_path: str) -> str:
    """Where it goes when it is whole: ``recordings/<camera>/YYYYMMDD/HH/MMSS-mmm-<mark>.mp4``.

    Raises:
        BrokenSegmentError: a file in the folder has another name.
    """
    try:
        folder, day, name = open_path.rsplit("/", 1)[0].removesuffix(f"/{_OPEN}"), *_split_name(open_path)
    except ValueError:
        raise BrokenSegmentError(f"{open_path} does not have the name of a segment.") from None
    return f"{folder}/{day}/{name[:2]}/{name[2:]}"


def segment_name(path: str) -> str:
    """From either of its paths: what a segment is called all its life, ``YYYYMMDD-HHMMSS-mmm-<mark>``."""
    folder, day_or_hour, name = path.removesuffix(".mp4").rsplit("/", 2)
    return name if day_or_hour == _OPEN else f"{folder[-8:]}-{day_or_hour}{name}"


def hour_folder(at_s: float) -> str:
    """Where segments that began in the hour of that time go, below their camera's folder: ``YYYYMMDD/HH``."""
    return time.strftime("%Y%m%d/%H", time.gmtime(at_s))


def _split_name(open_path: str) -> tuple[str, str]:
    day, name = open_path.rsplit("/", 1)[1].split("-", 1)
    if not SEGMENT_NAME.fullmatch(f"{day}-{name.removesuffix('.mp4')}") or not name.endswith(".mp4"):
        raise ValueError(open_path)
    return day, name


def whole_segment_paths(media: Path, camera_id: int, from_hour: str = "") -> Iterator[str]:
    """Paths below the media folder of a camera's whole segments, in order of their names.

    Args:
        media: the media folder.
        camera_id: whose.
        from_hour: ``YYYYMMDD/HH``; folders of earlier hours are left out.
    """
    for day in _names(media / camera_folder(camera_id)):
        if day == _OPEN:
            continue
        for hour in _names(media / camera_folder(camera_id) / day):
            if f"{day}/{hour}" >= from_hour:
                folder = f"{camera_folder(camera_id)}/{day}/{hour}"
                yield from (f"{folder}/{name}" for name in _names(media / folder) if name.endswith(".mp4"))


def open_segment_paths(media: Path, camera_id: int) -> list[str]:
    """Paths below the media folder of a camera's segments that are being written, or were when its recorder died."""
    return [f"{open_folder(camera_id)}/{name}" for name in _names(media / open_folder(camera_id))]


def recorded_camera_ids(media: Path) -> list[int]:
    """Cameras that have recordings on this disk."""
    return sorted(int(name) for name in _names(media / RECORDINGS) if name.isdigit())


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def whole_bytes(file: BinaryIO) -> tuple[int, int]:
    """Up to which byte a fragmented MP4 is whole.

    Returns:
        The offset behind its last whole fragment (or behind ``moov``), and the number of whole fragments.
    """
    size = file.seek(0, os.SEEK_END)
    offset = whole = fragments = 0
    while offset + 8 <= size:
        file.seek(offset)
        header = file.read(16)
        length, kind = int.from_bytes(header[:4]), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16])
        if length < 8 or offset + length > size:
            break
        offset += length
        if kind == b"mdat":
            fragments += 1
        if kind in {b"moov", b"mdat"}:
            whole = offset
    return whole, fragments


def header_bytes(path: Path) -> int:
    """How many bytes a segment's ``ftyp`` and ``moov`` take at its start: what a player must have first.

    Raises:
        BrokenSegmentError: it is gone, or does not begin like a segment.
    """
    try:
        with path.open("rb") as file:
            return header_bytes_of(file)
    except OSError as error:
        raise BrokenSegmentError(f"{path.name} cannot be read: {error.strerror}") from error
    except BrokenSegmentError:
        raise BrokenSegmentError(f"{path.name} does not begin like a segment.") from None


def header_bytes_of(file: BinaryIO) -> int:
    """As `header_bytes`, of an open file.

    Raises:
        BrokenSegmentError: it does not begin like a segment, or does not yet.
    """
    offset, end = 0, file.seek(0, os.SEEK_END)
    while offset + 8 <= end:
        file.seek(offset)
        header = file.read(8)
        if int.from_bytes(header[:4]) < 8:
            break
        offset += int.from_bytes(header[:4])
        if header[4:] == b"moov" and offset <= end:
            return offset
    raise BrokenSegmentError("It does not begin like a segment.")


def repair(path: Path) -> bool:
    """Cut off what a crash left behind the last whole fragment; returns whether anything playable is left.

    Raises:
        OSError: the file cannot be changed.
    """
    with path.open("r+b") as file:
        whole, fragments = whole_bytes(file)
        if fragments and whole < file.seek(0, os.SEEK_END):
            file.truncate(whole)
            os.fsync(file.fileno())
    return fragments > 0


def is_abandoned(path: Path) -> bool:
    """Whether an open file has no recorder any more: recorders lock theirs, and locks end with their process."""
    try:
        with path.open("rb") as file:
            if time.time() - os.fstat(file.fileno()).st_mtime < STALE_S:
                return False
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):
        return False
    return True


def read_segment(media: Path, path: str, node: str) -> Segment:
    """What a whole file says, for the index.

    Raises:
        BrokenSegmentError: it is no segment, or damaged; the text says how.
        OSError: it cannot be read.
    """
    with (media / path).open("rb") as file:
        whole, fragments = whole_bytes(file)
        size_bytes = file.seek(0, os.SEEK_END)
        if not fragments or whole != size_bytes:
            raise BrokenSegmentError(f"{path} is torn: {size_bytes - whole} of its {size_bytes} bytes are no fragment.")
        try:
            init_bytes = header_bytes_of(file)
            file.seek(0)
            return replace(_describe(file, path, size_bytes, node), init_bytes=init_bytes)
        except (FFmpegError, IndexError, BrokenSegmentError) as error:
            raise BrokenSegmentError(f"{path} is no segment: {error}") from None


def _describe(file: BinaryIO, path: str, size_bytes: int, node: str) -> Segment:
    with av.open(file, "r", format="mp4") as container:
        note = SegmentNote.from_text(container.metadata.get("comment", ""))
        video = container.streams.video[0]
        base_s = float(video.time_base or 0)
        packets = [p for p in container.demux(video) if p.size and p.pts is not None]
        times = [(p.pts or 0) * base_s for p in packets]
        first_s, last = min(times), packets[-1]
        duration_s = max(times) + (last.duration or 0) * base_s - first_s
        return Segment(
            camera_id=note.camera_id,
            started_at=note.started_at,
            ended_at=note.started_at + duration_s,
            duration_s=duration_s,
            path=path,
            size_bytes=size_bytes,
            codec=video.codec_context.name,
            width=video.codec_context.width,
            height=video.codec_context.height,
            has_audio=bool(container.streams.audio),
            run=note.run,
            key_times=tuple(round(t - first_s, 6) for t, p in zip(times, packets, strict=True) if p.is_keyframe),
            retention_class=note.retention_class,
            node=node,
        )
