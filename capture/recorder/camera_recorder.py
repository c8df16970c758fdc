"""A camera's recorder, on the side of its stream: decides what is recorded, and hands it on."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Protocol

from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.stream import VideoStream

from capture.recorder.arrival import Arrival, Connection
from capture.recorder.pre_roll import PreRoll
from storage.camera import Recording
from storage.segments import RetentionClass


class Sink(Protocol):
    """Where packets to record go. Nothing here may block."""

    def put(self, camera_id: int, arrival: Arrival, retention_class: RetentionClass) -> None:
        """Record this packet."""

    def end(self, camera_id: int) -> None:
        """What comes next does not follow what came before."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A stretch of time that an event wants recorded."""

    from_s: float
    until_s: float


class CameraRecorder:
    """Packets come from the stream's thread, events and settings from others."""

    def __init__(self, camera_id: int, recording: Recording, sink: Sink, live: Sink) -> None:
        """Record nothing yet.

        Args:
            camera_id: whose stream it is.
            recording: how it is recorded.
            sink: of what is recorded.
            live: of what somebody watches that is not recorded continuously.
        """
        self._camera_id, self._sink, self._live = camera_id, sink, live
        self._is_watched = self._is_live = False
        self._lock = threading.Lock()
        self._recording = recording
        self._pre_roll = PreRoll(recording.pre_s)
        self._wanted: dict[str, Wanted] = {}
        self._is_recording = False
        self._connection: Connection | None = None
        self._at_s = 0.0

    @property
    def recording(self) -> Recording:
        """How the camera is recorded."""
        return self._recording

    @property
    def state(self) -> str:
        """``off``, ``waiting`` (for the stream), ``impossible``, ``armed`` (for an event) or ``recording``."""
        if self._recording.mode == "off":
            return "off"
        if self._connection is None:
            return "waiting"
        if not self._connection.is_recordable:
            return "impossible"
        return "recording" if self._is_recording else "armed"

    def configure(self, recording: Recording) -> None:
        """Follow a change."""
        with self._lock:
            if recording != self._recording:
                self._recording = recording
                self._stop()
                self._pre_roll = PreRoll(recording.pre_s)

    def connected(self, video: VideoStream, audio: AudioStream | None) -> Connection:
        """A stream begins, in place of any before it; call it in the thread that reads it."""
        connection = Connection(video, audio)
        with self._lock:
            self._stop()
            self._connection = connection
        return connection

    def disconnected(self, connection: Connection) -> None:
        """It ended. What it left for an event that is still to come stays for a while."""
        with self._lock:
            if connection is not self._connection:
                return  # the thread of a former stream was blocked until now
            self._connection = None
            self._end_live()
            if self._is_recording:
                self._stop()

    def offer(self, connection: Connection, packet: Packet[Any], at_s: float, is_video: bool = True) -> None:
        """Take a packet of the stream; what comes of a former one is not taken."""
        is_taken = self._recording.mode != "off" or self._is_watched or self._is_live
        if connection is not self._connection or not connection.is_recordable or not is_taken:
            return
        if is_video:
            self._at_s = at_s
        elif connection.audio is None:
            return
        self._take(Arrival(packet, self._at_s, connection, is_video))

    def show(self, is_watched: bool) -> None:
        """Whether somebody watches the camera."""
        self._is_watched = is_watched

    def want(self, event_id: str, started_at: float, last_s: float) -> None:
        """An event of the camera began at one time and lasts at least to another."""
        with self._lock:
            recording = self._recording
            wanted = Wanted(started_at - recording.pre_s, last_s + recording.post_s)
            self._wanted[event_id] = wanted
            if recording.mode == "events" and not self._is_recording:
                self._record_pre_roll(wanted)

    def _record_pre_roll(self, wanted: Wanted) -> None:
        arrivals = self._pre_roll.take(wanted.from_s, wanted.until_s)
        for arrival in arrivals:
            self._sink.put(self._camera_id, arrival, "event")
        if self._connection is not None and self._at_s < wanted.until_s:
            self._is_recording = bool(arrivals)
        elif arrivals:
            self._sink.end(self._camera_id)

    def _take(self, arrival: Arrival) -> None:
        with self._lock:
            self._take_live(arrival)
            if self._recording.mode == "off":
                return
            if arrival.starts_group:
                self._wanted = {i: w for i, w in self._wanted.items() if w.until_s > arrival.at_s}
            if self._recording.mode == "continuous":
                self._is_recording = True
                self._sink.put(self._camera_id, arrival, "event" if self._wanted else "continuous")
                return
            if arrival.starts_group and not self._wanted and self._is_recording:
                self._stop()
            if arrival.starts_group and self._wanted and not self._is_recording:
                self._is_recording = True
            if self._is_recording:
                self._sink.put(self._camera_id, arrival, "event")
            else:
                self._pre_roll.add(arrival)

    def _take_live(self, arrival: Arrival) -> None:
        if self._is_watched and self._recording.mode != "continuous":
            if not self._is_live and arrival.starts_group:
                self._is_live = True
            if self._is_live:
                self._live.put(self._camera_id, arrival, "continuous")
        else:
            self._end_live()

    def _end_live(self) -> None:
        if self._is_live:
            self._is_live = False
            self._live.end(self._camera_id)

    def _stop(self) -> None:
        self._is_recording = False
        self._pre_roll.clear()
        self._sink.end(self._camera_id)
