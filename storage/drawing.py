"""Marks drawn on pictures for people."""

from __future__ import annotations

import cv2

from core.types import Box, Picture

_BOX_COLOUR = (40, 220, 40)  # BGR
_TEXT_COLOUR = (10, 10, 10)
_LINE_COLOUR = (245, 245, 245)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def with_box(picture: Picture, box: Box, label: str) -> Picture:
    """A copy of the picture with a box and, where there is room, its label above it (else below)."""
    marked = picture.copy()
    height, width = marked.shape[:2]
    line_px = max(2, round(min(height, width) / 240))
    x1, y1, x2, y2 = (round(v) for v in box)
    cv2.rectangle(marked, (x1, y1), (x2, y2), _BOX_COLOUR, line_px)
    if not label:
        return marked
    scale, text_px = max(0.5, min(height, width) / 720), max(1, line_px - 1)
    (text_w, text_h), baseline = cv2.getTextSize(label, _FONT, scale, text_px)
    left = max(0, min(x1, width - text_w - 8))
    tag_h = text_h + baseline + 8
    top = y1 - tag_h if y1 >= tag_h else min(y2, height - tag_h)
    cv2.rectangle(marked, (left, top), (left + text_w + 8, top + tag_h), _BOX_COLOUR, cv2.FILLED)
    cv2.putText(marked, label, (left + 4, top + text_h + 4), _FONT, scale, _TEXT_COLOUR, text_px, cv2.LINE_AA)
    return marked


def with_line(picture: Picture, text: str, line: int) -> Picture:
    """A copy of the picture with a line of text at its top left, the first with ``line`` 0; as wide as the picture at
    most. Characters that the font does not have are shown as ``?``."""
    marked = picture.copy()
    height, width = marked.shape[:2]
    scale = max(0.35, min(height, width) / 720)
    text_px = max(1, round(scale * 1.5))
    (text_w, text_h), baseline = cv2.getTextSize(text, _FONT, scale, text_px)
    if text_w + 8 > width:
        scale *= width / (text_w + 8)
        (text_w, text_h), baseline = cv2.getTextSize(text, _FONT, scale, text_px)
    tag_h = text_h + baseline + 8
    top = line * tag_h
    cv2.rectangle(marked, (0, top), (text_w + 8, top + tag_h), _TEXT_COLOUR, cv2.FILLED)
    cv2.putText(marked, text, (4, top + text_h + 4), _FONT, scale, _LINE_COLOUR, text_px, cv2.LINE_AA)
    return marked
