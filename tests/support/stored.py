"""Things to put into a database."""

from __future__ import annotations

from typing import Any

from core.types import Event, FrameRef, event_id
from storage.clips.store import Clip, ClipStore


def an_event(camera_id: int, started_at: float, **fields: Any) -> Event:
    """A plate that was read then."""
    given = {
        "id": event_id(camera_id, "plate", str(started_at)),
        "camera_id": camera_id,
        "recognition": "plates",
        "kind": "plate",
        "started_at": started_at,
        "ended_at": started_at + 2,
        "score": 0.9,
        "best": FrameRef(camera_id, int(started_at * 1e6), started_at + 1, 1280, 720),
        "box": (10.0, 20.0, 110.0, 60.0),
        "text": "B AB 123",
        **fields,
    }
    return Event(**given)


def a_clip(clips: ClipStore, clip: Clip, path: str, size_bytes: int, node: str | None = None) -> None:
    """A clip that was asked for and made. Its files are another matter."""
    clips.ask(clip)
    begun = clips.begin(clip.id, node)
    assert begun is not None
    assert clips.done(begun, path, size_bytes, (), node)
