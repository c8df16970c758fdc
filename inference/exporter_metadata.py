"""What exporters write into a model's metadata, Ultralytics above all: ``names``, ``imgsz`` and ``task``."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

DECODERS_OF_TASK = {
    "detect": ("yolov8", "yolov5", "end_to_end"),
    "pose": ("yolov8_pose", "end_to_end"),
    "classify": ("frame_classes",),
}
"""Ultralytics' tasks that can be run, and what reads their outputs."""


def names_in(metadata: Mapping[str, str]) -> tuple[str, ...] | None:
    """Labels: as Ultralytics writes them, ``{0: 'person', …}``, as a list, or with commas.

    >>> names_in({"names": "{1: 'car', 0: 'person'}"})
    ('person', 'car')
    """
    found = _literal(metadata.get("names") or metadata.get("labels"))
    if isinstance(found, dict):
        return tuple(str(found[key]) for key in sorted(found))
    if isinstance(found, list | tuple):
        return tuple(map(str, found))
    return tuple(part.strip() for part in found.split(",")) if isinstance(found, str) and found else None


def size_in(metadata: Mapping[str, str]) -> tuple[int, int] | None:
    """Width and height of the input, from Ultralytics' ``imgsz``: height and width.

    >>> size_in({"imgsz": "[480, 640]"})
    (640, 480)
    """
    found = _literal(metadata.get("imgsz"))
    if isinstance(found, int):
        return found, found
    if isinstance(found, list | tuple) and len(found) == 2 and all(isinstance(side, int) for side in found):
        return found[1], found[0]
    return None


def _literal(text: str | None) -> Any:
    try:
        return None if text is None else ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
