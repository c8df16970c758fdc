from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from core.errors import BadSettingError
from core.types import Box, Detection, Event, FrameRef, Observation, Zone
from events import new_judge, restore_judge, validate_settings
from events.falls import FallJudge
from events.judge import BadStateError, Judge

WIDTH, HEIGHT = 640, 480
TALL = 200.0


@dataclass(frozen=True)
class Pose:
    """How high and wide the box is, in upright heights, and where its middle and lower edge are, in pixels."""

    at: float
    high: float
    wide: float
    x: float = 320.0
    foot: float = 400.0
    score: float = 0.8


STANDING, SITTING, CROUCHING, LYING = (1.0, 0.4), (0.7, 0.55), (0.52, 0.5), (0.3, 0.85)


def between(a: Pose, b: Pose, at: float) -> Pose:
    share = (at - a.at) / (b.at - a.at)
    high, wide, x, foot, score = (
        getattr(a, name) + share * (getattr(b, name) - getattr(a, name))
        for name in ("high", "wide", "x", "foot", "score")
    )
    return Pose(at, high, wide, x, foot, score)


def box_of(pose: Pose) -> Box:
    """Cut off at the edges of the picture, as a detector's."""
    half, top = pose.wide * TALL / 2, pose.foot - pose.high * TALL
    x1, x2 = max(0.0, pose.x - half), min(float(WIDTH), pose.x + half)
    return x1, max(0.0, top), x2, min(float(HEIGHT), pose.foot)


def sequence(*poses: Pose, fps: float = 8.0, scale: float = 1.0) -> list[Observation]:
    """One person, moving evenly from pose to pose; a box without inside is not seen."""
    observations = []
    for k in range(round(poses[-1].at * fps) + 1):
        at = k / fps
        pair = next(((a, b) for a, b in pairwise(poses) if a.at <= at <= b.at), None)
        pose = between(*pair, at) if pair else poses[-1]
        x1, y1, x2, y2 = (v * scale for v in box_of(pose))
        seen = (Detection("person", pose.score, (x1, y1, x2, y2)),) if x2 > x1 and y2 > y1 else ()
        observations.append(observation(at, *seen, scale=scale))
    return observations


def observation(at: float, *detections: Detection, scale: float = 1.0) -> Observation:
    frame = FrameRef(3, 1 + round(at * 1e6), at, round(WIDTH * scale), round(HEIGHT * scale))
    return Observation(frame, "falls", detections)


def judged(observations: list[Observation], judge: Judge | None = None, **settings: float) -> list[Event]:
    """The events in the end, in order of start, each once."""
    judge = judge or FallJudge(camera_id=3, settings=settings)
    events = {e.id: e for o in observations for e in judge.observe(o)}
    events |= {e.id: e for e in judge.finish()}
    return sorted(events.values(), key=lambda e: (e.started_at, e.kind))


def kinds(events: list[Event]) -> list[str]:
    return [e.kind for e in events]


FALL = (
    Pose(0, *STANDING),
    Pose(2, *STANDING),
    Pose(2.6, *LYING, x=380),
    Pose(4, *LYING, x=380),
)


@pytest.mark.parametrize("fps", [5.0, 8.0, 15.0], ids=lambda v: f"{v:g}fps")
@pytest.mark.parametrize(
    "poses",
    [
        pytest.param(FALL, id="to the side"),
        pytest.param((*FALL[:2], Pose(2.5, 0.35, 0.5, foot=430), Pose(4, 0.35, 0.5, foot=430)), id="to the camera"),
        pytest.param((Pose(0, *SITTING), Pose(2, *SITTING), Pose(2.6, *LYING), Pose(4, *LYING)), id="from a chair"),
        pytest.param((*FALL[:3], Pose(3.2, *LYING, x=380)), id="the video ends soon after"),
        pytest.param(
            (
                Pose(0, 1, 0.4, foot=470),
                Pose(2, 1, 0.4, foot=480),
                Pose(2.6, *LYING, foot=490),
                Pose(4, *LYING, foot=490),
            ),
            id="at the lower edge of the picture",
        ),
        pytest.param((*FALL[:2], Pose(2.6, *LYING, score=0.2), Pose(4, *LYING, score=0.15)), id="barely seen lying"),
        pytest.param((*FALL, Pose(5, 0.5, 0.4), Pose(8, 0.5, 0.4)), id="and sits up on the floor"),
    ],
)
def test_a_fall_is_told_once(poses: tuple[Pose, ...], fps: float) -> None:
    assert kinds(judged(sequence(*poses, fps=fps))) == ["fall"]


@pytest.mark.parametrize("fps", [5.0, 8.0, 15.0], ids=lambda v: f"{v:g}fps")
@pytest.mark.parametrize(
    "poses",
    [
        pytest.param((Pose(0, 1, 0.4, x=60), Pose(6, 1, 0.4, x=580)), id="walking by"),
        pytest.param((Pose(0, 1, 0.4), Pose(2, 1, 0.4), Pose(2.7, *SITTING), Pose(9, *SITTING)), id="sitting down"),
        pytest.param(
            (Pose(0, 1, 0.4), Pose(2, 1, 0.4), Pose(2.5, *CROUCHING), Pose(6, *CROUCHING), Pose(6.5, 1, 0.4)),
            id="tying shoes",
        ),
        pytest.param(
            (Pose(0, 1, 0.4), Pose(2, 1, 0.4), Pose(2.5, 0.6, 0.65), Pose(3, 0.6, 0.65), Pose(3.6, 1, 0.4)),
            id="bending to pick something up",
        ),
        pytest.param(
            (Pose(0, 1, 0.4), Pose(1, 1, 0.4), Pose(2.5, 0.7, 0.6), Pose(4.5, *LYING), Pose(7, *LYING)),
            id="lying down on purpose",
        ),
        pytest.param((Pose(0, 1, 0.4, foot=400), Pose(4, 1, 0.4, foot=700)), id="walking out below"),
        pytest.param((Pose(0, 1, 0.4, foot=400), Pose(1.6, 1, 0.4, foot=680)), id="running out below"),
        pytest.param((Pose(0, 1, 0.4, x=320), Pose(3, 1, 0.4, x=760)), id="walking out at the side"),
        pytest.param((Pose(0, 1, 0.4), Pose(5, 0.3, 0.12, foot=260)), id="walking away"),
        pytest.param((Pose(0, 0.4, 0.16, foot=300), Pose(4, 2, 0.8, foot=500)), id="walking towards the camera"),
        pytest.param(
            (Pose(0, 1, 0.4), Pose(2, 1, 0.4), Pose(2.2, 0.4, 0.4, foot=280), Pose(4, 0.4, 0.4, foot=280)),
            id="legs hidden by a table",
        ),
    ],
)
def test_nothing_is_told_of(poses: tuple[Pose, ...], fps: float) -> None:
    assert kinds(judged(sequence(*poses, fps=fps))) == []


def test_two_people_who_cross_are_no_fall() -> None:
    """While they overlap, the detector sees one wide person, or a part of one."""
    observations = []
    for k in range(80):
        at = k / 8
        a, b = Pose(at, 1, 0.4, x=100 + 45 * at), Pose(at, 1, 0.4, x=540 - 45 * at, foot=420)
        boxes = [box_of(a), box_of(b)]
        if abs(a.x - b.x) < 60:
            boxes = [(boxes[0][0], 280, boxes[1][2], 420)] if k % 2 else [boxes[1]]
        observations.append(observation(at, *(Detection("person", 0.8, box) for box in boxes if box[2] > box[0])))
    assert kinds(judged(observations)) == []


@pytest.mark.parametrize(
    "flicker",
    [
        pytest.param(lambda k: k == 20, id="one bad box"),
        pytest.param(lambda k: k > 10 and k % 4 == 0, id="every fourth box is bad"),
    ],
)
def test_bad_boxes_are_no_fall(flicker: Callable[[int], bool]) -> None:
    observations = sequence(Pose(0, 1, 0.4), Pose(6, 1, 0.4))
    bad = Detection("person", 0.5, (240, 330, 420, 400))
    observations = [observation(o.frame.captured_at, bad) if flicker(k) else o for k, o in enumerate(observations)]
    assert kinds(judged(observations)) == []


def test_a_gap_in_the_boxes_while_falling_hides_nothing() -> None:
    observations = [observation(o.frame.captured_at) if 2.2 < o.frame.captured_at < 2.8 else o for o in sequence(*FALL)]
    assert kinds(judged(observations)) == ["fall"]


def test_a_person_split_in_two_boxes_falls_once() -> None:
    observations = []
    for o in sequence(*FALL):
        (whole,) = o.detections
        x1, y1, x2, y2 = whole.box
        part = Detection("person", 0.6, (x1, y1, x2 - (x2 - x1) / 4, y2))
        observations.append(observation(o.frame.captured_at, whole, part))
    assert kinds(judged(observations)) == ["fall"]


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_the_resolution_does_not_matter(scale: float) -> None:
    (event,) = judged(sequence(*FALL, scale=scale))
    assert event.score == pytest.approx(judged(sequence(*FALL))[0].score, abs=0.01)


def test_an_event_says_when_where_and_how_surely() -> None:
    (event,) = judged(sequence(*FALL))
    assert (event.camera_id, event.recognition, event.kind) == (3, "falls", "fall")
    assert 2.0 < event.started_at < 2.7
    assert event.best.captured_at == pytest.approx(event.started_at + 0.4, abs=0.15)
    assert event.ended_at == 4.0
    assert event.score > 0.8
    assert event.details["rate_fps"] == 8.0
    assert "warning" not in event.details


def test_a_low_rate_is_warned_of() -> None:
    (event,) = judged(sequence(*FALL, fps=3.0))
    assert "fewer than 5 frames" in event.details["warning"]


def test_few_frames_while_nothing_moves_are_not_warned_of() -> None:
    poses = (Pose(0, *STANDING), Pose(10, *STANDING), Pose(10.6, *LYING, x=380), Pose(40, *LYING, x=380))
    passing = [o for o in sequence(*poses) if 9.5 <= o.frame.captured_at <= 16 or o.frame.captured_at % 1 == 0]
    events = judged(passing)
    assert kinds(events) == ["fall", "person_down"]
    assert all("warning" not in e.details for e in events)


def test_a_fall_ends_when_the_person_is_up_again_and_another_may_follow() -> None:
    judge = FallJudge(camera_id=3, settings={})
    again = [Pose(8, *STANDING), Pose(10, *STANDING), Pose(10.6, *LYING), Pose(12, *LYING)]
    events = judged(sequence(*FALL, Pose(5, *STANDING), *again), judge)
    assert kinds(events) == ["fall", "fall"]
    assert events[0].ended_at == pytest.approx(5.3, abs=0.5)
    assert events[0].id != events[1].id


@pytest.mark.parametrize(
    ("poses", "expected"),
    [
        pytest.param((*FALL, Pose(9, *LYING, x=380)), ["fall", "person_down"], id="stays down after a fall"),
        pytest.param((*FALL, Pose(5, *STANDING), Pose(9, *STANDING)), ["fall"], id="gets up in time"),
        pytest.param((Pose(0, *LYING), Pose(8, *LYING)), ["person_down"], id="found lying"),
        pytest.param(
            (Pose(0, *STANDING), Pose(1, *STANDING), Pose(4, *LYING), Pose(11, *LYING)),
            ["person_down"],
            id="lay down slowly and stays",
        ),
        pytest.param((Pose(0, *LYING, score=0.3), Pose(8, *LYING, score=0.3)), [], id="what looks like a heap"),
        pytest.param((Pose(0, *SITTING), Pose(8, *SITTING)), [], id="sits"),
    ],
)
def test_who_stays_down_is_told_of(poses: tuple[Pose, ...], expected: list[str]) -> None:
    assert sorted(kinds(judged(sequence(*poses), floor_s=5))) == expected


BED = Zone("bed", "exclude", ((0.4, 0.6), (0.8, 0.6), (0.8, 0.95), (0.4, 0.95)), ("falls",))
ELSEWHERE = Zone("door", "exclude", ((0, 0), (0.2, 0), (0.2, 0.5)))
OTHER_KIND = Zone("gate", "exclude", BED.points, ("plates",))
HALL = Zone("hall", "include", ((0, 0), (0.3, 0), (0.3, 1), (0, 1)))


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        pytest.param(BED, [], id="onto the bed"),
        pytest.param(ELSEWHERE, ["fall", "person_down"], id="beside an excluded zone"),
        pytest.param(OTHER_KIND, ["fall", "person_down"], id="a zone for plates"),
        pytest.param(HALL, [], id="outside of what is watched"),
    ],
)
def test_zones_limit_where_somebody_lies(zone: Zone, expected: list[str]) -> None:
    judge = FallJudge(camera_id=3, settings={"floor_s": 5}, zones=[zone])
    assert sorted(kinds(judged(sequence(*FALL, Pose(9, *LYING, x=380)), judge))) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({"sensitivity": 0.0}, [], id="not sensitive"),
        pytest.param({"sensitivity": 1.0}, ["fall"], id="sensitive"),
        pytest.param({"min_height": 0.5}, [], id="too small"),
        pytest.param({"min_height": 0.35}, ["fall"], id="large enough"),
    ],
)
def test_settings_are_kept_to(settings: dict[str, Any], expected: list[str]) -> None:
    assert kinds(judged(sequence(*FALL), **settings)) == expected


@pytest.mark.parametrize("stop", range(0, 42, 3))
def test_a_restored_judge_goes_on_exactly(stop: int) -> None:
    observations = sequence(*FALL, Pose(9, *LYING, x=380))
    settings = {"floor_s": 3.0}
    whole = [new_judge("falls", 3, settings), []]
    judge, told = new_judge("falls", 3, settings), []
    expected = []
    for number, one in enumerate(observations):
        if number == stop:
            judge = restore_judge("falls", 3, settings, json.loads(json.dumps(judge.state())))
        expected += whole[0].observe(one)  # type: ignore[attr-defined]
        told += judge.observe(one)
    assert told == expected
    assert {e.kind for e in told} == {"fall", "person_down"}


def test_a_camera_that_sends_nothing_more_is_closed() -> None:
    judge = FallJudge(camera_id=3, settings={})
    for one in sequence(*FALL):
        judge.observe(one)
    assert judge.tick(60.0) == []
    (event,) = judge.tick(130.0)
    assert (event.kind, event.ended_at) == ("fall", 4.0)


def test_out_of_sight_ends_the_event_when_last_seen() -> None:
    judge = FallJudge(camera_id=3, settings={})
    events = [e for one in sequence(*FALL) for e in judge.observe(one)]
    events += [e for k in range(60) for e in judge.observe(observation(4.1 + k / 8))]
    assert [e.ended_at for e in events] == [None, 4.0]


@pytest.mark.parametrize(
    ("camera_id", "recognition"), [pytest.param(4, "falls", id="camera"), pytest.param(3, "plates", id="recognition")]
)
def test_an_observation_of_another_is_refused(camera_id: int, recognition: str) -> None:
    judge = FallJudge(camera_id=3, settings={})
    with pytest.raises(ValueError, match="expected falls of camera 3"):
        judge.observe(Observation(FrameRef(camera_id, 1, 0.0, WIDTH, HEIGHT), recognition))


def test_settings_have_defaults_and_bounds() -> None:
    assert validate_settings("falls", {}) == {"sensitivity": 0.5, "floor_s": 10.0, "min_height": 0.1}
    with pytest.raises(BadSettingError, match=r"floor_s: .*not 0"):
        validate_settings("falls", {"floor_s": 0})


@pytest.mark.parametrize(
    "state",
    [
        pytest.param({}, id="empty"),
        pytest.param({"version": 1}, id="nothing in it"),
        pytest.param({"version": 1, "frame": None, "interval_s": 0, "tracker": {}, "followed": {}}, id="no tracker"),
    ],
)
def test_a_bad_checkpoint_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(BadStateError):
        restore_judge("falls", 3, {}, state)
