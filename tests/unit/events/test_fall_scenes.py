"""Falls, and what is none, by bodies in front of cameras at several heights and tilts; from all sides."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

import pytest

from core.types import Detection, FrameRef, Observation
from events.falls import FallJudge
from inference.recognisers.falls import STANDING_SHAPE
from tests.support.bodies import (
    BENDING,
    CROUCHING,
    KNEELING,
    ON_BACK,
    ON_CHAIR,
    ON_FLOOR,
    ON_SIDE,
    PRONE,
    STANDING,
    TYING_SHOES,
    Camera,
    Moment,
    Posture,
    at,
    seen,
)

CAMERAS = {
    "on a shelf": Camera(1.4, 5, 4.5),
    "on the wall": Camera(2.4, 18, 4.5),
    "under the ceiling": Camera(2.8, 30, 4.5),
    "far": Camera(3.0, 20, 8),
}
ACROSS, SLANTED, TOWARDS, AWAY = 90.0, 45.0, 0.0, 180.0
FACING = (ACROSS, SLANTED, TOWARDS, AWAY, 225.0)


Scene = tuple[Moment, ...]


def scene(first: Posture, *then: tuple[float, Posture]) -> Scene:
    """Two seconds of the first posture, each other one reached in its time, three seconds of the last."""
    moments, at_s = [Moment(0, first), Moment(2, first)], 2.0
    for takes_s, posture in then:
        at_s += takes_s
        moments.append(Moment(at_s, posture))
    return (*moments, replace(moments[-1], at_s=at_s + 3))


@cache
def shown(scenes: tuple[Scene, ...], camera: Camera, facing_deg: float, fps: float) -> list[list[Detection]]:
    """Who is in the picture, with poses, frame by frame."""
    rng = random.Random(1)
    frames = range(int(max(moments[-1].at_s for moments in scenes) * fps) + 1)
    found = [[seen(camera, at(moments, k / fps), facing_deg, rng) for moments in scenes] for k in frames]
    return [[person for person in persons if person] for persons in found]


def falls(*scenes: Scene, camera: Camera, facing_deg: float, fps: float = 8.0, poses: bool = False) -> int:
    """How many falls are told where these people are; with a pose of those who do not plainly stand, or with none."""
    judge, told = FallJudge(camera_id=1, settings={}), set()
    for k, persons in enumerate(shown(scenes, camera, facing_deg, fps)):
        frame = FrameRef(1, k + 1, k / fps, camera.width, camera.height)
        looked_at = tuple(d if poses and not _stands(d) else replace(d, keypoints=None) for d in persons)
        told |= {e.id for e in judge.observe(Observation(frame, "falls", looked_at)) if e.kind == "fall"}
    return len(told | {e.id for e in judge.finish() if e.kind == "fall"})


def _stands(person: Detection) -> bool:
    x1, y1, x2, y2 = person.box
    return x2 - x1 <= STANDING_SHAPE * (y2 - y1)


FALLS = {
    "forwards": scene(STANDING, (0.7, PRONE)),
    "backwards": scene(STANDING, (0.7, ON_BACK)),
    "sideways": scene(STANDING, (0.7, ON_SIDE)),
    "collapsing": scene(STANDING, (0.4, CROUCHING), (0.4, ON_SIDE)),
    "off a chair, sideways": scene(ON_CHAIR, (0.6, ON_SIDE)),
    "off a chair, forwards": scene(ON_CHAIR, (0.6, PRONE)),
}
CALM = {
    "crouching": scene(STANDING, (0.6, CROUCHING)),
    "crouching quickly": scene(STANDING, (0.4, CROUCHING)),
    "tying shoes": scene(STANDING, (0.8, TYING_SHOES), (2, TYING_SHOES), (0.8, STANDING)),
    "kneeling": scene(STANDING, (0.9, KNEELING)),
    "bending to pick something up": scene(STANDING, (0.6, BENDING), (0.5, BENDING), (0.6, STANDING)),
    "sitting down on a chair": scene(STANDING, (0.8, ON_CHAIR)),
    "sitting down on the floor": scene(STANDING, (0.9, CROUCHING), (0.9, ON_FLOOR)),
    "lying down slowly": scene(STANDING, (1.2, CROUCHING), (1.2, ON_FLOOR), (1.5, ON_BACK)),
}
SEEN_ACROSS = {
    "forwards": ACROSS,
    "backwards": ACROSS,
    "sideways": TOWARDS,
    "collapsing": TOWARDS,
    "off a chair, sideways": TOWARDS,
    "off a chair, forwards": ACROSS,
}


@pytest.mark.parametrize("fps", [5.0, 15.0], ids=lambda fps: f"{fps:g}fps")
@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
@pytest.mark.parametrize("name", FALLS)
def test_a_fall_across_the_line_of_sight_is_told_by_boxes_alone(name: str, camera: Camera, fps: float) -> None:
    assert falls(FALLS[name], camera=camera, facing_deg=SEEN_ACROSS[name], fps=fps) == 1


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
@pytest.mark.parametrize(
    ("name", "facing_deg"),
    [("forwards", TOWARDS), ("sideways", ACROSS), ("collapsing", ACROSS), ("off a chair, forwards", TOWARDS)],
)
def test_a_fall_with_the_head_towards_the_camera_is_told_by_the_pose(
    name: str, facing_deg: float, camera: Camera
) -> None:
    assert falls(FALLS[name], camera=camera, facing_deg=facing_deg, poses=True) == 1


@pytest.mark.parametrize("poses", [False, True], ids=["boxes", "poses"])
@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
@pytest.mark.parametrize("name", CALM)
def test_nobody_who_moves_on_purpose_falls(name: str, camera: Camera, poses: bool) -> None:
    assert not any(falls(CALM[name], camera=camera, facing_deg=deg, poses=poses) for deg in (ACROSS, TOWARDS, AWAY))


@pytest.mark.parametrize(("poses", "least"), [(False, 16), (True, 25)], ids=["boxes", "poses"])
def test_of_thirty_falls_from_all_sides_most_are_told(poses: bool, least: int) -> None:
    """Boxes alone cannot tell who lies in the line of sight from who crouches."""
    camera = CAMERAS["on the wall"]
    told = [falls(one, camera=camera, facing_deg=deg, poses=poses) for one in FALLS.values() for deg in FACING]
    assert told.count(1) >= least
    assert max(told) == 1


@pytest.mark.parametrize("poses", [False, True], ids=["boxes", "poses"])
@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
@pytest.mark.parametrize(
    ("ways", "facing_deg"),
    [
        pytest.param([((-4.0, 0.0), (4.0, 0.0))], ACROSS, id="walking past both edges"),
        pytest.param([((0.0, 3.0), (0.0, -4.0))], TOWARDS, id="walking out below"),
        pytest.param([((0.0, 0.0), (0.0, 8.0))], AWAY, id="walking away"),
        pytest.param([((-2.0, 0.0), (2.0, 0.0)), ((2.0, 0.5), (-2.0, 0.5))], ACROSS, id="two cross"),
    ],
)
def test_nobody_who_walks_falls(
    ways: list[tuple[tuple[float, float], tuple[float, float]]], facing_deg: float, camera: Camera, poses: bool
) -> None:
    walks = [(Moment(0, STANDING, *start), Moment(6, STANDING, *end)) for start, end in ways]
    assert falls(*walks, camera=camera, facing_deg=facing_deg, poses=poses) == 0


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
def test_who_is_carried_past_the_edge_does_not_fall(camera: Camera) -> None:
    """On a stretcher: lying from the first frame on."""
    carried = (Moment(0, ON_BACK, -5.0), Moment(6, ON_BACK, 5.0))
    assert falls(carried, camera=camera, facing_deg=ACROSS) == 0
