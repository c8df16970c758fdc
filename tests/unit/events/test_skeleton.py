"""Poses: where the torso points, and what that changes about falls."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.types import Detection, Keypoint, Observation
from events import restore_judge
from events.falls import FallJudge
from events.skeleton import ANKLES, HIPS, SHOULDERS, is_upended, torso_degrees, torso_length
from tests.unit.events.test_falls import FALL, Pose, judged, kinds, sequence

SQUAT = (*FALL[:2], Pose(2.5, 0.5, 1.25), Pose(4, 0.5, 1.25))
"""Quickly down, with the arms out: the box of somebody who lies."""


def body(torso_deg: float, score: float = 0.9, length: float = 60.0) -> tuple[Keypoint, ...]:
    """Hips at (100, 200), the torso leaning to the right."""
    points = [(0.0, 0.0, 0.0)] * 17
    lean = math.radians(torso_deg)
    top = (100 + length * math.sin(lean), 200 - length * math.cos(lean))
    for i in HIPS:
        points[i] = (100.0, 200.0, score)
    for i in SHOULDERS:
        points[i] = (*top, score)
    return tuple(points)


def with_legs(torso_deg: float, legs_deg: float) -> tuple[Keypoint, ...]:
    """As `body`, with the legs in that direction, ankles to hips."""
    points, lean = list(body(torso_deg)), math.radians(legs_deg)
    for i in ANKLES:
        points[i] = (100 - 80 * math.sin(lean), 200 + 80 * math.cos(lean), 0.9)
    return tuple(points)


def with_pose(observations: list[Observation], keypoints: tuple[Keypoint, ...], from_s: float) -> list[Observation]:
    """As if a pose had been looked for once the person had begun to go down."""
    return [
        replace(o, detections=tuple(replace(d, keypoints=keypoints) for d in o.detections))
        if o.frame.captured_at >= from_s
        else o
        for o in observations
    ]


@given(torso_deg=st.floats(0, 180), length=st.floats(5, 500))
def test_the_angle_of_any_torso(torso_deg: float, length: float) -> None:
    assert torso_degrees(body(torso_deg, length=length)) == pytest.approx(torso_deg, abs=1e-3)


@pytest.mark.parametrize(
    "points",
    [
        pytest.param(None, id="no pose"),
        pytest.param((), id="no points"),
        pytest.param(body(10, score=0.2), id="unsure ones"),
        pytest.param(body(10, length=0.0), id="shoulders on the hips"),
        pytest.param(body(10)[:11], id="a model without hips"),
    ],
)
def test_what_is_not_seen_says_nothing(points: tuple[Keypoint, ...] | None) -> None:
    assert torso_degrees(points) is None


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        pytest.param(with_legs(175, 170), True, id="lies with the head towards us"),
        pytest.param(with_legs(120, 100), True, id="lies askew"),
        pytest.param(with_legs(130, 10), False, id="bends down to the feet"),
        pytest.param(with_legs(90, 90), False, id="lies across"),
        pytest.param(with_legs(10, 100), False, id="sits with the legs towards us"),
        pytest.param(body(175), False, id="the legs are not seen"),
        pytest.param(None, False, id="no pose"),
    ],
)
def test_who_is_upended(points: tuple[Keypoint, ...] | None, expected: bool) -> None:
    assert is_upended(points) is expected


def test_the_length_of_a_torso() -> None:
    assert torso_length(body(30, length=60)) == pytest.approx(60)
    assert torso_length(body(30, score=0.2)) is None


TO_THE_CAMERA = (*FALL[:2], Pose(2.6, 0.7, 0.5, foot=460), Pose(4, 0.7, 0.5, foot=460))
"""The box of somebody who sits down, but nearer."""


@pytest.mark.parametrize(
    ("keypoints", "expected"),
    [
        pytest.param(None, [], id="boxes only: not told"),
        pytest.param(with_legs(175, 170), ["fall"], id="head lowest, feet highest"),
        pytest.param(with_legs(130, 10), [], id="bending over"),
    ],
)
def test_a_fall_towards_the_camera(keypoints: tuple[Keypoint, ...] | None, expected: list[str]) -> None:
    seen = sequence(*TO_THE_CAMERA)
    assert kinds(judged(seen if keypoints is None else with_pose(seen, keypoints, 2.1))) == expected


def test_one_side_is_enough() -> None:
    left_only = [p if i in {SHOULDERS[0], HIPS[0]} else (0.0, 0.0, 0.0) for i, p in enumerate(body(80))]
    assert torso_degrees(left_only) == pytest.approx(80)


@pytest.mark.parametrize("fps", [5.0, 8.0, 15.0], ids=lambda v: f"{v:g}fps")
@pytest.mark.parametrize(
    ("poses", "keypoints", "expected"),
    [
        pytest.param(SQUAT, None, ["fall"], id="squat, boxes only: taken for a fall"),
        pytest.param(SQUAT, body(15), [], id="squat with the torso upright: none"),
        pytest.param(SQUAT, body(15, score=0.1), ["fall"], id="squat, the pose is not seen"),
        pytest.param(FALL, body(15, length=25.0), ["fall"], id="a torso that points away from the camera"),
        pytest.param(FALL, body(85), ["fall"], id="fall to the side"),
        pytest.param(FALL, body(150), ["fall"], id="fall, head lowest"),
        pytest.param(FALL, body(45), ["fall"], id="fall, half raised: boxes decide"),
    ],
)
def test_a_pose_sharpens_falls(
    poses: tuple[Pose, ...], keypoints: tuple[Keypoint, ...] | None, expected: list[str], fps: float
) -> None:
    seen = sequence(*poses, fps=fps)
    assert kinds(judged(seen if keypoints is None else with_pose(seen, keypoints, 2.1))) == expected


def test_the_score_grows_with_a_torso_that_lies() -> None:
    (plain,) = judged(sequence(*FALL))
    (posed,) = judged(with_pose(sequence(*FALL), body(85), 2.1))
    assert posed.score == pytest.approx(1 - (1 - plain.score) / 2, abs=0.02)
    assert (posed.details["torso_deg"], plain.details.get("torso_deg")) == (85, None)


def test_a_high_sensitivity_tells_of_a_squat_all_the_same() -> None:
    assert kinds(judged(with_pose(sequence(*SQUAT), body(15), 2.1), sensitivity=0.9)) == ["fall"]


def test_a_pose_survives_the_checkpoint_and_old_ones_are_read() -> None:
    observations = with_pose(sequence(*FALL), body(85), 2.1)
    judge = FallJudge(camera_id=3, settings={})
    for observation in observations[:22]:
        judge.observe(observation)
    state = judge.state()
    restored = restore_judge("falls", 3, {}, state)
    assert restored.state() == state
    for followed in state["followed"].values():
        for sight in followed["person"]["recent"]:
            del sight["torso_deg"]
    assert kinds(judged(observations[22:], restore_judge("falls", 3, {}, state))) == ["fall"]


def test_keypoints_go_through_a_message() -> None:
    detection = Detection("person", 0.5, (1.0, 2.0, 3.0, 4.0), keypoints=((1.04, 2.0, 0.901), (0.0, 0.0, 0.0)))
    found = Detection.from_json(detection.as_json())
    assert found.keypoints == ((1.0, 2.0, 0.9), (0.0, 0.0, 0.0))
    assert "keypoints" not in Detection("person", 0.5, (1.0, 2.0, 3.0, 4.0)).as_json()
