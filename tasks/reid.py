"""Queue `reid`, and what its judges ask."""

from __future__ import annotations

from core.recognitions import RECOGNITIONS
from reid.live_index import LiveIndex
from reid.matching import Matcher
from storage.database import Database
from storage.gallery import GalleryStore
from tasks import frames
from tasks.application import app

_REID = RECOGNITIONS["reid"]


@app.task(name=_REID.task, send_events=False)
def recognise_reid(camera_ids: list[int]) -> None:
    """Find the persons on the newest frame of each camera, and what they look like."""
    frames.recognise(_REID.kind, camera_ids)


def gallery_matcher(database: Database) -> Matcher:
    """The matcher of the installation's gallery."""
    gallery = GalleryStore(database)
    return Matcher(gallery, LiveIndex(gallery))
