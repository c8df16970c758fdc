"""Draws on every picture of a clip. The pictures are encoded anew: this is for looking at, the copy is the evidence."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from core.errors import CamrecError, UnavailableError
from core.types import Picture
from storage.clips.cut import Part, draft_of

ENCODERS = ("libx264", "libopenh264")
"""The first that this FFmpeg has."""
_OPTIONS = {"libx264": {"preset": "veryfast", "crf": "23"}}
_TIME_BASE = Fraction(1, 90_000)
FRAMES_PER_REPORT = 25
"""A cancelled clip ends after at most so many pictures."""

Paint = Callable[[Picture, float], Picture]
"""Given a picture, (height, width, 3) uint8 BGR, and the time at which it was taken, gives the one to show."""


def burn_in(
    source: Path, target: Path, parts: Sequence[Part], paint: Paint, on_progress: Callable[[float], None]
) -> None:
    """Write an H.264 MP4 of painted pictures, each shown when the source shows it; sound is copied.

    Args:
        source: What `cut` wrote.
        target: Appears under its name when it is whole.
        parts: What `cut` says of it: which time is shown where.
        paint: Draws.
        on_progress: Told the share that is done, 0 to 1; what it raises ends the work.

    Raises:
        CamrecError: the source cannot be decoded, or this FFmpeg has no encoder.
        UnavailableError: the disk is full or not writable.
    """
    draft = draft_of(target)
    try:
        with (
            av.open(f"file:{source}") as read,
            av.open(str(draft), "w", format="mp4", options={"movflags": "+faststart"}) as output,
        ):
            _Painter(read, output, parts, paint).run(on_progress)
        draft.replace(target)
    except OSError as error:  # FFmpeg's errors of the disk are of this kind, too
        raise UnavailableError(f"{target} cannot be written: {error.strerror}.") from error
    except FFmpegError as error:
        raise CamrecError(f"The recording cannot be decoded: {error.strerror}.") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


class _Painter:
    def __init__(self, read: InputContainer, output: OutputContainer, parts: Sequence[Part], paint: Paint) -> None:
        self._read, self._output, self._parts, self._paint = read, output, parts, paint
        self._video = read.streams.video[0]
        self._video.thread_type = "NONE"  # recording and recognition need the cores more
        self._encoded: VideoStream | None = None
        self._sound = self._copied_sound()
        self._waiting: list[Packet[AudioStream]] = []
        """Sound from before the first picture: the file's header needs both tracks."""

    def run(self, on_progress: Callable[[float], None]) -> None:
        length_s = max((p.at_s + p.to_s - p.from_s for p in self._parts), default=0.0) or 1.0
        count = 0
        for packet in self._read.demux(*self._read.streams.video[:1], *self._read.streams.audio[:1]):
            if packet.stream.type == "audio":
                self._copy(cast("Packet[AudioStream]", packet))
                continue
            for frame in cast("list[VideoFrame]", packet.decode()):
                if frame.time is None or frame.time < 0:
                    continue  # from before the asked start, which the edit list hides
                self._show(frame)
                count += 1
                if count % FRAMES_PER_REPORT == 0:
                    on_progress(min(1.0, frame.time / length_s))
        if self._encoded is None:
            raise CamrecError("The recording has no picture that can be decoded.")
        self._output.mux(self._encoded.encode(None))

    def _show(self, frame: VideoFrame) -> None:
        picture = cast(Picture, frame.to_ndarray(format="bgr24"))
        height, width = (side // 2 * 2 for side in picture.shape[:2])  # 4:2:0 has no odd sides
        painted = self._paint(picture[:height, :width], self._taken_at(frame.time))
        shown = VideoFrame.from_ndarray(painted, format="bgr24")
        shown.pts, shown.time_base = round(frame.time / _TIME_BASE), _TIME_BASE
        if self._encoded is None:
            self._encoded = self._new_stream(width, height)
        self._output.mux(self._encoded.encode(shown))
        while self._waiting:
            self._output.mux(self._waiting.pop(0))

    def _taken_at(self, at_s: float) -> float:
        part = max((p for p in self._parts if p.at_s <= at_s + 1e-3), key=lambda p: p.at_s, default=self._parts[0])
        return part.from_s + at_s - part.at_s

    def _new_stream(self, width: int, height: int) -> VideoStream:
        encoder = next((name for name in ENCODERS if name in av.codecs_available), None)
        if encoder is None:
            raise CamrecError(f"This FFmpeg has no encoder for H.264, expected one of {', '.join(ENCODERS)}.")
        stream = cast(VideoStream, self._output.add_stream(encoder, rate=25))
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.thread_count = _TIME_BASE, 1
        context.options = _OPTIONS.get(encoder, {})
        return stream

    def _copied_sound(self) -> AudioStream | None:
        if not self._read.streams.audio:
            return None
        return self._output.add_stream_from_template(self._read.streams.audio[0])

    def _copy(self, packet: Packet[AudioStream]) -> None:
        if packet.dts is None or self._sound is None:
            return
        packet.stream = self._sound
        if self._encoded is None:
            self._waiting.append(packet)
        else:
            self._output.mux(packet)
