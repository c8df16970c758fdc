from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, cast

from obstore.store import MemoryStore

from core.settings import Settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.clips.store import Clip, ClipStore
from storage.database import Database
from storage.events import EventStore
from storage.media import Media, clip_files, clip_path, event_snapshot_path, snapshot_files
from storage.objects.archive import ObjectArchive
from storage.objects.store import ObjectStore
from storage.segments import SegmentStore
from tests.support.recordings import write_segments
from tests.support.stored import a_clip, an_event

NOW = 1_750_000_000.0


def test_copies_are_found_and_go_with_their_owners(database: Database, settings: Settings) -> None:
    settings = settings.model_copy(update={"node": "here", "s3_segments_days": 0.0, "s3_local_days": 0.0})
    media = Media(settings.media_dir, "here")
    archive = ObjectArchive(settings, database, media, ObjectStore(cast(Any, MemoryStore()), "memory"))
    clips, segments = ClipStore(database, lambda: NOW - 100), SegmentStore(database)
    written = write_segments(settings.media_dir, 1, NOW - 60, 2)
    segments.add([replace(s, node="here") for s in written])
    for name in ("a", "b"):
        path = clip_path(name, NOW)
        for file in clip_files(path):
            media.write(file, b"clip")
        a_clip(clips, Clip(name, 1, NOW - 50, NOW), path, 4)
    assert archive.upload(NOW, 100) == 6
    assert archive.upload(NOW, 100) == 0
    assert archive.delete_orphans(100) == 0
    assert archive.evict(NOW + 1, 100) == 6
    clips.remove("a")
    segments.forget([written[0].path])
    assert archive.delete_orphans(100) == 3
    assert archive.delete_orphans(100) == 0


def test_pictures_that_change_after_the_end_of_their_event_are_copied_again(
    database: Database, settings: Settings, cameras: CameraStore
) -> None:
    settings = settings.model_copy(update={"node": "here", "s3_local_days": 0.0})
    media, bucket = Media(settings.media_dir, "here"), MemoryStore()
    archive = ObjectArchive(settings, database, media, ObjectStore(cast(Any, bucket), "memory"))
    camera = cameras.add(Camera(0, "gate", "rtsp://10.0.0.1/"))
    event = an_event(camera.id, time.time() - 10)
    path = event_snapshot_path(event.id, event.started_at)

    def judge(content: bytes) -> None:
        for file in snapshot_files(path):
            media.write(file, content)
        EventStore(database).put([(event, path)], epoch=1, node="here")

    judge(b"first")
    assert archive.upload(time.time(), 100) == 2
    assert archive.upload(time.time(), 100) == 0
    judge(b"better")
    assert archive.evict(time.time() + 1, 100) == 0, "what has changed is not copied yet"
    assert archive.upload(time.time(), 100) == 2
    assert bytes(bucket.get(path).bytes()) == b"better"
    assert archive.upload(time.time(), 100) == 0
    assert archive.evict(time.time() + 1, 100) == 2
    EventStore(database).put([(event, None)], epoch=1)
    assert archive.upload(time.time(), 100) == 0, "there is no other picture than the one in the bucket"
    assert media.read(path) is None
