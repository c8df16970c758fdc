"""Where lines of text stand in a picture, by a PP-OCR text detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.types import Picture
from inference.decoders import db_text
from inference.decoders.db_text import TextBox
from inference.grouping import map_by_group
from inference.images import letterbox, to_batch
from inference.session import ModelSession

GRID = 32
"""The model's input sizes are multiples of this."""

_MOST_IN_BATCH = 8


class TextFinder:
    """Lines of text in pictures."""

    def __init__(self, session: ModelSession) -> None:
        self._session = session

    def find(self, pictures: Sequence[Picture], canvases: Sequence[tuple[int, int]]) -> list[list[TextBox]]:
        """Find lines, best first for each picture, in pixels of the picture.

        Args:
            pictures: BGR.
            canvases: width and height at which each is looked at, multiples of `GRID`.
        """
        pairs = list(zip(pictures, canvases, strict=True))
        return map_by_group(pairs, canvases, self._find_alike, most=_MOST_IN_BATCH)

    def _find_alike(self, pairs: list[tuple[Picture, tuple[int, int]]]) -> list[list[TextBox]]:
        boxed = [letterbox(picture, *canvas) for picture, canvas in pairs]
        batch = to_batch([canvas for canvas, _ in boxed], colour="BGR", mean=127.5, scale=1 / 127.5)
        maps = self._session.run(batch)[0][:, 0]
        return [
            [replace(box, corners=placed.to_picture(box.corners)) for box in db_text.decode(text_map)]
            for text_map, (_, placed) in zip(maps, boxed, strict=True)
        ]


def canvas_for(picture: Picture, long_side: int) -> tuple[int, int]:
    """Width and height, on the model's grid, at which the longer side of a picture has about ``long_side`` pixels."""
    height, width = picture.shape[:2]
    scale = long_side / max(height, width)
    return _to_grid(width * scale), _to_grid(height * scale)


def _to_grid(size: float) -> int:
    return max(1, round(size / GRID)) * GRID
