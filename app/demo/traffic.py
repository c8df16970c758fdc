"""Which car is where, and when."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.demo.cars import Car, random_cars

_STREET_HEADWAY_S, _GATE_HEADWAY_S = 4.7, 5.4

_LANE_M = 1.65
_FAR_M, _BEST_SEEN_M, _GONE_M = 125.0, 7.0, -3.5
_SLOWEST_M_S, _BRAKING_PER_S, _ACCELERATION_M_S2 = 2.9, 0.36, 3.5
# Speed falls exponentially with time, thus linearly with the distance from where the car would come to rest.
_COASTING_M = _SLOWEST_M_S / _BRAKING_PER_S
_SLOWEST_AT_S = math.log((_FAR_M - _BEST_SEEN_M + _COASTING_M) / _COASTING_M) / _BRAKING_PER_S
_PASSING_S = (
    math.sqrt(_SLOWEST_M_S**2 + 2 * _ACCELERATION_M_S2 * (_BEST_SEEN_M - _GONE_M)) - _SLOWEST_M_S
) / _ACCELERATION_M_S2

BARRIER_M = 6.3
_GATE_FAR_M, _STOP_M, _GATE_GONE_M = 66.0, 7.8, -6.0
_APPROACH_S, _WAIT_S, _LEAVE_S, _LIFT_S = 3.4, 1.9, 2.2, 0.7


@dataclass(frozen=True, slots=True)
class Trip:
    """One car's way through the view."""

    car: Car
    start_s: float
    duration_s: float
    x: float
    """Of the car's middle, in metres."""
    leaving: bool
    """It shows its rear."""
    nearest_end_m: Callable[[float], float]
    """How far its nearest end is, by seconds since its start."""


def street_trips(seed: int, duration_s: float) -> list[Trip]:
    """Cars that come in the left lane and, by turns, leave in the right one; all are gone at the end."""
    trip_s = _SLOWEST_AT_S + _PASSING_S

    def leave(t: float) -> float:
        return _passing_distance_m(trip_s - t)

    starts = _starts(duration_s, trip_s, _STREET_HEADWAY_S)
    return [
        Trip(car, start, trip_s, _LANE_M, True, leave)
        if number % 2
        else Trip(car, start, trip_s, -_LANE_M, False, _passing_distance_m)
        for number, (car, start) in enumerate(zip(random_cars(len(starts), seed), starts, strict=True))
    ]


def gate_trips(seed: int, duration_s: float) -> list[Trip]:
    """Cars that stop at the barrier and drive on; all are gone at the end."""
    trip_s = _APPROACH_S + _WAIT_S + _LEAVE_S
    starts = _starts(duration_s, trip_s, _GATE_HEADWAY_S)
    cars = random_cars(len(starts), seed)
    return [Trip(car, start, trip_s, 0.0, False, _gate_distance_m) for car, start in zip(cars, starts, strict=True)]


def barrier_lift(now_s: float, trips: list[Trip]) -> float:
    """How far the barrier is up for these gate trips: 0 closed to 1 open."""
    lifts = [0.0]
    for trip in trips:
        since_s = now_s - trip.start_s
        opening = since_s - (_APPROACH_S + _WAIT_S - _LIFT_S)
        closing = trip.duration_s - since_s
        lifts.append(min(opening / _LIFT_S, closing / _LIFT_S, 1.0))
    return max(lifts)


def _starts(duration_s: float, trip_s: float, headway_s: float) -> list[float]:
    if duration_s < trip_s:
        raise ValueError(f"a clip of {duration_s} s has no room for a car; expected {trip_s:.1f} s or more")
    return [float(start) for start in np.arange(0.0, duration_s - trip_s, headway_s)]


def _passing_distance_m(t: float) -> float:
    """Where a car is that brakes on its way, is slowest where it is seen best, and speeds up again."""
    if t < _SLOWEST_AT_S:
        return _BEST_SEEN_M - _COASTING_M + (_FAR_M - _BEST_SEEN_M + _COASTING_M) * math.exp(-_BRAKING_PER_S * t)
    since = t - _SLOWEST_AT_S
    return _BEST_SEEN_M - _SLOWEST_M_S * since - _ACCELERATION_M_S2 / 2 * since**2


def _gate_distance_m(t: float) -> float:
    if t < _APPROACH_S:
        return _STOP_M + (_GATE_FAR_M - _STOP_M) * (1 - t / _APPROACH_S) ** 2
    leaving = max(0.0, t - _APPROACH_S - _WAIT_S) / _LEAVE_S
    return _STOP_M + (_GATE_GONE_M - _STOP_M) * leaving**2
