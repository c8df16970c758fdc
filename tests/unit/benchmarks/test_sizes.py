"""Whether a soak calls what grows growing, and what does not, flat."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.sizes import GALLERY, SIGHTING_KB, growth

SAMPLES = 90
EVERY_S = 20.0


def sizes(name: str, own_mb: list[float | None], sightings: list[int] | None = None) -> dict[str, Any]:
    return {
        "at_s": [number * EVERY_S for number in range(SAMPLES)],
        "redis_used_mb": [3.0] * SAMPLES,
        "sightings": sightings or [0] * SAMPLES,
        "processes": {
            name: {
                "own_mb": own_mb,
                "shared_mb": [1.0] * SAMPLES,
                "threads": [30] * (SAMPLES - 1) + [31],
                "descriptors": [80] * SAMPLES,
            }
        },
    }


def growing(mb_per_hour: float, start_mb: float = 150.0) -> list[float | None]:
    return [start_mb + mb_per_hour * number * EVERY_S / 3600 for number in range(SAMPLES)]


@pytest.mark.parametrize(
    ("own_mb", "is_flat"),
    [
        pytest.param(growing(0.0), True, id="as it was"),
        pytest.param(growing(6.0), True, id="a step of the allocator"),
        pytest.param([*[150.0] * 55, *[160.0] * 35], True, id="one step"),
        pytest.param([150.0 + 8.0 * (number // 10) for number in range(SAMPLES)], False, id="step after step"),
        pytest.param(growing(60.0), False, id="a leak"),
        pytest.param(growing(-60.0), True, id="shrinks"),
        pytest.param(growing(30.0, start_mb=1000.0), True, id="little of much"),
        pytest.param([*growing(3000.0)[:20], *[160.0] * (SAMPLES - 20)], True, id="a warm-up in the first third"),
        pytest.param([150.0] * 50, False, id="it ended"),
        pytest.param([*[None] * 40, *[150.0] * 50], False, id="it began late"),
    ],
)
def test_a_process_is_flat_or_not(own_mb: list[float | None], is_flat: bool) -> None:
    found = growth(sizes("capture shard", own_mb))
    assert found["capture shard"]["flat"] is is_flat
    assert found["redis used_memory"]["flat"]


def test_slope_and_spread_are_told() -> None:
    found = growth(sizes("capture shard", growing(60.0)))["capture shard"]
    assert found["mb_per_hour"] == pytest.approx(60.0, abs=0.1)
    assert (found["threads_spread"], found["descriptors_spread"]) == (1, 0)


def test_what_the_gallery_takes_is_no_leak() -> None:
    per_sample = 100
    sightings = [number * per_sample for number in range(SAMPLES)]
    mb_per_hour = per_sample * 3600 / EVERY_S * SIGHTING_KB / 1000
    found = growth(sizes(GALLERY, growing(mb_per_hour), sightings))[GALLERY]
    assert found["flat"]
    assert found["gallery_mb_per_hour"] == pytest.approx(mb_per_hour, rel=0.01)
    assert not growth(sizes(GALLERY, growing(mb_per_hour)))[GALLERY]["flat"]
