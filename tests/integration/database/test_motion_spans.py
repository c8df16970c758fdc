"""Spans of motion in a real database."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.settings import load_settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.media import Media
from storage.models import MotionSpanRow
from storage.motion_spans import LONGEST_SPAN_S, MOST_SPANS, MotionSpan, MotionSpanStore, step_of
from storage.retention import passes
from storage.retention.locks import KeepLock, KeepLockStore
from storage.retention.passes import RetentionPass
from storage.retention.rules import Limit, RetentionRule, RetentionRuleStore

NOW = 1_795_500_000.0
DAY_S = 86_400.0


def moving(from_s: float, to_s: float, camera_id: int = 1) -> MotionSpan:
    return MotionSpan(camera_id, "moving", NOW + from_s, NOW + to_s)


@pytest.fixture
def spans(database: Database) -> MotionSpanStore:
    return MotionSpanStore(database)


def test_a_span_grows(spans: MotionSpanStore) -> None:
    spans.put([moving(0, 10), moving(50, 60), moving(0, 5, camera_id=2)])
    spans.put([moving(50, 70)])
    spans.put([])
    assert spans.between(1, "moving", NOW - 10, NOW + 100) == [(NOW, NOW + 10), (NOW + 50, NOW + 70)]
    assert spans.between(1, "watched", NOW - 10, NOW + 100) == []


@pytest.mark.parametrize(
    ("from_s", "to_s", "expected"),
    [
        pytest.param(-100, 1, [(0, 1)], id="its beginning"),
        pytest.param(3500, 3700, [(3500, 3600)], id="the end of a long one"),
        pytest.param(-100, 0, [], id="before"),
        pytest.param(3600, 3650, [], id="after"),
        pytest.param(1000, 1001, [(1000, 1001)], id="within"),
        pytest.param(3500, 3500.001, [(3500, 3500.001)], id="a millisecond, long after its beginning"),
    ],
)
def test_what_is_in_a_range(
    spans: MotionSpanStore, from_s: float, to_s: float, expected: list[tuple[float, float]]
) -> None:
    spans.put([moving(0, LONGEST_SPAN_S), moving(4000, 4001)])
    found = spans.between(1, "moving", NOW + from_s, NOW + to_s)
    assert found == [(NOW + start, NOW + end) for start, end in expected]


def test_a_restless_month_is_a_bounded_answer_and_comes_soon(spans: MotionSpanStore, database: Database) -> None:
    count = int(31 * DAY_S / 15)
    for first in range(0, count, 20_000):
        spans.put([moving(15 * n, 15 * n + 4) for n in range(first, min(count, first + 20_000))])
    began_s = time.perf_counter()
    day = spans.between(1, "moving", NOW, NOW + DAY_S)
    took_day_s = time.perf_counter() - began_s
    month = spans.between(1, "moving", NOW, NOW + 31 * DAY_S)
    took_month_s = time.perf_counter() - began_s - took_day_s
    assert 0 < len(day) <= MOST_SPANS + 1
    assert len(month) == 1, "its pauses are below what a month can show"
    assert step_of(NOW, NOW + 31 * DAY_S) > 15
    hour = spans.between(1, "moving", NOW + 5 * DAY_S, NOW + 5 * DAY_S + 3600)
    assert len(hour) == 240
    assert took_day_s < 0.5  # 0.004 s on a quiet machine
    assert took_month_s < 3.0


def left(database: Database) -> dict[int, list[float]]:
    """Camera → days of age."""
    with database.read() as session:
        rows = session.execute(select(MotionSpanRow.camera_id, MotionSpanRow.started_at)).all()
    return {c: sorted(round((NOW - at) / DAY_S) for camera, at in rows if camera == c) for c in {c for c, _ in rows}}


def test_they_stay_as_long_as_anything_of_their_camera(
    spans: MotionSpanStore, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for camera_id in (1, 2, 3):
        spans.put([moving(-age * DAY_S, -age * DAY_S + 10, camera_id) for age in range(1, 11)])
    RetentionRuleStore(database).put(2, RetentionRule(limits={"event": Limit(days=8), "frame": Limit(days=1)}))
    RetentionRuleStore(database).put(3, RetentionRule(limits={"clip": Limit(days=1), "event": Limit(days=2)}))
    KeepLockStore(database).add(KeepLock("a", 1, NOW - 9 * DAY_S, NOW - 9 * DAY_S + 1, "admin", NOW))
    days = {"RECORDINGS": 3.5, "EVENTS": 4.5, "FRAMES": 2.5, "CLIPS": 5.5}
    environ = {"CAMREC_DATA": str(tmp_path), **{f"CAMREC_{name}_DAYS": str(value) for name, value in days.items()}}
    settings = load_settings(environ, tmp_path / "no.env")
    monkeypatch.setattr(passes, "BATCH", 2)
    monkeypatch.setattr(passes, "MAX_BATCHES", 1)
    a_pass = RetentionPass(settings, database, Media(settings.media_dir), "here")
    assert a_pass.expire_motion(NOW) == 6, "two of each rule"
    while a_pass.expire_motion(NOW):
        pass
    assert left(database) == {1: [1, 2, 3, 4, 5, 9], 2: [1, 2, 3, 4, 5, 6, 7, 8], 3: [1, 2, 3]}


def test_they_go_with_a_camera_that_is_purged(spans: MotionSpanStore, database: Database, cameras: CameraStore) -> None:
    kept, purged = (cameras.add(Camera(0, name, "rtsp://10.0.0.1/")) for name in ("kept", "purged"))
    spans.put([moving(0, 10, kept.id), moving(0, 10, purged.id)])
    cameras.remove(purged.id, purge=True)
    with database.read() as session:
        assert session.scalars(select(func.distinct(MotionSpanRow.camera_id))).all() == [kept.id]
