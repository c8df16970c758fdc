"""Media files: pictures of events and kept frames. Rows in the database hold paths below the media folder."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from core.errors import UnavailableError
from core.types import Picture

JPEG_QUALITY = 85


def encode_jpeg(pixels: Picture, quality: int = JPEG_QUALITY) -> bytes:
    """BGR picture → JPEG bytes."""
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of shape {pixels.shape} cannot be written as JPEG")
    return bytes(data)


def decode_jpeg(data: bytes) -> Picture | None:
    """JPEG bytes → BGR picture, or None where they are no picture."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    return None if picture is None else picture.astype(np.uint8, copy=False)


FETCHED = ".fetched"
"""Folder of files that are in a bucket and were wanted a while ago."""


class Bucket(Protocol):
    """Where files may be that are not here."""

    def get(self, path: str, target: Path) -> bool:
        """Copy one into a file; False: it is not there either.

        Raises:
            UnavailableError: it cannot be read now.
        """


class Media:
    """The media folder of this installation."""

    def __init__(self, folder: Path, bucket: Bucket | None = None) -> None:
        """Bucket: holds copies of files that have left the folder."""
        self._folder = folder
        self._bucket = bucket

    def write(self, path: str, data: bytes) -> None:
        """Write a file whole: readers see the old one or the new one, never a part.

        Raises:
            UnavailableError: the disk is full or not writable.
        """
        target = self.locate(path)
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(data)
            os.replace(draft, target)
        except OSError as error:
            with contextlib.suppress(OSError):  # its folder may be what could not be made
                draft.unlink()
            raise UnavailableError(f"{target} cannot be written: {error.strerror}.") from error

    def read(self, path: str) -> bytes | None:
        """The file's content, or None where it is gone."""
        try:
            return self.fetch(path).read_bytes()
        except FileNotFoundError:
            return None

    def fetch(self, path: str) -> Path:
        """Where the file can be read: where it lies or, of one that is in the bucket only, where a copy lies for now.

        A file that is nowhere is where it would lie.

        Raises:
            UnavailableError: the bucket cannot be read now.
            ValueError: the path leads out of the media folder.
        """
        target = self.locate(path)
        if self._bucket is None or target.exists():
            return target
        fetched = self.locate(f"{FETCHED}/{path}")
        with contextlib.suppress(FileNotFoundError):
            os.utime(fetched)  # it was wanted just now; unlike `touch`, makes no empty one where it was just forgotten
            return fetched
        return fetched if self._bucket.get(path, fetched) else target

    def forget_fetched(self, before_s: float) -> None:
        """Delete copies that nobody has wanted since then."""
        for file in list((self._folder / FETCHED).rglob("*")):
            with contextlib.suppress(FileNotFoundError):  # a draft got its name meanwhile
                if file.is_file() and file.stat().st_mtime < before_s:
                    self.remove([str(file.relative_to(self._folder))])

    def locate(self, path: str) -> Path:
        """Where on disk it lies.

        Raises:
            ValueError: the path leads out of the media folder.
        """
        target = (self._folder / path).resolve()
        if not target.is_relative_to(self._folder.resolve()):
            raise ValueError(f"{path!r} lies outside the media folder")
        return target

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files, and folders that become empty by it; what is gone already is no error."""
        for path in paths:
            target = self.locate(path)
            target.unlink(missing_ok=True)
            for folder in target.parents:
                if folder == self._folder.resolve() or not folder.is_relative_to(self._folder.resolve()):
                    break
                try:
                    folder.rmdir()
                except OSError:
                    break


def event_snapshot_path(event_id: str, started_at: float) -> str:
    """Where an event's picture with the box drawn goes."""
    return f"events/{datetime.fromtimestamp(started_at, UTC):%Y%m%d}/{event_id}.jpg"


def plain_snapshot_path(snapshot: str) -> str:
    """Where the same picture without the box goes."""
    return snapshot.removesuffix(".jpg") + "-plain.jpg"


def kept_frame_path(camera_id: int, captured_at: float) -> str:
    """Where a kept frame goes: ``frames/<camera>/YYYYMMDD/HH/MMSS-mmm.jpg``, UTC."""
    at = datetime.fromtimestamp(captured_at, UTC)
    return f"frames/{camera_id}/{at:%Y%m%d/%H/%M%S}-{at.microsecond // 1000:03d}.jpg"


MANIFEST_SUFFIX = ".manifest.json"
"""A clip's manifest lies beside it, under its name and this."""


def clip_files(path: str) -> list[str]:
    """A clip's files: itself and its manifest."""
    return [path, path + MANIFEST_SUFFIX]


def clip_path(clip_id: str, from_s: float) -> str:
    """Where a clip goes; its manifest lies beside it."""
    return f"clips/{datetime.fromtimestamp(from_s, UTC):%Y%m%d}/{clip_id}.mp4"
