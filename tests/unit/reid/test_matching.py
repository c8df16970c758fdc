from __future__ import annotations

import math

import numpy as np
import pytest

from core.embedding import Embedding, Vector
from core.sightings import Passage, TravelTime
from reid.aggregation import aggregate
from reid.calibration import TooFewPairsError, calibrate, pairs
from reid.gallery import MemoryGallery
from reid.live_index import LiveIndex
from reid.matching import DEFAULT_THRESHOLDS, Matcher

MODEL = "m@1"


def look(degrees: float, model: str = MODEL, quality: float = 1.0) -> Embedding:
    """Two looks are as alike as the cosine of the angle between them."""
    angle = math.radians(degrees)
    return Embedding.of(model, np.array([math.cos(angle), math.sin(angle)], np.float32), quality)


def passage(
    number: int,
    degrees: float,
    *,
    camera_id: int = 1,
    at: float | None = None,
    model: str = MODEL,
    beside: tuple[int, ...] = (),
    travel_s: float | None = None,
) -> Passage:
    at = 100.0 * number if at is None else at
    crops = (look(degrees, model),)
    return Passage(str(number), camera_id, at, at + 10, crops, tuple(map(str, beside)), travel_s)


@pytest.fixture
def gallery() -> MemoryGallery:
    return MemoryGallery()


@pytest.fixture
def matcher(gallery: MemoryGallery) -> Matcher:
    return Matcher(gallery, LiveIndex(gallery))


ALIKE = 0.9 * math.degrees(math.acos(DEFAULT_THRESHOLDS.similarity))
STRANGE = 1.1 * math.degrees(math.acos(DEFAULT_THRESHOLDS.similarity))


@pytest.mark.parametrize(
    ("second", "is_same"),
    [
        pytest.param(passage(2, ALIKE), True, id="alike"),
        pytest.param(passage(2, ALIKE, camera_id=9), True, id="alike, on another camera"),
        pytest.param(passage(2, STRANGE), False, id="not alike"),
        pytest.param(passage(2, 0, model="m@2"), False, id="another version of the model"),
        pytest.param(passage(2, 0, beside=(1,)), False, id="seen beside the first"),
        pytest.param(passage(2, 0, camera_id=9, at=115.0, travel_s=30.0), False, id="too soon for the way"),
        pytest.param(passage(2, 0, camera_id=9, at=150.0, travel_s=30.0), True, id="time enough for the way"),
        pytest.param(passage(2, 0, at=115.0, travel_s=30.0), True, id="back at once on the same camera"),
    ],
)
def test_whose_the_second_passage_is(matcher: Matcher, second: Passage, is_same: bool) -> None:
    first = matcher.identify(passage(1, 0))
    found = matcher.identify(second)
    assert first.similarity is None
    assert (found.identity_id == first.identity_id) is is_same
    assert (found.similarity is not None) is is_same


class Learnt(MemoryGallery):
    """A gallery of a site where the way from camera 1 to camera 9 takes 30 s, and nobody knows of the way back."""

    def travel_times(self, camera_id: int) -> list[TravelTime]:
        return [TravelTime(1, 9, 30.0, 20)] if camera_id in {1, 9} else []


@pytest.mark.parametrize(
    ("second", "is_same"),
    [
        pytest.param(passage(2, 0, camera_id=9, at=115.0), False, id="too soon by what was learnt"),
        pytest.param(passage(2, 0, camera_id=9, at=150.0), True, id="time enough by what was learnt"),
        pytest.param(passage(2, 0, camera_id=9, at=115.0, travel_s=0.0), True, id="what is set overrides: any time"),
        pytest.param(passage(2, 0, camera_id=9, at=150.0, travel_s=60.0), False, id="what is set overrides: longer"),
        pytest.param(passage(2, 0, camera_id=8, at=115.0), True, id="a camera of which nothing is known"),
        pytest.param(passage(2, 0, camera_id=9, at=80.0), True, id="the way back, of which nothing is known"),
        pytest.param(passage(2, 0, camera_id=9, at=105.0), False, id="on both at once"),
    ],
)
def test_learnt_travel_times_rule_out(second: Passage, is_same: bool) -> None:
    gallery = Learnt()
    matcher = Matcher(gallery, LiveIndex(gallery))
    first = matcher.identify(passage(1, 0))
    assert (matcher.identify(second).identity_id == first.identity_id) is is_same


def test_between_two_strangers_nobody_is_chosen(matcher: Matcher) -> None:
    left, right = (matcher.identify(passage(n, degrees)) for n, degrees in ((1, -ALIKE), (2, ALIKE)))
    between = matcher.identify(passage(3, 0))
    assert between.similarity is None
    assert set(between.alike) == {left.identity_id, right.identity_id}


def test_a_person_stored_twice_does_not_stand_in_its_own_way(matcher: Matcher) -> None:
    matcher.identify(passage(1, -5))
    matcher.identify(passage(2, 5, beside=(1,)))
    assert matcher.identify(passage(3, 0)).similarity is not None


def test_a_redelivered_passage_changes_nothing(gallery: MemoryGallery, matcher: Matcher) -> None:
    first = matcher.identify(passage(1, 0))
    again = Matcher(gallery, LiveIndex(gallery)).identify(passage(1, 0))
    assert again.identity_id == first.identity_id
    assert gallery.count(MODEL) == 1


def test_what_was_seen_later_is_noted_and_erased_passages_stay_erased(gallery: MemoryGallery, matcher: Matcher) -> None:
    first = matcher.identify(passage(1, 0))
    assert matcher.update(passage(1, 20, at=105.0))
    stored = gallery.get("1")
    assert stored is not None
    assert (stored.identity_id, stored.ended_at) == (first.identity_id, 115.0)
    assert not matcher.update(passage(2, 0))
    assert gallery.get("2") is None


def test_the_mean_counts_crops_by_their_quality() -> None:
    mean = aggregate([look(0, quality=3), look(90, quality=1)])
    assert mean.vector == pytest.approx(np.array([3, 1]) / math.sqrt(10), abs=1e-3)
    for crops in ([], [look(0), look(0, "m@2")], [look(0), look(180)]):
        with pytest.raises(ValueError, match="crops"):
            aggregate(crops)


def test_embeddings_survive_a_message() -> None:
    one = look(33, quality=0.5)
    assert Embedding.from_json(one.as_json()) == one
    assert one.vector == pytest.approx(np.array([math.cos(math.radians(33)), math.sin(math.radians(33))]), abs=1e-3)


def clouds(persons: int, spread: float) -> tuple[Vector, list[str]]:
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(persons, 32))
    names = [str(n) for n in range(persons) for _ in range(8)]
    vectors = np.repeat(centres, 8, axis=0) + spread * rng.normal(size=(persons * 8, 32))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), names


def test_calibration_lets_few_strangers_pass() -> None:
    found = calibrate(*pairs(*clouds(20, 0.5)))
    assert found.confused <= 0.001
    assert found.found >= 0.9
    wide = calibrate(*pairs(*clouds(20, 1.0)))
    assert wide.found < found.found
    with pytest.raises(TooFewPairsError, match="20 pairs"):
        calibrate(*pairs(*clouds(1, 0.5)))
