"""What is drawn on the pictures of a clip: the time, and what the events of that time saw."""

from __future__ import annotations

from collections.abc import Sequence

from core.clock import iso_utc
from core.types import Box, Event, Picture
from storage.clips.burn_in import Paint
from storage.drawing import with_box, with_line

BOX_S = 1.0
"""An event knows where it was at its best moment; its box is shown so long before and after it."""


def time_painter(camera_name: str) -> Paint:
    """Draws the camera's name and the time at which the picture was taken, in UTC, to the millisecond."""
    return lambda picture, at_s: with_line(picture, f"{camera_name}  {iso_utc(at_s)}".strip(), 0)


def event_painter(camera_name: str, events: Sequence[Event]) -> Paint:
    """As `time_painter`; below it a line for each event while it goes on, and its box around its best moment."""
    paint_time = time_painter(camera_name)

    def paint(picture: Picture, at_s: float) -> Picture:
        painted = picture
        for event in events:
            if event.box is not None and abs(at_s - event.best.captured_at) <= BOX_S:
                painted = with_box(painted, _scaled(event, picture), _label(event))
        painted = paint_time(painted, at_s)
        going_on = [e for e in events if e.started_at <= at_s <= (e.ended_at or e.best.captured_at)]
        for line, event in enumerate(going_on, start=1):
            painted = with_line(painted, _label(event), line)
        return painted

    return paint


def _label(event: Event) -> str:
    return f"{event.kind} {event.text or ''} {event.score:.2f}".replace("  ", " ")


def _scaled(event: Event, picture: Picture) -> Box:
    """The box in pixels of the recorded stream, which may be another one than the analysed."""
    height, width = picture.shape[:2]
    across, down = width / max(1, event.best.width), height / max(1, event.best.height)
    x1, y1, x2, y2 = event.box or (0.0, 0.0, 0.0, 0.0)
    return x1 * across, y1 * down, x2 * across, y2 * down
