"""One file of a recording while it grows."""

from __future__ import annotations

import contextlib
import fcntl
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, cast

import av
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.stream import VideoStream

from capture.recorder.access_units import TICKS_PER_S, Picture
from capture.recorder.arrival import Connection
from capture.recorder.sound import Sound, SoundTrack
from capture.recorder.timeline import Place
from storage.segment_files import SegmentNote

_OPTIONS = {
    # A fragment for each group of pictures, and after five seconds of a longer one: that much is lost in a crash.
    "movflags": "+frag_keyframe+empty_moov+default_base_moof+frag_discont+skip_trailer",
    "frag_duration": "5000000",
    # Timestamps go on from file to file.
    "use_editlist": "0",
    "avoid_negative_ts": "disabled",
    "flush_packets": "1",
}
_BUFFER_BYTES = 1 << 18
_TICK = Fraction(1, TICKS_PER_S)
_MAX_SETTLING_S = 5.0
"""The first packets of a connection come in a burst; when the first of them was taken is known a little later."""


@dataclass(frozen=True, slots=True)
class Format:
    """What all segments of a run have in common."""

    connection: Connection
    parameters: bytes
    """Parameter sets that came within the stream; empty: those of the connection hold."""
    width: int
    height: int
    sound: SoundTrack | None


class _File:
    """Python's, not FFmpeg's: it lets other threads run while the disk is slow."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("xb", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # who looks for torn files sees that this is none
        self.size_bytes = 0

    def write(self, data: bytes) -> int:
        """Write all of it.

        Raises:
            OSError: the disk is full, or broken.
        """
        view = memoryview(data)
        while view:
            written = self._file.write(view)
            view = view[written:]
            self.size_bytes += written
        return len(data)

    def close(self) -> None:
        self._file.close()


class SegmentFile:
    """Pictures go in with their places; every method raises OSError where the disk does not take them."""

    def __init__(self, path: Path, made_of: Format, note: SegmentNote, first: Picture, place: Place) -> None:
        """Begin with a key frame.

        Raises:
            FileExistsError: there is such a file.
        """
        self.note = note
        self._format = made_of
        self._file = _File(path)
        self._container = av.open(self._file, "w", format="mp4", options=_OPTIONS, buffer_size=_BUFFER_BYTES)
        self._container.metadata["comment"] = note.to_text()
        self._video = self._add_video()
        self._audio: AudioStream | None = None if made_of.sound is None else made_of.sound.add_to(self._container)
        self._first, self._first_pts, self._first_at_s = place.dts, place.pts, first.at_s
        self._held: tuple[Picture, Place] = (first, place)
        self._key_times: list[float] = [0.0]
        self._step = 0
        self._last_sound: int | None = None

    @property
    def size_bytes(self) -> int:
        """Written so far."""
        return self._file.size_bytes

    @property
    def started_at(self) -> float:
        """When the first picture was taken, by what the last one says."""
        picture, place = self._held
        settled_s = picture.at_s - (place.dts - self._first) / TICKS_PER_S
        return settled_s if abs(settled_s - self._first_at_s) < _MAX_SETTLING_S else self._first_at_s

    @property
    def key_times(self) -> tuple[float, ...]:
        """Of its key frames, in seconds after the first picture."""
        return tuple(self._key_times)

    @property
    def step_s(self) -> float:
        """Between the last two pictures."""
        return self._step / TICKS_PER_S

    def duration_s(self, until: int) -> float:
        """Seconds from the first picture to that place."""
        return (until - self._first) / TICKS_PER_S

    def add(self, picture: Picture, place: Place) -> None:
        """Add the next picture."""
        self._write_held(place.dts)
        self._held = (picture, place)
        if picture.is_key:
            self._key_times.append(round((place.pts - self._first_pts) / TICKS_PER_S, 6))

    def add_sound(self, sound: Sound, dts: int) -> None:
        """Add sound that belongs to that place; what is out of order is left out."""
        if self._audio is None or dts < 0 or (self._last_sound is not None and dts <= self._last_sound):
            return
        self._last_sound = dts
        packet = Packet(sound.data)
        packet.duration = sound.duration
        self._mux(packet, self._audio, dts, dts)

    def close(self, until: int | None) -> int:
        """End it, and its last picture at that place (None: as long after it as it was after the one before).

        Returns:
            The place of its end.
        """
        _, place = self._held
        until = place.dts + max(self._step, 1) if until is None else until
        try:
            self._write_held(until)
            self._container.close()
        finally:
            self._file.close()
        return until

    def abandon(self) -> None:
        """Let go of it after an error, with what is on disk."""
        with contextlib.suppress(Exception):
            self._container.close()
        self._file.close()

    def _add_video(self) -> VideoStream:
        connection, made_of = self._format.connection, self._format
        stream = self._container.add_stream_from_template(cast(VideoStream, connection.video), opaque=True)
        context = stream.codec_context
        stream.time_base = _TICK
        context.width, context.height = made_of.width, made_of.height
        if made_of.parameters:
            context.extradata = made_of.parameters
        if connection.codec == "hevc":
            context.codec_tag = "hvc1"  # Apple plays no other
        return stream

    def _write_held(self, until: int) -> None:
        picture, place = self._held
        self._step = until - place.dts
        packet = picture.to_packet()
        packet.is_keyframe = picture.is_key
        packet.duration = self._step
        self._mux(packet, self._video, place.dts, place.pts)

    def _mux(self, packet: Packet[Any], stream: VideoStream | AudioStream, dts: int, pts: int) -> None:
        packet.stream = stream
        packet.time_base = _TICK
        packet.dts, packet.pts = dts, pts
        self._container.mux_one(packet)
