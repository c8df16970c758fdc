"""Cuts a stretch of time out of recorded segments: packets are copied, nothing is decoded.

A video can only begin at a key frame, so the clip holds the pictures from the key frame before its start on, and an
edit list (ISO 14496-12, `elst`) that has players begin at the asked picture exactly. Where nothing was recorded the
clip goes on at once with what follows: no picture stands for longer than the camera sent it. What lies where is told
by the parts and gaps of the result, which go into the clip's manifest.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from core.clock import iso_utc
from core.errors import CamrecError, UnavailableError
from storage.clips.packets import TRACKS, AnyPacket, SegmentPackets, StreamFormat, Track, open_segment, seconds

SEAM_S = 0.5
"""Segments farther apart than this have a gap between them."""

_LEFT_AFTER_S = 60.0
_MOOV_FIRST = {"movflags": "+faststart"}
_TAGS = {"hevc": "hvc1"}
"""Sample entries that browsers and Apple's players want where FFmpeg would write another."""

GapReason = Literal["not_recorded", "unreadable", "other_format", "recorded_twice"]


class NothingRecordedError(CamrecError):
    """No picture was recorded in the asked stretch of time."""


@dataclass(frozen=True, slots=True)
class Source:
    """A recorded segment as a file: a whole MP4 that begins with a key frame."""

    path: Path
    started_at: float
    """Time of its first picture, seconds since the epoch."""
    ended_at: float
    run: str
    """Timestamps go on from segment to segment of one run."""
    is_readable: bool = True
    """False: somebody has tried."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch without gaps. The clip shows ``from_s`` at ``at_s``."""

    at_s: float
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch that the clip does not show, and why."""

    from_s: float
    to_s: float
    reason: GapReason


@dataclass(frozen=True, slots=True)
class Cut:
    """What a clip holds."""

    parts: tuple[Part, ...]
    gaps: tuple[Gap, ...]
    used: tuple[Source, ...]
    """Segments that packets were taken from."""

    @property
    def duration_s(self) -> float:
        """How long it plays."""
        return sum(part.to_s - part.from_s for part in self.parts)


def cut(
    sources: Iterable[Source],
    from_s: float,
    to_s: float,
    target: Path,
    on_progress: Callable[[float], None] = lambda _share: None,
) -> Cut:
    """Write an MP4 of what was recorded in ``from_s <= t < to_s``; it appears under its name when it is whole.

    H.264, H.265 (tagged ``hvc1``) and sound are copied. Segments whose pictures have another format than the first
    one's (codec or size) are left out and reported as a gap.

    Args:
        sources: Segments that overlap the range, oldest first; the next is asked for when one is done.
        from_s: Start, seconds since the epoch.
        to_s: End, seconds since the epoch.
        target: Where the clip goes; its folder is made.
        on_progress: Told the share that is done, 0 to 1, after each segment; what it raises ends the work.

    Raises:
        NothingRecordedError: no segment holds a picture of that time.
        UnavailableError: the disk is full or not writable.
        CamrecError: the packets do not fit into an MP4.
    """
    draft = draft_of(target)
    cutter = _Cutter(from_s, to_s)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(draft), "w", format="mp4", options=_MOOV_FIRST) as output:
            for source in sources:
                cutter.add(source, output)
                on_progress(min(1.0, max(0.0, (source.ended_at - from_s) / (to_s - from_s))))
            if not cutter.used:
                raise NothingRecordedError(f"Nothing was recorded between {iso_utc(from_s)} and {iso_utc(to_s)}.")
        draft.replace(target)
    except OSError as error:  # FFmpeg's errors of the disk are of this kind, too
        raise UnavailableError(f"{target} cannot be written: {error.strerror}.") from error
    except FFmpegError as error:
        raise CamrecError(f"The recording cannot be put into an MP4: {error.strerror}.") from error
    finally:
        with contextlib.suppress(OSError):  # its folder may be what could not be made
            draft.unlink(missing_ok=True)
    return cutter.result()


def draft_of(target: Path) -> Path:
    """A new name beside it, for what is not whole yet. That of a draft is another one of the same clip."""
    clip_id = target.name.removeprefix(".").partition(".")[0]
    return target.with_name(f".{clip_id}.{secrets.token_hex(4)}{target.suffix}")


def remove_left_drafts(target: Path) -> None:
    """Delete what workers that were killed while making this clip left. What still grows is somebody's at work."""
    left_s = time.time() - _LEFT_AFTER_S
    # Not `glob`: Python remembers each pattern, and no clip's comes again.
    with contextlib.suppress(OSError):
        for draft in target.parent.iterdir():
            if draft.name.startswith(f".{target.stem}.") and draft.stat().st_mtime < left_s:
                draft.unlink()


class _Cutter:
    """Takes segments one after another, and knows how far the clip has got. Times of the clip are seconds from 0."""

    def __init__(self, from_s: float, to_s: float) -> None:
        self.used: list[Source] = []
        self._from_s, self._to_s = from_s, to_s
        self._formats: dict[Track, StreamFormat | None] = {}
        self._tracks: dict[Track, VideoStream | AudioStream] = {}
        self._last_dts: dict[Track, Fraction] = {}
        self._end = Fraction(0)
        """Of the clip so far."""
        self._clip_zero = Fraction(0)
        """Where second 0 of the clip would lie in the timestamps of the current run."""
        self._parts: list[Part] = []
        self._left_out: list[Gap] = []

    def add(self, source: Source, output: OutputContainer) -> None:
        """Copy what the clip needs of a segment."""
        with open_segment(source.path) as segment:
            if segment is None or not source.is_readable:
                self._left_out.append(Gap(source.started_at, source.ended_at, "unreadable"))
            elif self._formats and segment.format_of("video") != self._formats["video"]:
                self._left_out.append(Gap(source.started_at, source.ended_at, "other_format"))
            else:
                self._copy(source, segment, output)

    def result(self) -> Cut:
        """What the clip holds, once all segments are in."""
        return Cut(tuple(self._parts), tuple(self._gaps()), tuple(self.used))

    def _copy(self, source: Source, segment: SegmentPackets, output: OutputContainer) -> None:
        first_pts = segment.first_pts
        from_pts = first_pts + _microseconds(max(0.0, self._from_s - source.started_at))
        to_pts = first_pts + _microseconds(self._to_s - source.started_at)
        shown = [p for track, p in segment.packets if track == "video" and from_pts <= seconds(p.pts, p) < to_pts]
        if not shown:
            return
        if not self._formats:
            self._begin(segment, output)
        start = segment.key_pts_before(from_pts)
        if not self._goes_on(source, first_pts):
            self._clip_zero = from_pts - self._end
            from_s = max(self._from_s, source.started_at)
            self._parts.append(Part(float(self._end), from_s, from_s))
        tracks = [track for track in self._tracks if segment.format_of(track) == self._formats[track]]
        for track, packet in segment.packets:
            since = start if track == "video" else from_pts
            ends = seconds(packet.pts, packet) + seconds(packet.duration, packet)
            if track in tracks and ends > since and seconds(packet.dts, packet) < to_pts:
                self._write(track, packet, output)
        part = self._parts[-1]
        self._parts[-1] = Part(part.at_s, part.from_s, part.from_s + float(self._end) - part.at_s)
        self.used.append(source)

    def _begin(self, segment: SegmentPackets, output: OutputContainer) -> None:
        self._formats = {track: segment.format_of(track) for track in TRACKS}
        for track, stream in segment.streams.items():
            copied = output.add_stream_from_template(stream)
            copied.time_base = stream.time_base
            if stream.codec_context.name in _TAGS:
                copied.codec_context.codec_tag = _TAGS[stream.codec_context.name]
            self._tracks[track] = copied
        output.metadata["creation_time"] = iso_utc(self._from_s)

    def _goes_on(self, source: Source, first_pts: Fraction) -> bool:
        """Whether the segment's timestamps follow those of the one before."""
        if not self.used or self.used[-1].run != source.run:
            return False
        return abs(first_pts - self._clip_zero - self._end) < SEAM_S

    def _write(self, track: Track, packet: AnyPacket, output: OutputContainer) -> None:
        zero = round(self._clip_zero / packet.time_base)
        pts, dts = (packet.pts or 0) - zero, (packet.dts or 0) - zero
        last = self._last_dts.get(track)
        if last is not None and dts * packet.time_base <= last:
            dts = int(last / packet.time_base) + 1  # the muxer refuses what does not grow
        packet.pts, packet.dts = max(pts, dts), dts
        packet.stream = self._tracks[track]
        self._last_dts[track] = seconds(packet.dts, packet)
        self._end = max(self._end, seconds(packet.pts, packet) + seconds(packet.duration, packet))
        output.mux(packet)

    def _gaps(self) -> list[Gap]:
        """Stretches of the asked range between the parts; why, where a segment there was left out."""
        gaps: list[Gap] = []
        covered_to = self._from_s
        for part in [*self._parts, Part(0.0, self._to_s, self._to_s)]:
            if part.from_s - covered_to > SEAM_S:
                gaps.append(Gap(covered_to, part.from_s, self._reason(covered_to, part.from_s)))
            covered_to = max(covered_to, part.to_s)
        return gaps

    def _reason(self, from_s: float, to_s: float) -> GapReason:
        inside = (g.reason for g in self._left_out if g.from_s < to_s and g.to_s > from_s)
        return next(inside, "not_recorded")


def _microseconds(duration_s: float) -> Fraction:
    """A difference of two times since the epoch, whose floats are no finer than a quarter of a microsecond."""
    return Fraction(round(duration_s * 1_000_000), 1_000_000)
