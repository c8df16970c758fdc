"""A clip of an hour that the recorder's clock went through twice says which stretches it does not show."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from core.clock import SystemClock
from core.settings import Settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.clips.maker import ClipMaker
from storage.clips.store import Clip, ClipStore, new_clip_id
from storage.database import Database
from storage.media import MANIFEST_SUFFIX
from storage.secrets import Secrets
from storage.segments import SegmentStore
from tests.support.recordings import write_segments

pytestmark = pytest.mark.integration

START = 1_795_500_000.0


def test_what_is_hidden_stands_in_the_row_and_in_the_manifest(settings: Settings) -> None:
    database = Database(settings)
    database.migrate()
    camera = CameraStore(database, Secrets(settings.data)).add(Camera(0, "gate", "rtsp://gate.example/"))
    media = settings.media_dir
    first = write_segments(media, camera.id, START, 6, run="first")
    again = write_segments(media, camera.id, START + 1, 2, run="again")
    SegmentStore(database).add(replace(segment, node=settings.node) for segment in (*first, *again))
    clip = ClipStore(database).ask(Clip(new_clip_id(), camera.id, START, START + 10))
    made = ClipMaker.of(settings, database, SystemClock()).make(clip.id)
    database.close()
    assert made is not None
    assert made.path is not None
    assert [(g.from_s, g.to_s, g.reason) for g in made.gaps] == [(START + 1, START + 5, "recorded_twice")]
    manifest = json.loads((media / (made.path + MANIFEST_SUFFIX)).read_text())
    assert '"recorded_twice"' in json.dumps(manifest)
