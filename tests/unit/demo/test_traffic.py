"""Where the generated cars are."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from app.demo.cars import random_cars
from app.demo.traffic import BARRIER_M, Trip, barrier_lift, gate_trips, street_trips

DURATION_S = 30
STEP_S = 0.1

MAKERS = [pytest.param(street_trips, id="street"), pytest.param(gate_trips, id="gate")]


def distances(trip: Trip) -> list[float]:
    return [trip.nearest_end_m(i * STEP_S) for i in range(int(trip.duration_s / STEP_S))]


@pytest.mark.parametrize("make", MAKERS)
def test_a_clip_has_five_different_cars_and_ends_without_one(make: Callable[[int, float], list[Trip]]) -> None:
    trips = make(1, DURATION_S)
    assert len({trip.car.plate for trip in trips}) == 5
    assert all(trip.start_s + trip.duration_s <= DURATION_S for trip in trips)


@pytest.mark.parametrize("make", MAKERS)
def test_cars_drive_one_way_without_jumps(make: Callable[[int, float], list[Trip]]) -> None:
    for trip in make(1, DURATION_S):
        steps = [b - a for a, b in pairwise(distances(trip))]
        assert all(step >= 0 for step in steps) if trip.leaving else all(step <= 0 for step in steps)
        assert max(map(abs, steps)) < 50 * STEP_S


@pytest.mark.parametrize("make", MAKERS)
def test_cars_of_one_lane_do_not_overlap(make: Callable[[int, float], list[Trip]]) -> None:
    trips = make(1, DURATION_S)
    for now_s in (i * STEP_S for i in range(int(DURATION_S / STEP_S))):
        under_way = [t for t in trips if 0 <= now_s - t.start_s < t.duration_s]
        for lane in {t.x for t in under_way}:
            ahead = sorted((t.nearest_end_m(now_s - t.start_s), t.car.shape.length) for t in under_way if t.x == lane)
            assert all(a + length < b for (a, length), (b, _) in pairwise(ahead))


def test_barrier_is_up_while_a_car_passes_and_down_before_the_next() -> None:
    trips = gate_trips(1, DURATION_S)
    for trip in trips:
        times = [(trip.start_s + i * STEP_S, z) for i, z in enumerate(distances(trip))]
        under = [now_s for now_s, z in times if z <= BARRIER_M <= z + trip.car.shape.length]
        assert [barrier_lift(now_s, trips) for now_s in under] == [1.0] * len(under)
        assert any(barrier_lift(now_s, trips) == 0 for now_s, z in times if 8 < z < 12)


def test_too_short_a_clip_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no room for a car; expected \d+\.\d s"):
        street_trips(1, 8)


def test_a_seed_names_its_cars() -> None:
    assert random_cars(5, seed=1) == random_cars(5, seed=1)
    assert random_cars(5, seed=1) != random_cars(5, seed=2)
