"""Pictures and videos from files, for the commands that work without cameras."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import cv2
from av.error import FFmpegError

from capture.sampler import Pacer
from core.errors import CamrecError
from core.types import Picture


class UnreadableFileError(CamrecError):
    """A file is missing, or neither a picture nor a video that can be decoded."""


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One sampled frame."""

    at_s: float
    """Seconds from the first frame."""
    picture: Picture


def is_picture(path: Path) -> bool:
    """Whether a file begins like a picture that can be decoded.

    Raises:
        UnreadableFileError: there is no such file, or it may not be read.
    """
    try:
        if not path.is_file():  # a pipe would wait for a writer
            raise UnreadableFileError("not a file" if path.exists() else "no such file")
        with path.open("rb"):
            pass
        str(path).encode()  # OpenCV crashes on a name that is not UTF-8
    except OSError as error:
        raise UnreadableFileError(f"cannot be opened: {error.strerror}") from error
    except UnicodeEncodeError:
        raise UnreadableFileError("its name is not UTF-8: rename it") from None
    return bool(cv2.haveImageReader(str(path)))


def read_picture(path: Path) -> Picture:
    """Decode a picture, turned upright as its EXIF data says.

    Raises:
        UnreadableFileError: it is damaged.
    """
    try:
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise UnreadableFileError(f"damaged picture: {error.err}") from error
    if picture is None:
        raise UnreadableFileError("damaged picture: expected one that OpenCV can decode")
    return cast(Picture, picture)


class VideoFile:
    """A video, sampled on its own timestamps as a camera would be."""

    def __init__(self, path: Path, fps: float) -> None:
        """Open it.

        Raises:
            UnreadableFileError: it is no video.
        """
        av.logging.set_level(None)
        try:
            # As a file: a name like "concat:…" must not make FFmpeg open anything else.
            self._container = av.open(f"file:{path}")
        except FFmpegError as error:
            raise UnreadableFileError(f"neither a picture nor a video: {error.strerror}") from error
        if not self._container.streams.video:
            self._container.close()
            raise UnreadableFileError("no picture in it: expected a video stream")
        self._pacer = Pacer(fps)
        self.sampled = 0
        """Frames that were given so far."""
        self.duration_s = (self._container.duration or 0) / av.time_base

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def frames(self) -> Iterator[VideoFrame]:
        """The sampled frames, in order.

        Raises:
            UnreadableFileError: the video is damaged from here on.
        """
        stream = self._container.streams.video[0]
        stream.thread_type = "AUTO"
        first_s: float | None = None
        try:
            for frame in self._container.decode(stream):
                if frame.pts is None:
                    continue
                first_s = frame.time if first_s is None else first_s
                if self._pacer.take(frame.time - first_s):
                    self.sampled += 1
                    yield VideoFrame(frame.time - first_s, cast(Picture, frame.to_ndarray(format="bgr24")))
        except FFmpegError as error:
            raise UnreadableFileError(f"damaged video: {error.strerror}") from error
        if first_s is None:
            raise UnreadableFileError("no frame in it: expected a video that can be decoded")
