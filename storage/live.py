"""The newest fragments of what a camera's recorder writes: what a live player may fetch."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from storage.fragments import Fragment, Header, fragments_from, read_header
from storage.segment_files import (
    SEGMENT_NAME,
    BrokenSegmentError,
    hour_folder,
    open_folder,
    open_segment_path,
    open_segment_paths,
    segment_name,
    whole_segment_path,
    whole_segment_paths,
)

WINDOW_S = 30.0
"""What a playlist holds, at least three parts of most cameras: players stay so many behind its end."""
MIN_PART_S = 0.8
"""Fragments of cameras with more key frames are put together: each part is a request of each player."""
LIVE = "live"
"""Folder, below the media folder, of what is written only because somebody watches: it is never indexed."""
_LONGEST_FILE_S = 10.0
"""Files that began so long before the window may reach into it; of longer ones only the end is left out."""
_MAX_STEP_S = 0.25


class Part(NamedTuple):
    """A piece of one file."""

    name: str
    """Of its file, as `segment_name` has it."""
    header_bytes: int
    """Of that file: what a player needs of it first."""
    offset: int
    size_bytes: int
    started_at: float
    """Seconds since the epoch."""
    duration_s: float
    is_discontinuity: bool
    """Whether its timestamps do not follow those of the part before."""

    @property
    def ended_at(self) -> float:
        """Seconds since the epoch."""
        return self.started_at + self.duration_s


@dataclass(slots=True)
class _File:
    name: str
    header: Header | None = None
    first: int = 0
    """Where its pictures begin, in ticks of the run."""
    offset: int = 0
    """Behind what was read of it."""
    pending: list[Fragment] = field(default_factory=list)
    """Fragments that are too short for a part as yet."""


def live_segment_file(media: Path, camera_id: int, name: str) -> Path | None:
    """Where a file of that name lies now, whether it still grows or is whole; None where it is gone or no such name."""
    if not SEGMENT_NAME.fullmatch(name):
        return None
    path = f"{open_folder(camera_id)}/{name}.mp4"
    places = [media / path, media / whole_segment_path(path)]  # it goes from the first to the second, never back
    return next((place for place in places if place.is_file()), None)


class LiveWindow:
    """The last half minute of one camera, in parts that are numbered without gaps. Not safe for threads."""

    def __init__(self, camera_id: int, number: int, discontinuities: int) -> None:
        """Empty until `look`.

        Args:
            camera_id: whose it is.
            number: of the first part.
            discontinuities: before the first part.
        """
        self._camera_id = camera_id
        self.number, self.discontinuities = number, discontinuities
        """Of the first of `parts`, and those that were before it."""
        self.parts: deque[Part] = deque()
        self.longest_s = 0.0
        """Of all parts ever."""
        self._files: list[_File] = []
        self._newest_name = ""
        self._at: tuple[str, float] | None = None
        """Run, and its seconds at which the last part ended."""

    def look(self, media: Path, now_s: float) -> None:
        """Take up what was written since the last look.

        Args:
            media: folder of the recordings.
            now_s: seconds since the epoch.
        """
        self._files += [_File(name) for name in self._new_names(media, now_s)]
        for file in self._files:
            self._read(media, file, is_ended=file is not self._files[-1])
        # A finished file may wait for its whole name: it stays known until then.
        growing = {segment_name(path) for path in open_segment_paths(media, self._camera_id)}
        self._files = [f for f in self._files if f.name in growing or f is self._files[-1]]
        self._slide()

    def _new_names(self, media: Path, now_s: float) -> list[str]:
        from_s = now_s - WINDOW_S - _LONGEST_FILE_S
        after = max(self._newest_name, segment_name(open_segment_path(self._camera_id, from_s)))
        known = {file.name for file in self._files}
        growing = [
            segment_name(path)
            for path in open_segment_paths(media, self._camera_id)
            if segment_name(path) not in known and _written_s(media / path) > now_s - WINDOW_S
        ]
        whole = [segment_name(path) for path in whole_segment_paths(media, self._camera_id, hour_folder(from_s))]
        names = sorted({*growing, *(name for name in whole if name > after and name not in known)})
        self._newest_name = max([self._newest_name, *names])
        return names

    def _read(self, media: Path, file: _File, is_ended: bool) -> None:
        path = live_segment_file(media, self._camera_id, file.name)
        try:
            if path is None:
                return
            with path.open("rb") as opened:
                if file.header is None:
                    file.header = read_header(opened)
                    file.offset = file.header.size_bytes
                for fragment in fragments_from(opened, file.offset, file.header.track_id):
                    self._take(file, file.header, fragment)
        except (BrokenSegmentError, FileNotFoundError):
            pass  # not written so far yet, or torn: what follows it is played
        if is_ended and file.header is not None and file.pending:
            self._add(file, file.header)

    def _take(self, file: _File, header: Header, fragment: Fragment) -> None:
        if file.offset == header.size_bytes:
            file.first = fragment.start
        file.pending.append(fragment)
        file.offset = fragment.offset + fragment.size_bytes
        if sum(f.ticks for f in file.pending) >= MIN_PART_S * header.ticks_per_s:
            self._add(file, header)

    def _add(self, file: _File, header: Header) -> None:
        first, ticks = file.pending[0], sum(f.ticks for f in file.pending)
        start_s, duration_s = first.start / header.ticks_per_s, ticks / header.ticks_per_s
        run = header.note.run
        goes_on = self._at is None or (self._at[0] == run and abs(self._at[1] - start_s) < _MAX_STEP_S)
        started_at = header.note.started_at + (first.start - file.first) / header.ticks_per_s
        size_bytes = file.offset - first.offset
        self.parts.append(
            Part(file.name, header.size_bytes, first.offset, size_bytes, started_at, duration_s, not goes_on)
        )
        self._at = run, start_s + duration_s
        self.longest_s = max(self.longest_s, duration_s)
        file.pending = []

    def _slide(self) -> None:
        left_s = sum(part.duration_s for part in self.parts)
        while self.parts:
            first = self.parts[0]
            left_s -= first.duration_s
            if left_s < WINDOW_S and first.ended_at >= self.parts[-1].ended_at - WINDOW_S:
                return
            self.parts.popleft()
            self.number += 1
            self.discontinuities += first.is_discontinuity


def _written_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # it got its whole name meanwhile
        return 0.0
