"""Packets → whole pictures: some cameras' slices of one picture come as packets of their own."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from av.packet import Packet

from capture.recorder.arrival import Arrival
from capture.recorder.bitstream import HEAD_BYTES, is_annex_b, parameter_sets, starts_picture

TICKS_PER_S = 90_000
"""Clock of everything that is recorded."""
_MAX_GUESS_S = 1.0


class Picture(NamedTuple):
    """One encoded picture. (Tuples are made three times as fast as frozen dataclasses.)"""

    data: bytes | Packet[Any]
    """Of the packet itself where it is one picture: a copy less."""
    dts: int | None
    """In ticks; None where the camera gave none."""
    pts: int | None
    is_key: bool
    at_s: float
    parameters: bytes = b""
    """Parameter sets that come with a key frame."""

    def to_packet(self) -> Packet[Any]:
        """A packet of its own, without times."""
        return Packet(cast(bytes, self.data))  # PyAV takes any buffer, its types know fewer


class AccessUnits:
    """Puts the packets of one connection together. It holds one back, for the next may belong to it."""

    def __init__(self, codec: str, extradata: bytes | None, frame_interval_s: float | None) -> None:
        self._codec = codec
        self._is_annex_b = is_annex_b(extradata)
        self._frame_interval_s = frame_interval_s
        self._held: Picture | None = None
        self._scale = 0.0
        """Ticks of one unit of the packets' timestamps; asking each packet costs more than all else done here."""

    def push(self, arrival: Arrival) -> Picture | None:
        """Take a packet of video; returns the picture that it shows to be whole."""
        held = self._held
        head = bytes(memoryview(arrival.packet)[:HEAD_BYTES]) if self._is_annex_b else b""
        if held is not None and self._is_annex_b and not starts_picture(head, self._codec):
            self._held = held._replace(data=bytes(held.data) + bytes(arrival.packet))
            return None
        self._held = new = self._picture(arrival, head)
        if held is None or held.dts is not None or new.dts is None:
            return held
        # RTSP: the first packet has no timestamp.
        interval_s = self._frame_interval_s or min(max(new.at_s - held.at_s, 0.001), _MAX_GUESS_S)
        dts = new.dts - round(interval_s * TICKS_PER_S)
        return held._replace(dts=dts, pts=dts)

    def flush(self) -> Picture | None:
        """The picture that was held back."""
        held, self._held = self._held, None
        return held

    def _picture(self, arrival: Arrival, head: bytes) -> Picture:
        packet = arrival.packet
        scale = self._scale = self._scale or float(packet.time_base) * TICKS_PER_S
        pts = None if packet.pts is None else round(packet.pts * scale)
        dts = pts if packet.dts is None else round(packet.dts * scale)
        is_key = packet.is_keyframe
        parameters = parameter_sets(head, self._codec) if is_key and head else b""
        return Picture(packet, dts, pts, is_key, arrival.at_s, parameters)
