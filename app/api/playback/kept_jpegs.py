"""Kept frames, wherever they lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from core.errors import UnavailableError
from storage.kept_frames import KeptFrame
from storage.media import Media


def kept_jpegs(media: Media, frames: Iterable[KeptFrame]) -> Iterator[tuple[bytes, float]]:
    """Their JPEGs, and when they were captured, in seconds since the epoch: of those that can be read.

    Raises:
        UnavailableError: none can be read, and some only for now: they lie on a machine that is away.
    """
    fault, count = None, 0
    for frame in frames:
        try:
            jpeg = media.read(frame.path, frame.node)
        except UnavailableError as error:
            fault = error
            continue
        if jpeg is not None:
            count += 1
            yield jpeg, frame.captured_at
    if fault is not None and not count:
        raise fault
