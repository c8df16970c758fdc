"""The pictures of an event: one as it was, one with the box drawn."""

from __future__ import annotations

from core.types import Event
from storage.drawing import with_box
from storage.frames.store import EvidenceStore
from storage.media import Media, decode_jpeg, encode_jpeg, event_snapshot_path, plain_snapshot_path


def write_snapshot(event: Event, evidence: EvidenceStore, media: Media) -> str | None:
    """Write both pictures from the frame that shows the event best.

    Returns:
        The path of the one with the box, below the media folder, or None where the frame's pixels are gone.

    Raises:
        UnavailableError: the disk is full or not writable.
    """
    jpeg = evidence.get(event.camera_id, event.best.seq)
    pixels = None if jpeg is None else decode_jpeg(jpeg)
    if jpeg is None or pixels is None:
        return None
    path = event_snapshot_path(event.id, event.started_at)
    media.write(plain_snapshot_path(path), jpeg)
    if event.box is not None:
        label = f"{event.text or event.kind} {event.score:.0%}"
        jpeg = encode_jpeg(with_box(pixels, event.box, label))
    media.write(path, jpeg)
    return path
