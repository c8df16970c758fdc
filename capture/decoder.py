"""Packets → pictures."""

from __future__ import annotations

from typing import cast

import numpy as np
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from capture.motion import GreyPicture
from core.types import Picture

_LUMA_FIRST = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "nv21"})
"""Formats whose first plane is one byte of luma for each pixel."""


class CorruptError(Exception):
    """A packet or a picture is damaged."""


class Decoder:
    """Decodes one stream in the calling thread: cameras are many, so threads within one decoder only cost memory."""

    def __init__(self, stream: VideoStream) -> None:
        self._context = stream.codec_context
        self._context.thread_type = "NONE"
        self._context.thread_count = 1
        # One for each format: a scaler that changes it is set up anew.
        self._to_bgr, self._to_grey = VideoReformatter(), VideoReformatter()

    def decode(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        """The pictures that this packet completes, oldest first: none, one, or after a delay several.

        Raises:
            CorruptError: it, or a picture of it, is damaged.
        """
        try:
            return _sound(self._context.decode(packet))
        except FFmpegError as error:
            raise CorruptError(str(error.strerror)) from None

    def decode_alone(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        """The picture of a key frame of which no successor is decoded, without waiting for the next one.

        Raises:
            CorruptError: it is damaged.
        """
        # A decoder that expects B-frames holds pictures back; draining hands them out, and ends its sequence.
        try:
            return _sound([*self._context.decode(packet), *self._context.decode(None)])[-1:]
        except FFmpegError as error:
            raise CorruptError(str(error.strerror)) from None
        finally:
            self._context.flush_buffers()

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
