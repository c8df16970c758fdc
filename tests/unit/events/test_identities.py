from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from core.embedding import Embedding
from core.types import Detection, Event, FrameRef, Observation
from events import new_judge, restore_judge
from events.judge import BadStateError, Judge
from reid.gallery import MemoryGallery
from reid.live_index import LiveIndex
from reid.matching import Matcher

START, FPS = 1_700_000_000.0, 4
Person = tuple[float, float]
"""Left edge in pixels, and look in degrees."""


def detection(left: float, degrees: float) -> Detection:
    angle = math.radians(degrees)
    embedding = Embedding.of("m@1", np.array([math.cos(angle), math.sin(angle)], np.float32), 0.8)
    return Detection("person", 0.9, (left, 100, left + 60, 260), embedding=embedding)


def show(*persons: Person, start: float = 0.0, seconds: float = 10.0) -> list[Observation]:
    made = []
    for n in range(round(seconds * FPS)):
        at = START + start + n / FPS
        frame = FrameRef(1, round(at * 1e6), at, 640, 480)
        made.append(Observation(frame, "reid", tuple(detection(*person) for person in persons), "p+m@1"))
    return made


@pytest.fixture
def matcher() -> Matcher:
    gallery = MemoryGallery()
    return Matcher(gallery, LiveIndex(gallery))


def run(judge: Judge, observations: list[Observation]) -> list[Event]:
    return [event for one in observations for event in judge.observe(one)]


def test_a_passage_is_told_once_it_is_recognised_and_when_it_ends(matcher: Matcher) -> None:
    judge = new_judge("reid", 1, {}, matcher=matcher)
    events = run(judge, show((200, 0)) + show(start=10, seconds=5))
    assert [(e.kind, e.ended_at is None) for e in events] == [("identity", True), ("identity", False)]
    assert events[0].id == events[1].id
    assert events[1].ended_at == START + 9.75
    assert judge.state()["passengers"] == {}


@pytest.mark.parametrize(
    ("observations", "identities", "passages"),
    [
        pytest.param(show((200, 0)) + show((200, 10), start=30), 1, 2, id="the same person comes back"),
        pytest.param(show((200, 0)) + show((200, 80), start=30), 2, 2, id="somebody else comes"),
        pytest.param(show((100, 0), (400, 0)), 2, 2, id="twins side by side"),
        pytest.param(show((200, 0), seconds=1), 0, 0, id="gone before there were pictures enough"),
        pytest.param(show((200, 0), seconds=3), 1, 1, id="gone early, but seen well"),
    ],
)
def test_identities_and_passages(
    matcher: Matcher, observations: list[Observation], identities: int, passages: int
) -> None:
    judge = new_judge("reid", 1, {}, matcher=matcher)
    events = run(judge, observations) + judge.finish()
    assert len({e.details["identity"] for e in events}) == identities
    assert len({e.id for e in events}) == passages


@pytest.mark.parametrize(
    "settings", [{"min_height": 200}, {"min_score": 0.95}], ids=["too small in the picture", "not surely a person"]
)
def test_pictures_that_do_not_count(matcher: Matcher, settings: dict[str, Any]) -> None:
    judge = new_judge("reid", 1, settings, matcher=matcher)
    assert run(judge, show((200, 0))) + judge.finish() == []


def test_goes_on_from_a_checkpoint_to_the_same_events(matcher: Matcher) -> None:
    gallery = MemoryGallery()
    other = Matcher(gallery, LiveIndex(gallery))
    observations = show((100, 0), (400, 90)) + show((200, 5), start=20)
    expected = run(new_judge("reid", 1, {}, matcher=matcher), observations)
    judge, events = new_judge("reid", 1, {}, matcher=other), []
    for one in observations:
        events += judge.observe(one)
        judge = restore_judge("reid", 1, {}, json.loads(json.dumps(judge.state())), matcher=other)
    assert events == expected
    with pytest.raises(BadStateError):
        restore_judge("reid", 1, {}, {"version": 1, "tracker": {}, "passengers": 3}, matcher=other)


def test_time_alone_ends_a_passage(matcher: Matcher) -> None:
    judge = new_judge("reid", 1, {}, matcher=matcher)
    run(judge, show((200, 0)))
    assert judge.tick(START + 12) == []
    assert [e.ended_at for e in judge.tick(START + 60)] == [START + 9.75]
