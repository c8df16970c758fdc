"""Packets → pictures."""

from __future__ import annotations

import logging
from typing import cast

import numpy as np
from av.codec.hwaccel import HWAccel
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from capture.hardware import context_for
from capture.motion import GreyPicture
from core.types import Picture

log = logging.getLogger(__name__)

MOST_FAILURES = 3
"""Packets in a row that the hardware cannot decode: then it is not the packets."""

_LUMA_FIRST = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "nv21"})
"""Formats whose first plane is one byte of luma for each pixel."""

_OF_SOFTWARE = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p"})
"""Formats in which hardware hands no picture out: FFmpeg decodes by itself what the device cannot, and says nothing."""


class CorruptError(Exception):
    """A packet or a picture is damaged."""


class Decoder:
    """Decodes one stream in the calling thread: cameras are many, so threads within one decoder only cost memory.

    Hardware decodes streams of which all packets are; for key frames alone it would hold memory and save nothing.
    """

    def __init__(self, stream: VideoStream, hardware: HWAccel | None = None) -> None:
        """For an open stream.

        Args:
            stream: whose packets come.
            hardware: what is to decode it; None, and where it fails: software.
        """
        self._context = stream.codec_context
        self._context.thread_type = "NONE"
        self._context.thread_count = 1
        self._hardware = hardware
        self._by_hardware: VideoCodecContext | None = None
        self._failures, self._is_format_seen = 0, False
        self.begun_pts: int | None = None
        """Of the key frame before which packets were left out last."""
        # One for each format: a scaler that changes it is set up anew.
        self._to_bgr, self._to_grey = VideoReformatter(), VideoReformatter()

    def decode(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        """The pictures that this packet completes, oldest first: none, one, or after a delay several.

        Raises:
            CorruptError: it, or a picture of it, is damaged.
        """
        context = self._hardware_context() or self._context
        try:
            frames = _sound(context.decode(packet))
        except FFmpegError as error:
            self._note_failure(str(error.strerror))
            raise CorruptError(str(error.strerror)) from None
        if frames:
            self._failures = 0
            self._see_format(frames[0])
        return frames

    def decode_alone(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        """The picture of a key frame of which no successor is decoded, without waiting for the next one.

        Raises:
            CorruptError: it is damaged.
        """
        self._by_hardware = None  # its memory is for streams that need it
        # A decoder that expects B-frames holds pictures back; draining hands them out, and ends its sequence.
        try:
            return _sound([*self._context.decode(packet), *self._context.decode(None)])[-1:]
        except FFmpegError as error:
            raise CorruptError(str(error.strerror)) from None
        finally:
            self._context.flush_buffers()

    def begin_anew(self, packet: Packet[VideoStream]) -> None:
        """This key frame is the next packet, and what it does not build on was left out."""
        self.begun_pts = packet.pts
        for context in (self._context, self._by_hardware):
            if context is not None:
                context.flush_buffers()

    def _hardware_context(self) -> VideoCodecContext | None:
        if self._hardware is not None and self._by_hardware is None:
            try:
                self._by_hardware = context_for(self._context, self._hardware)
            except (FFmpegError, NotImplementedError) as error:
                self._give_hardware_up(str(getattr(error, "strerror", None) or error))
        return self._by_hardware

    def _see_format(self, frame: VideoFrame) -> None:
        if self._by_hardware is None or self._is_format_seen:
            return
        self._is_format_seen = True
        if frame.format.name in _OF_SOFTWARE:
            log.warning("The stream is decoded by software: the hardware cannot decode this kind of it")

    def _note_failure(self, reason: str) -> None:
        self._failures += 1
        if self._by_hardware is not None and self._failures >= MOST_FAILURES:
            self._give_hardware_up(reason)

    def _give_hardware_up(self, reason: str) -> None:
        log.warning("The stream is decoded by software: the hardware failed: %s", reason)
        self._hardware = self._by_hardware = None
        self._failures = 0

    def luma(self, frame: VideoFrame) -> GreyPicture:
        """Decoded frame → (height, width) uint8; of planar YUV, as nearly all cameras send it, without a copy."""
        if frame.format.name not in _LUMA_FIRST:
            frame = self._to_grey.reformat(frame, format="gray", threads=1)
        plane = frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return rows[: frame.height, : frame.width]

    def to_picture(self, frame: VideoFrame) -> Picture:
        """Decoded frame → (height, width, 3) uint8, BGR."""
        # Not `frame.to_ndarray(format=…)`: that sets FFmpeg's scaler up, with a thread for each core, for every frame.
        bgr = self._to_bgr.reformat(frame, format="bgr24", threads=1)
        return cast(Picture, bgr.to_ndarray())


def _sound(frames: list[VideoFrame]) -> list[VideoFrame]:
    if any(frame.is_corrupt for frame in frames):
        raise CorruptError("damaged picture")
    return frames
