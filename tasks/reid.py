"""Queue `reid`, and what its judges ask."""

from __future__ import annotations

import logging

from core.clock import SystemClock
from core.recognitions import RECOGNITIONS
from core.settings import Settings, get_settings
from reid.matching import Matcher
from reid.travel import CONFIRMED_SIMILARITY, learn
from storage.database import Database
from storage.gallery import GalleryStore
from storage.travel_times import TravelTimeStore
from storage.vector_index import VectorIndex, prepare
from tasks import frames
from tasks.application import app
from tasks.gallery_index import open_index

log = logging.getLogger(__name__)

_REID = RECOGNITIONS["reid"]


@app.task(name=_REID.task, send_events=False)
def recognise_reid(camera_ids: list[int]) -> None:
    """Find the persons on the newest frame of each camera, and what they look like."""
    frames.recognise(_REID.kind, camera_ids)


@app.task(name="jobs.tend_gallery", acks_late=True)
def tend_gallery() -> None:
    """Learn travel times anew, and keep search quick in large galleries."""
    settings = get_settings()
    database = Database(settings)
    try:
        learn_travel_times(database, SystemClock().now())
        if settings.gallery != "memory" and prepare(database) is None:
            VectorIndex(database).build_graphs()
    finally:
        database.close()


def learn_travel_times(database: Database, now: float) -> int:
    """Learn from the passages that are in the gallery now.

    Returns:
        Of how many ways.
    """
    store = TravelTimeStore(database)
    learnt = learn(store.confirmed_passages(CONFIRMED_SIMILARITY), store.forgotten_at())
    store.learn(learnt, now)
    log.info("travel times of %d ways between cameras were learnt", len(learnt))
    return len(learnt)


def gallery_matcher(settings: Settings, database: Database) -> Matcher:
    """The matcher of the installation's gallery."""
    return Matcher(GalleryStore(database), open_index(database, settings.gallery))
