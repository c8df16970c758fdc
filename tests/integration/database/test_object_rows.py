from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from obstore.store import MemoryStore

from core.settings import Settings
from storage.clips.store import Clip, ClipStore
from storage.database import Database
from storage.media import Media, clip_files, clip_path
from storage.objects.archive import ObjectArchive
from storage.objects.store import ObjectStore
from storage.segments import SegmentStore
from tests.support.recordings import write_segments

NOW = 1_750_000_000.0


def test_copies_are_found_and_go_with_their_owners(database: Database, settings: Settings) -> None:
    settings = settings.model_copy(update={"s3_segments_days": 0.0, "s3_local_days": 0.0})
    media = Media(settings.media_dir)
    archive = ObjectArchive(settings, database, media, ObjectStore(cast(Any, MemoryStore()), "memory"))
    clips, segments = ClipStore(database, lambda: NOW - 100), SegmentStore(database)
    written = write_segments(settings.media_dir, 1, NOW - 60, 2)
    segments.add([replace(s, node="here") for s in written])
    for name in ("a", "b"):
        path = clip_path(name, NOW)
        for file in clip_files(path):
            media.write(file, b"clip")
        clips.ask(Clip(name, 1, NOW - 50, NOW))
        clips.done(name, path, 4, ())
    assert archive.upload(NOW, 100) == 6
    assert archive.upload(NOW, 100) == 0
    assert archive.delete_orphans(100) == 0
    assert archive.evict(NOW + 1, 100) == 6
    clips.remove("a")
    segments.forget([written[0].path])
    assert archive.delete_orphans(100) == 3
    assert archive.delete_orphans(100) == 0
