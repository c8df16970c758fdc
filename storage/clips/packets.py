"""The packets of one recorded segment, with their formats and times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeAlias

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

Track = Literal["video", "audio"]
TRACKS: tuple[Track, ...] = ("video", "audio")

AnyPacket: TypeAlias = "Packet[Any]"

StreamFormat = tuple[str, bytes]
"""Codec and its parameter sets; streams whose are equal may follow one another in one track."""

_OPEN_OPTIONS = {"fpsprobesize": "0"}
"""Packets bear their times: reading more of the file to guess a frame rate takes a third of the time to open it."""


@dataclass(frozen=True, slots=True)
class SegmentPackets:
    """A segment that is open for reading."""

    streams: dict[Track, VideoStream | AudioStream]
    packets: list[tuple[Track, AnyPacket]]
    """In the order of the file, up to the first that cannot be read; each has pts and dts."""

    def format_of(self, track: Track) -> StreamFormat | None:
        """What the track is made of; None where there is none."""
        stream = self.streams.get(track)
        if stream is None:
            return None
        return stream.codec_context.name, bytes(stream.codec_context.extradata or b"")

    @property
    def first_pts(self) -> Fraction:
        """Of the first picture, in seconds of the file's own time."""
        return next(seconds(p.pts, p) for track, p in self.packets if track == "video")

    def key_pts_before(self, pts: Fraction) -> Fraction:
        """Of the last key frame that is not after ``pts``, else of the first."""
        keys = (seconds(p.pts, p) for track, p in self.packets if track == "video" and p.is_keyframe)
        return max((key for key in keys if key <= pts), default=self.first_pts)


@contextmanager
def open_segment(path: Path) -> Iterator[SegmentPackets | None]:
    """Read a segment; None where it is gone or has no picture in it. A torn one ends where it is torn."""
    try:
        container = av.open(f"file:{path}", format="mp4", options=_OPEN_OPTIONS)
    except FFmpegError:
        yield None
        return
    with container:
        streams: dict[Track, VideoStream | AudioStream] = {}
        if container.streams.video:
            streams["video"] = container.streams.video[0]
        if container.streams.audio:
            streams["audio"] = container.streams.audio[0]
        tracks: dict[int, Track] = {stream.index: track for track, stream in streams.items()}
        packets = [(tracks[packet.stream.index], packet) for packet in _readable(container, *streams.values())]
        has_picture = any(track == "video" for track, _ in packets)
        yield SegmentPackets(streams, packets) if has_picture else None


def seconds(ticks: int | None, packet: AnyPacket) -> Fraction:
    """A packet's pts, dts or duration in seconds."""
    return (ticks or 0) * packet.time_base


def _readable(container: InputContainer, *streams: VideoStream | AudioStream) -> Iterator[AnyPacket]:
    if not streams:
        return
    try:
        for packet in container.demux(*streams):
            if packet.is_corrupt:
                return
            if packet.pts is not None and packet.dts is not None and packet.size:
                yield packet
    except FFmpegError:
        return
