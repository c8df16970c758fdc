"""A frame as one value in Redis: a header, then the JPEG.

Big-endian: 8 bytes of magic with the version, seq (uint64), 8 bytes that name the writer (zeros: it has let go),
``captured_at`` (float64), width and height (uint32). The scripts of `redis_scripts` know the first three.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from core.errors import UnavailableError
from core.types import Frame, FrameRef, JpegFrame, Picture
from storage.media import decode_jpeg, encode_jpeg

MAGIC = b"camrecJ1"
JPEG_QUALITY = 90
"""Above that of pictures for people: recognitions read small letters."""

_HEAD = struct.Struct(">8sQ8s")
_REST = struct.Struct(">dII")
HEADER_BYTES = _HEAD.size + _REST.size


class FrameFormatError(UnavailableError):
    """A value that is not a frame of this version."""


def packed_rest(pixels: Picture, captured_at: float) -> bytes:
    """What follows magic, seq and writer, which the script puts before it."""
    height, width, _ = pixels.shape
    return _REST.pack(captured_at, width, height) + encode_jpeg(pixels, JPEG_QUALITY)


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A value that was read, its JPEG not looked at yet."""

    ref: FrameRef
    _value: bytes

    @classmethod
    def of(cls, camera_id: int, value: bytes) -> StoredFrame:
        """Read the header.

        Raises:
            FrameFormatError: it is not one of this version.
        """
        if len(value) <= HEADER_BYTES or not value.startswith(MAGIC):
            raise FrameFormatError(
                f"What Redis holds as a frame of camera {camera_id} begins with {value[:8]!r}; expected {MAGIC!r}. "
                "Run the same release of camrec in capture, workers and API."
            )
        _, seq, _ = _HEAD.unpack_from(value)
        captured_at, width, height = _REST.unpack_from(value, _HEAD.size)
        return cls(FrameRef(camera_id, seq, captured_at, width, height), value)

    def jpeg_frame(self) -> JpegFrame:
        """Without decoding."""
        return JpegFrame(self.ref, self._value[HEADER_BYTES:])

    def decode(self) -> Frame:
        """With pixels.

        Raises:
            FrameFormatError: it is no JPEG of the size that the header says.
        """
        jpeg = self._value[HEADER_BYTES:]
        pixels = decode_jpeg(jpeg)
        size = (self.ref.height, self.ref.width, 3)
        if pixels is None or pixels.shape != size:
            found = "no JPEG" if pixels is None else f"one of {pixels.shape}"
            raise FrameFormatError(f"A frame of camera {self.ref.camera_id}: expected a JPEG of {size}; found {found}.")
        return Frame(self.ref, pixels, jpeg)
