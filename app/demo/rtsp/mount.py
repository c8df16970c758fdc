"""One looping camera: its pictures, and sound if it has some, sent to everybody who plays it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from app.demo.rtsp import sound
from app.demo.rtsp.clip import AccessUnit, Clip
from app.demo.rtsp.rtp import CLOCK_HZ, PAYLOAD_TYPE, RtpStream, interleave

log = logging.getLogger(__name__)

Fault = Literal["stall", "rtcp-only", "drop", "garbage", "mute", "gone"]
"""What a camera does wrong.

stall: nothing is sent, connections stay up; rtcp-only: sender reports and no pictures; drop: viewers are cut, once;
garbage: random payloads; mute: requests get no answer; gone: viewers are cut, newcomers get 404.
"""

FAULTS: tuple[Fault, ...] = get_args(Fault)

MAX_UNSENT_BYTES = 4_000_000
"""A viewer that has so much waiting does not read: it is cut off."""
REPORT_INTERVAL_S = 5.0
RTCP_ONLY_INTERVAL_S = 1.0
MAX_LAG_S = 2.0
"""After a longer pause of the process (SIGSTOP) the stream goes on where it was instead of catching up in a burst."""


@dataclass(slots=True)
class Viewer:
    """A connection that plays a mount."""

    transport: asyncio.WriteTransport
    channels: Mapping[int, int]
    """Track → where its RTP goes, RTCP to the next one; tracks that are not wanted are not in it."""
    started: bool = False
    """It has got its first key frame."""


class Mount:
    """A clip played in a loop, by the clock, whether anybody looks or not."""

    def __init__(self, name: str, clip: Clip, phase: float) -> None:
        """``phase``: where in the clip it starts, as a fraction of its length."""
        self.name = name
        self.clip = clip
        self.fault: Fault | None = None
        self.viewers: dict[asyncio.WriteTransport, Viewer] = {}
        self.streams = [RtpStream(PAYLOAD_TYPE, CLOCK_HZ)]
        """By track."""
        if clip.sound is not None:
            self.streams.append(RtpStream(sound.PAYLOAD_TYPE, clip.sound.clock_hz))
        self._index = int(phase * len(clip.units)) % len(clip.units)
        self._round_ticks = 0
        self._origin_s = 0.0
        self._next_report_s = 0.0

    def start(self) -> None:
        """Begin to play on the running event loop."""
        loop = asyncio.get_running_loop()
        self._origin_s = loop.time() - self.clip.units[self._index].sent_at_s
        loop.call_soon(self._play_next, loop)

    def set_fault(self, fault: Fault | None) -> None:
        """Break, or heal, the camera."""
        if fault in {"drop", "gone"}:
            for transport in list(self.viewers):
                transport.abort()
            self.viewers.clear()
        self.fault = None if fault == "drop" else fault

    def _play_next(self, loop: asyncio.AbstractEventLoop) -> None:
        now_s = loop.time()
        lag_s = now_s - self._due_s()
        if lag_s > MAX_LAG_S:
            self._origin_s += lag_s
        if self.viewers:
            self._send(now_s)
        self._index += 1
        if self._index == len(self.clip.units):
            self._index = 0
            self._round_ticks += self.clip.length_ticks
        loop.call_at(self._due_s(), self._play_next, loop)

    def _due_s(self) -> float:
        """When the next access unit is sent, on the clock of the event loop."""
        return self._origin_s + self._round_ticks / CLOCK_HZ + self.clip.units[self._index].sent_at_s

    def _send(self, now_s: float) -> None:
        if self.fault == "stall":
            return
        due_for_report = now_s >= self._next_report_s
        if due_for_report:
            interval_s = RTCP_ONLY_INTERVAL_S if self.fault == "rtcp-only" else REPORT_INTERVAL_S
            self._next_report_s = now_s + interval_s
        unit = self.clip.units[self._index]
        packets = [] if self.fault == "rtcp-only" else self._packets(unit)
        for viewer in list(self.viewers.values()):
            starts = unit.is_key and not viewer.started
            viewer.started = viewer.started or unit.is_key
            # A viewer's first report comes with its first picture: it tells the capture time of all that follow.
            message = self._reports(viewer, now_s) if due_for_report or starts else b""
            if viewer.started and unit.track in viewer.channels:
                message += interleave(packets, viewer.channels[unit.track])
            if message:
                self._write(viewer, message)

    def _packets(self, unit: AccessUnit) -> list[bytes]:
        payloads = unit.payloads
        if self.fault == "garbage":
            payloads = tuple(payload[:2] + os.urandom(max(0, len(payload) - 2)) for payload in payloads)
        return self.streams[unit.track].packets(payloads, self._round_ticks / CLOCK_HZ, unit.presented_at)

    def _reports(self, viewer: Viewer, now_s: float) -> bytes:
        played_s = now_s - self._origin_s
        return b"".join(
            interleave([self.streams[track].report(played_s)], channel + 1)
            for track, channel in viewer.channels.items()
        )

    def _write(self, viewer: Viewer, message: bytes) -> None:
        if viewer.transport.is_closing():
            return
        if viewer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            log.warning("%s: cut off a viewer that does not read", self.name)
            self.viewers.pop(viewer.transport, None)
            viewer.transport.abort()
            return
        viewer.transport.write(message)
