"""What a recorder brings of a camera that was purged a moment before leaves neither rows nor files."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from core.embedding import Embedding
from core.sightings import Sighting
from storage.camera import Camera
from storage.camera_purge import purge_camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.events import EventStore
from storage.gallery import GalleryStore
from storage.kept_frames import KeptFrame, KeptFrameStore
from storage.media import Media
from storage.media_removals import remove_noted
from storage.models import CameraRow, EventRow, FrameRow, MotionSpanRow, SegmentRow, SightingRow
from storage.motion_spans import MotionSpan, MotionSpanStore
from storage.secrets import Secrets
from storage.segments import Segment, SegmentStore
from tests.integration.database.conftest import emptied
from tests.support.stored import an_event
from tests.support.waiting import wait_until

HERE = "here"
FRAME, FILE = "frames/one.jpg", "recordings/one.mp4"


class Late:
    """Writes what a recorder and a keeper have in hand, of now or of another time."""

    def __init__(self, database: Database, media: Media, camera_id: int) -> None:
        self.database, self.media, self.camera_id = database, media, camera_id

    def write(self, at_s: float) -> None:
        self.segment(at_s)
        self.frame(at_s)
        self.motion(at_s)

    def segment(self, at_s: float) -> None:
        self.media.write(FILE, b"x")
        segment = Segment(
            self.camera_id, at_s, at_s + 4, 4.0, FILE, 1, "h264", 320, 240,
            has_audio=False, run="r", key_times=(0.0,), retention_class="continuous", node=HERE,
        )  # fmt: skip
        SegmentStore(self.database).add([segment, replace(segment, camera_id=99, path="recordings/other.mp4")])

    def frame(self, at_s: float) -> None:
        self.media.write(FRAME, b"x")
        KeptFrameStore(self.database).add([KeptFrame(self.camera_id, at_s, FRAME, 4, 3, 5, node=HERE)])

    def motion(self, at_s: float) -> None:
        MotionSpanStore(self.database).put([MotionSpan(self.camera_id, "moving", at_s, at_s + 1)])

    def event(self, at_s: float) -> None:
        EventStore(self.database).put([(an_event(self.camera_id, at_s), None)], 1)

    def sighting(self, at_s: float) -> None:
        vector = Embedding("model", bytes(4), 1.0)
        GalleryStore(self.database).add(Sighting("one", "somebody", self.camera_id, at_s, at_s + 1, vector, None))

    def left(self) -> tuple[int, list[str]]:
        """Rows, and files when the machine has deleted what was noted."""
        remove_noted(self.database, self.media, HERE)
        with self.database.read() as session:
            rows = sum(
                session.scalar(select(func.count()).select_from(table).where(table.camera_id == self.camera_id)) or 0
                for table in (SegmentRow, FrameRow, MotionSpanRow, EventRow, SightingRow)
            )
        return rows, [path for path in (FRAME, FILE) if self.media.locate(path).exists()]


@pytest.fixture
def late(database: Database, cameras: CameraStore, tmp_path: Path) -> Late:
    camera = cameras.add(Camera(0, "gate", "rtsp://192.0.2.1/"))
    return Late(database, Media(tmp_path / "media", HERE), camera.id)


@pytest.mark.parametrize("purge", [True, False])
def test_what_comes_late_of_a_camera(late: Late, cameras: CameraStore, purge: bool) -> None:
    cameras.remove(late.camera_id, purge=purge)
    late.write(time.time() + 1)
    assert late.left() == ((0, []) if purge else (3, [FRAME, FILE]))
    assert SegmentStore(late.database).newest(99) is not None, "others are stored"


@pytest.mark.parametrize("age_s", [60.0, -60.0], ids=["of the one before", "of the new one"])
def test_another_camera_gets_the_id(late: Late, cameras: CameraStore, age_s: float) -> None:
    cameras.remove(late.camera_id, purge=True)
    cameras.add(Camera(late.camera_id, "another", "rtsp://192.0.2.2/"))
    late.write(time.time() - age_s)
    assert late.left() == ((0, []) if age_s > 0 else (3, [FRAME, FILE]))


def test_purged_twice(late: Late, cameras: CameraStore) -> None:
    for _ in range(2):
        cameras.remove(late.camera_id, purge=True)
        cameras.add(Camera(late.camera_id, "gate", "rtsp://192.0.2.1/"))
    late.write(time.time() - 60)
    assert late.left() == (0, [])


@pytest.mark.parametrize("write", [Late.segment, Late.frame, Late.motion, Late.event, Late.sighting])
def test_what_is_written_while_a_camera_is_purged(
    pg_migrated: Database, tmp_path: Path, write: Callable[[Late, float], None]
) -> None:
    database = emptied(pg_migrated)
    camera = CameraStore(database, Secrets(tmp_path)).add(Camera(0, "gate", "rtsp://192.0.2.1/"))
    late = Late(database, Media(tmp_path / "media", HERE), camera.id)
    with database.write() as session:
        session.delete(session.get_one(CameraRow, camera.id, with_for_update=True))
        purge_camera(session, camera.id)
        session.flush()
        writer = threading.Thread(target=write, args=(late, time.time() - 1))
        writer.start()
        wait_until(lambda: _waiting(database), "the writer waits for the purge", 10.0)
    writer.join(10.0)
    assert late.left() == (0, [])


def _waiting(database: Database) -> int:
    with database.read() as session:
        return session.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")) or 0


@pytest.mark.parametrize("node", [HERE, None], ids=["of a known place", "older than names of machines"])
def test_files_of_a_purge_are_noted_where_somebody_will_delete_them(
    late: Late, cameras: CameraStore, node: str | None
) -> None:
    at_s = time.time()
    late.media.write(FRAME, b"x")
    KeptFrameStore(late.database).add([KeptFrame(late.camera_id, at_s, FRAME, 4, 3, 5, node=node)])
    assert cameras.remove(late.camera_id, purge=True, node=HERE) == [FRAME]
    assert late.left() == (0, [])
