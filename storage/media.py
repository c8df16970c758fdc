"""Media files: pictures of events and kept frames. Rows in the database hold paths below the media folder."""

from __future__ import annotations

import contextlib
import math
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
from storage.fetched import FETCHED, FetchedCopies

JPEG_QUALITY = 85


def encode_jpeg(pixels: Picture, quality: int = JPEG_QUALITY) -> bytes:
    """BGR picture → JPEG bytes."""
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of shape {pixels.shape} cannot be written as JPEG")
    return bytes(data)


def decode_jpeg(data: bytes) -> Picture | None:
    """JPEG bytes → BGR picture, or None where they are no picture."""
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error:  # its header claims more than OpenCV's limit of 2^30 pixels
        return None
    return None if picture is None else picture.astype(np.uint8, copy=False)


class Elsewhere(Protocol):
    """Where files may be that are not here."""

    def get(self, path: str, node: str | None, copies: FetchedCopies) -> bool:
        """Make a copy, unless there is one that is as good as new; False: the file is not there, either.

        Args:
            path: Below the media folder.
            node: On whose disk its row says that it lies; None: it does not say.
            copies: Where the copy goes.

        Raises:
            UnavailableError: it cannot be read now.
        """


class Media:
    """The media folder of this machine, and what can be had of those of others."""

    def __init__(
        self,
        folder: Path,
        node: str | None = None,
        *,
        nodes: Elsewhere | None = None,
        bucket: Elsewhere | None = None,
        copies: FetchedCopies | None = None,
    ) -> None:
        """Where neither nodes nor a bucket are given, there are only the files here.

        Args:
            folder: The media folder.
            node: Name of this machine, for the rows of what is written here.
            nodes: The media folders of the other machines.
            bucket: Holds copies of files, also of such as have left their folder.
            copies: Where copies of what lies elsewhere go.
        """
        self._folder = folder
        self.node = node
        self._nodes, self._bucket = nodes, bucket
        self._copies = copies or FetchedCopies(folder / FETCHED, math.inf)

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

    def read(self, path: str, node: str | None = None) -> bytes | None:
        """The file's content, or None where it is gone. Parameters and errors are those of `fetch`."""
        try:
            return self.fetch(path, node).read_bytes()
        except FileNotFoundError:
            return None

    def fetch(self, path: str, node: str | None = None) -> Path:
        """Where the file can be read: where it lies or, of one that lies elsewhere, where a copy lies for now.

        A file that is nowhere is where it would lie.

        Args:
            path: Below the media folder.
            node: On whose disk its row says that it lies; None: it does not say.

        Raises:
            UnavailableError: neither the node nor the bucket that may have it can be read now.
            ValueError: the path leads out of the media folder.
        """
        target = self.locate(path)
        if target.exists():
            return target
        with self._copies.one_at_a_time(path):
            return self._copy_from_elsewhere(path, node) or target

    def _copy_from_elsewhere(self, path: str, node: str | None) -> Path | None:
        fault = None
        # The node before the bucket: it may have a newer one, and is nearer.
        if self._nodes is not None and node != self.node:
            try:
                if self._nodes.get(path, node, self._copies):
                    return self._copies.locate(path)
            except UnavailableError as error:
                fault = error
        if self._copies.want(path):
            return self._copies.locate(path)
        if self._bucket is not None and self._bucket.get(path, node, self._copies):
            return self._copies.locate(path)
        if fault is not None:
            raise fault
        return None

    def forget_fetched(self, before_s: float) -> None:
        """Delete copies that nobody has wanted since then, and some where they take too much."""
        self._copies.forget(before_s)

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
            self._copies.remove(path)
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


def snapshot_files(path: str) -> list[str]:
    """An event's pictures: with the box and without."""
    return [path, plain_snapshot_path(path)]


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
