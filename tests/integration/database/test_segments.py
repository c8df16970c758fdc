from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from core.recognitions import RECORDING
from storage.camera import Camera, Recording
from storage.cameras import CameraStore
from storage.database import Database
from storage.events import EventStore
from storage.segments import Segment, SegmentStore
from storage.spans import Span, merged_spans
from tests.support.stored import an_event

AT_S = 1_795_500_000.0


def segment(number: int, camera_id: int = 1, **changes: object) -> Segment:
    """Four seconds each, one after the other."""
    start = AT_S + 4 * number
    made = Segment(
        camera_id, start, start + 4, 4.0, f"recordings/{camera_id}/{number}.mp4", 1000, "h264", 1280, 720,
        has_audio=False, run="r", key_times=(0.0, 2.0), retention_class="continuous", node="here",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def store(database: Database) -> SegmentStore:
    return SegmentStore(database)


def numbers(found: list[Segment]) -> list[int]:
    return [round((s.started_at - AT_S) / 4) for s in found]


def test_comes_back_as_it_was_stored_and_once(store: SegmentStore) -> None:
    assert store.add([segment(0), segment(1)]) == 2
    assert store.add([segment(1), segment(2)]) == 1
    (found, *others) = store.between(1, 0.0, AT_S + 100)
    assert (replace(found, id=0), len(others)) == (segment(0), 2)
    assert numbers([store.newest(1) or found]) == [2]
    assert store.newest(2) is None
    assert store.camera_ids("here") == {1}
    assert store.paths(1, "here") == {segment(n).path: 1000 for n in (0, 1, 2)}


def test_what_somebody_found_on_disk_first_still_belongs_to_its_event(store: SegmentStore) -> None:
    store.add([segment(0), segment(1)])
    assert store.add([segment(0, retention_class="event"), segment(1), segment(2)]) == 1
    assert [s.retention_class for s in store.between(1, 0.0, AT_S + 100)] == ["event", "continuous", "continuous"]
    store.add([segment(0)])
    assert [s.retention_class for s in store.between(1, 0.0, AT_S + 4)] == ["event"]


def test_paths_that_no_row_names(store: SegmentStore) -> None:
    store.add([segment(n) for n in (0, 2)])
    assert store.without_rows([segment(n).path for n in range(4)]) == [segment(n).path for n in (1, 3)]
    assert store.without_rows([]) == []


@pytest.mark.parametrize(
    ("from_s", "to_s", "expected"),
    [
        pytest.param(0.0, 4.0, [0], id="one"),
        pytest.param(3.9, 8.1, [0, 1, 2], id="parts of the first and the last"),
        pytest.param(5.0, 6.0, [1], id="within one"),
        pytest.param(-100.0, 0.0, [], id="before"),
        pytest.param(400.0, 500.0, [], id="after"),
    ],
)
def test_between(store: SegmentStore, from_s: float, to_s: float, expected: list[int]) -> None:
    store.add([segment(n) for n in range(100)] + [segment(n, 2) for n in range(5)])
    assert numbers(store.between(1, AT_S + from_s, AT_S + to_s)) == expected


def test_spans_end_at_gaps_and_at_the_range(store: SegmentStore) -> None:
    store.add([segment(n) for n in (0, 1, 2, 10, 11)])
    assert store.spans(1, AT_S + 2, AT_S + 42) == [(AT_S + 2, AT_S + 12), (AT_S + 40, AT_S + 42)]


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(0, 4), (4.1, 8)], [(0, 8)], id="touching"),
        pytest.param([(0, 4), (5, 8)], [(0, 4), (5, 8)], id="gap"),
        pytest.param([(0, 10), (2, 4), (9, 12)], [(0, 12)], id="overlapping: the clock was set back"),
    ],
)
def test_merged_spans(recorded: list[Span], expected: list[Span]) -> None:
    assert merged_spans(recorded) == expected


def test_what_an_event_covers_changes_its_class(store: SegmentStore) -> None:
    store.add([segment(n) for n in range(4)])
    assert store.mark_event(1, AT_S + 5, AT_S + 9) == 2
    assert [s.retention_class for s in store.between(1, 0, AT_S + 100)] == [
        "continuous",
        "event",
        "event",
        "continuous",
    ]
    assert store.mark_event(1, AT_S + 5, AT_S + 9) == 0


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param({"started_at": 9, "ended_at": 10}, [1, 2, 3], id="with its roll"),
        pytest.param({"started_at": 9, "ended_at": None}, [1, 2, 3, 4, 5], id="goes on"),
        pytest.param({"started_at": -40_000, "ended_at": 0.5}, [0], id="long"),
        pytest.param({"started_at": 9, "ended_at": 10, "recognition": RECORDING}, [], id="alarm of the recorder"),
        pytest.param({"started_at": 9, "ended_at": 10, "camera_id": 2}, [], id="of another camera"),
        pytest.param({"started_at": 60, "ended_at": 70}, [], id="later"),
    ],
)
def test_what_gets_its_row_late_belongs_to_the_events_near_it(
    store: SegmentStore, cameras: CameraStore, database: Database, event: dict[str, Any], expected: list[int]
) -> None:
    for camera_id in (1, 2):
        recording = Recording("continuous", pre_s=3.0, post_s=2.5)
        cameras.add(Camera(camera_id, f"gate {camera_id}", "rtsp://10.0.0.1/", recording=recording))
    store.add([segment(n) for n in range(6)])
    given = {"camera_id": 1, **event}
    times = {name: given[name] and AT_S + given[name] for name in ("started_at", "ended_at")}
    EventStore(database).put([(an_event(**{**given, **times}), None)], epoch=1)
    paths = [segment(n).path for n in range(6)]
    assert store.mark_near_events(paths) == len(expected)
    found = store.between(1, 0, AT_S + 100)
    assert [number for number, s in enumerate(found) if s.retention_class == "event"] == expected
    assert store.mark_near_events(paths) == 0


def test_a_mended_segment_keeps_its_class(store: SegmentStore) -> None:
    store.add([segment(0), segment(1)])
    store.mark_event(1, AT_S + 1, AT_S + 2)
    for number in range(3):
        store.renew(replace(segment(number), size_bytes=7))
    assert [(s.retention_class, s.size_bytes) for s in store.between(1, 0, AT_S + 100)] == [
        ("event", 7),
        ("continuous", 7),
        ("continuous", 7),
    ]


def test_a_day_of_segments_is_searched_at_once(store: SegmentStore) -> None:
    store.add([segment(n) for n in range(2000)])  # the rest of the day is older and costs nothing: the index says so
    started_s = time.perf_counter()
    assert len(store.between(1, AT_S + 7900, AT_S + 7930)) == 8
    assert time.perf_counter() - started_s < 0.3
