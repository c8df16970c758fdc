"""Packets that no encoder makes, and real ones to put into files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.packet import Packet

from app.demo.footage import write_video
from capture.recorder.arrival import Arrival, Connection
from tests.support.numbered import numbered_frames

AT_S = 1_795_500_000.0


@dataclass
class Film:
    """Packets of a short video, as a connection brings them."""

    connection: Connection
    packets: list[tuple[bytes, bool]]
    fps: int = 15

    def arrival(self, number: int, dts: int | None, at_s: float, data: bytes | None = None) -> Arrival:
        """The packet of that picture, at another time."""
        content, is_key = self.packets[number]
        packet = Packet(content if data is None else data)
        packet.time_base = Fraction(1, 90_000)
        packet.dts = packet.pts = dts
        packet.is_keyframe = is_key
        return Arrival(packet, at_s, self.connection)

    def arrivals(self, numbers: Sequence[int]) -> list[Arrival]:
        """Those packets at their proper times."""
        return [self.arrival(n, n * 90_000 // self.fps, AT_S + n / self.fps) for n in numbers]


def film(path: Path, frames: int = 150, codec: str = "libx264", width: int = 320, **options: Any) -> Film:
    """Encode one (MPEG-TS: start codes, as in RTSP)."""
    write_video(path, numbered_frames(frames, width), 15, codec, gop_s=1, **options)
    with av.open(str(path), "r") as container:
        video = container.streams.video[0]
        connection = Connection(video)
        packets = [(bytes(p), p.is_keyframe) for p in container.demux(video) if p.size]
    return Film(connection, packets)


@dataclass
class Collected:
    """What a track said."""

    finished: list[Any] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
