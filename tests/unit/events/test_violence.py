"""Scores of clips to events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from core.errors import BadSettingError
from core.types import Detection, Event, FrameRef, Observation, Zone
from events import restore_judge
from events.judge import BadStateError
from events.violence import ViolenceJudge

STEP_S = 0.5


def observation(number: int, score: float | None) -> Observation:
    at = 100 + number * STEP_S
    detections = () if score is None else (Detection("violence", score, (10.0, 10.0, 50.0, 90.0)),)
    return Observation(FrameRef(7, number + 1, at, 320, 180), "violence", detections, "m")


def judge(zones: Sequence[Zone] = (), **settings: Any) -> ViolenceJudge:
    return ViolenceJudge(camera_id=7, settings=settings, zones=zones)


def run(judge: ViolenceJudge, scores: Sequence[float | None]) -> list[Event]:
    return [event for number, score in enumerate(scores) for event in judge.observe(observation(number, score))]


@pytest.mark.parametrize(
    ("scores", "live", "at_the_end"),
    [
        pytest.param([0.1, 0.2, None, 0.4], 0, 0, id="calm"),
        pytest.param([0.9], 0, 1, id="a short video of one clip"),
        pytest.param([0.9, 0.1, 0.9, 0.1], 0, 1, id="no two in a row"),
        pytest.param([0.9, 0.9], 1, 1, id="two in a row"),
        pytest.param([0.9, *[0.1] * 10], 0, 0, id="one clip, long past"),
        pytest.param([0.9, 0.9, *[0.1] * 10, 0.9, 0.9], 2, 2, id="two fights"),
        pytest.param([0.9, 0.9, *[0.1, 0.1, 0.4] * 6], 1, 1, id="weak signs keep it open"),
    ],
)
def test_events(scores: list[float | None], live: int, at_the_end: int) -> None:
    one = judge()
    events = run(one, scores)
    assert len({e.id for e in events}) == live
    assert len({e.id for e in [*events, *one.finish()]}) == at_the_end


def test_an_event_has_its_start_its_end_and_its_best_frame() -> None:
    one = judge()
    events = run(one, [0.1, 0.6, 0.7, 0.95, 0.4, *[0.1] * 10])
    assert [e.ended_at is None for e in events] == [True, True, False]
    assert len({e.id for e in events}) == 1
    assert events[0].started_at == pytest.approx(100.5 - 2)
    assert events[-1].ended_at == pytest.approx(102.0)
    assert (events[-1].score, events[-1].best.seq, events[-1].kind) == (0.95, 4, "violence")
    assert one.finish() == []


def test_tick_ends_what_no_clip_tells_of_any_more() -> None:
    one = judge()
    run(one, [0.9, 0.9])
    assert one.tick(102.0) == []
    (event,) = one.tick(110.0)
    assert event.ended_at == pytest.approx(100.5)


def test_zones_leave_places_out() -> None:
    ring = Zone("ring", "exclude", ((0, 0), (0.5, 0), (0.5, 1), (0, 1)))
    assert run(judge(zones=[ring]), [0.9] * 4) == []


def test_a_restored_judge_goes_on_alike() -> None:
    scores = [0.9, 0.6, 0.8, 0.1, *[0.1] * 8, 0.7]
    whole = judge()
    expected = [*run(whole, scores), *whole.finish()]
    for cut in range(len(scores)):
        first = judge()
        events = run(first, scores[:cut])
        second = restore_judge("violence", 7, {}, json.loads(json.dumps(first.state())))
        for number in range(cut, len(scores)):
            events += second.observe(observation(number, scores[number]))
        assert [*events, *second.finish()] == expected


@pytest.mark.parametrize("settings", [{"threshold": 0.0}, {"windows": 0}, {"loud": 1}], ids=lambda s: next(iter(s)))
def test_wrong_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(BadSettingError, match="threshold"):
        judge(**settings)


@pytest.mark.parametrize("state", [{}, {"version": 1}, {"version": 1, "stretch": {"id": 1}}], ids=str)
def test_broken_state_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(BadStateError):
        restore_judge("violence", 7, {}, state)


def test_another_camera_is_refused() -> None:
    with pytest.raises(ValueError, match="camera 8"):
        ViolenceJudge(camera_id=8, settings={}).observe(observation(0, 0.5))
