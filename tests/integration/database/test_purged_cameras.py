"""What a recorder brings of a camera that was purged a moment before leaves neither rows nor files."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.kept_frames import KeptFrame, KeptFrameStore
from storage.media import Media
from storage.media_removals import remove_noted
from storage.models import FrameRow, MotionSpanRow, SegmentRow
from storage.motion_spans import MotionSpan, MotionSpanStore
from storage.segments import Segment, SegmentStore

HERE = "here"
FRAME, FILE = "frames/one.jpg", "recordings/one.mp4"


class Late:
    """Writes what a recorder and a keeper have in hand, of now or of another time."""

    def __init__(self, database: Database, media: Media, camera_id: int) -> None:
        self.database, self.media, self.camera_id = database, media, camera_id

    def write(self, at_s: float) -> None:
        for path in (FRAME, FILE):
            self.media.write(path, b"x")
        segment = Segment(
            self.camera_id, at_s, at_s + 4, 4.0, FILE, 1, "h264", 320, 240,
            has_audio=False, run="r", key_times=(0.0,), retention_class="continuous", node=HERE,
        )  # fmt: skip
        SegmentStore(self.database).add([segment, replace(segment, camera_id=99, path="recordings/other.mp4")])
        KeptFrameStore(self.database).add([KeptFrame(self.camera_id, at_s, FRAME, 4, 3, 5, node=HERE)])
        MotionSpanStore(self.database).put([MotionSpan(self.camera_id, "moving", at_s, at_s + 1)])

    def left(self) -> tuple[int, list[str]]:
        """Rows, and files when the machine has deleted what was noted."""
        remove_noted(self.database, self.media, HERE)
        with self.database.read() as session:
            rows = sum(
                session.scalar(select(func.count()).select_from(table).where(table.camera_id == self.camera_id)) or 0
                for table in (SegmentRow, FrameRow, MotionSpanRow)
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
