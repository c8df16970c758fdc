from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.types import Box, Detection
from events.geometry import iou
from events.judge import BadStateError
from events.tracker import Tracker, TrackerConfig

HEIGHT = 120.0
MOST_OVERLAP = 0.5


@dataclass(frozen=True)
class Walker:
    """Somebody who walks on a straight line; times in seconds, pixels of a 1280x720 picture."""

    x: float
    y: float
    vx: float
    vy: float = 0.0
    height: float = HEIGHT
    hidden: tuple[float, float] = (math.inf, math.inf)

    def box(self, at_s: float) -> Box:
        x, y, width = self.x + self.vx * at_s, self.y + self.vy * at_s, 0.4 * self.height
        return x - width / 2, y - self.height, x + width / 2, y


def person(box: Box, score: float = 0.8) -> Detection:
    return Detection("person", score, box)


def frames(
    walkers: list[Walker], fps: float, duration_s: float, *, missed: float = 0.0, jitter: float = 0.02, seed: int = 1
) -> Iterator[tuple[float, list[int], list[Detection]]]:
    """Time, true identities, detections, as a detector gives them.

    Boxes shake by a share of the height, some are missed or barely seen, and of two that overlap only one is left.
    """
    rng = random.Random(seed)
    for k in range(int(duration_s * fps)):
        at_s = k / fps
        seen: list[tuple[int, Detection]] = []
        for who, walker in enumerate(walkers):
            if rng.random() < missed or walker.hidden[0] <= at_s < walker.hidden[1]:
                continue
            shake = [rng.gauss(0, jitter * walker.height) for _ in range(4)]
            x1, y1, x2, y2 = (v + s for v, s in zip(walker.box(at_s), shake, strict=True))
            if any(iou((x1, y1, x2, y2), other.box) > MOST_OVERLAP for _, other in seen):
                continue
            seen.append((who, person((x1, y1, x2, y2), 0.2 if rng.random() < missed else 0.8)))
        rng.shuffle(seen)
        yield at_s, [who for who, _ in seen], [d for _, d in seen]


def id_switches(tracker: Tracker, sequence: Iterator[tuple[float, list[int], list[Detection]]]) -> int:
    """How often a true identity is given another track than before, as MOTA counts it (Bernardin et al., 2008)."""
    last: dict[int, str] = {}
    switches = 0
    for at_s, who, detections in sequence:
        for track in tracker.update(detections, at_s):
            identity = who[track.detection]
            switches += last.get(identity, track.id) != track.id
            last[identity] = track.id
    return switches


def lost_identities(tracker: Tracker, sequence: Iterator[tuple[float, list[int], list[Detection]]]) -> int:
    """How many end with another track than they began with: while two are one to the detector, either may have it."""
    first: dict[int, str] = {}
    last: dict[int, str] = {}
    for at_s, who, detections in sequence:
        for track in tracker.update(detections, at_s):
            first.setdefault(who[track.detection], track.id)
            last[who[track.detection]] = track.id
    return sum(first[identity] != last[identity] for identity in first)


ALONE = [Walker(100, 400, 100)]
PASSING = [Walker(100, 400, 90), Walker(1000, 460, -90)]
CROSSING = [Walker(200, 300, 60, 30), Walker(800, 300, -60, 30)]
NEAR_AND_FAR = [Walker(100, 500, 150, height=300), Walker(900, 420, -40, height=80)]
HIDDEN = [Walker(100, 400, 90, hidden=(2.0, 3.5)), Walker(100, 650, 90)]
CROWD = [Walker(150.0 + 180 * (k % 6), 250.0 + 200 * (k // 6), 50.0 * (-1) ** k, 10.0) for k in range(12)]


@pytest.mark.parametrize("fps", [1.0, 2.0, 5.0, 8.0, 15.0], ids=lambda fps: f"{fps:g}fps")
@pytest.mark.parametrize(
    ("walkers", "missed"),
    [
        pytest.param(ALONE, 0.0, id="alone"),
        pytest.param(ALONE, 0.25, id="alone, a quarter missed and a quarter barely seen"),
        pytest.param(PASSING, 0.0, id="two pass each other"),
        pytest.param(NEAR_AND_FAR, 0.1, id="near and far"),
        pytest.param(HIDDEN, 0.0, id="hidden for 1.5 s"),
    ],
)
def test_a_person_keeps_the_track(walkers: list[Walker], missed: float, fps: float) -> None:
    assert id_switches(Tracker(1), frames(walkers, fps, 9.0, missed=missed)) == 0


@pytest.mark.parametrize(
    ("walkers", "fps", "most"),
    [
        pytest.param(CROSSING, 1.0, 1, id="two paths meet, 1 fps"),
        pytest.param(CROSSING, 2.0, 0, id="two paths meet, 2 fps"),
        pytest.param(CROSSING, 5.0, 0, id="two paths meet, 5 fps"),
        pytest.param(CROSSING, 15.0, 0, id="two paths meet, 15 fps"),
        pytest.param(CROWD, 1.0, 3, id="twelve people, 1 fps"),
        pytest.param(CROWD, 2.0, 2, id="twelve people, 2 fps"),
        pytest.param(CROWD, 5.0, 0, id="twelve people, 5 fps"),
        pytest.param(CROWD, 15.0, 0, id="twelve people, 15 fps"),
    ],
)
def test_people_who_meet_part_with_their_own_tracks(walkers: list[Walker], fps: float, most: int) -> None:
    assert lost_identities(Tracker(1), frames(walkers, fps, 8.0, missed=0.1)) <= most


def test_frames_that_come_unevenly_do_no_harm() -> None:
    rng = random.Random(3)
    uneven = [frame for frame in frames(PASSING, 15.0, 9.0) if rng.random() < 0.3]
    assert id_switches(Tracker(1), iter(uneven)) == 0


def fragments(tracker: Tracker, sequence: Iterator[tuple[float, list[int], list[Detection]]]) -> int:
    """How many tracks more than people: a new one for somebody who was followed already."""
    tracks, people = set(), set()
    for at_s, who, detections in sequence:
        tracks |= {track.id for track in tracker.update(detections, at_s)}
        people |= set(who)
    return len(tracks) - len(people)


@pytest.mark.parametrize("fps", [2.0, 5.0, 8.0, 15.0], ids=lambda fps: f"{fps:g}fps")
@pytest.mark.parametrize(
    ("walkers", "missed", "most"),
    [
        pytest.param(CROSSING, 0.1, 0, id="two paths meet"),
        pytest.param(HIDDEN, 0.2, 1, id="hidden for 1.5 s, a fifth missed"),
        pytest.param(CROWD, 0.1, 3, id="twelve people"),
        pytest.param(CROWD, 0.3, 3, id="twelve people, a third missed"),
    ],
)
def test_few_tracks_begin_for_who_is_followed_already(
    walkers: list[Walker], missed: float, most: int, fps: float
) -> None:
    """In three sequences together; who is missed beside the 1.5 s may be out of sight for longer than tracks live."""
    sequences = [frames(walkers, fps, 8.0, missed=missed, seed=seed) for seed in range(3)]
    assert sum(fragments(Tracker(1), one) for one in sequences) <= most


def test_who_falls_towards_the_camera_keeps_the_track() -> None:
    """The centre speeds up within a few frames, faster than the filter learns, while the box is small."""
    tracker = Tracker(1)
    standing = [(290.0, 167.0, 348.0, 314.0)] * 8
    falling = [(291, 183, 348, 315), (287, 208, 353, 316), (287, 247, 355, 330), (283, 298, 359, 361)]
    on_floor = [(286, 300, 358, 386), (286, 299, 358, 400), (286, 298, 354, 402)]
    ids = {
        track.id
        for k, box in enumerate([*standing, *falling, *on_floor])
        for track in tracker.update([person(box)], k / 8)
    }
    assert len(ids) == 1


def test_who_falls_keeps_the_track_although_the_box_changes_its_shape() -> None:
    tracker = Tracker(1)
    ids = set()
    for at_s, box in [(0.0, (100, 100, 150, 240)), (0.2, (90, 140, 170, 240)), (0.4, (40, 190, 180, 240))]:
        ids |= {track.id for track in tracker.update([person(box)], at_s)}
    assert len(ids) == 1


def test_what_is_barely_seen_goes_on_but_does_not_begin() -> None:
    tracker = Tracker(1)
    box = (100.0, 100.0, 150.0, 240.0)
    assert tracker.update([person(box, 0.2)], 0.0) == []
    (begun,) = tracker.update([person(box, 0.8)], 0.2)
    (same,) = tracker.update([person(box, 0.2)], 0.4)
    assert (same.id, same.hits, same.first_at, same.last_at) == (begun.id, 2, 0.2, 0.4)
    assert tracker.update([person(box, 0.05)], 0.6) == []


def test_velocity_is_in_pixels_a_second_at_any_rate() -> None:
    for fps in (1.0, 4.0, 15.0):
        tracker = Tracker(1)
        for at_s, _, detections in frames([Walker(100, 400, 80, -20)], fps, 6.0, jitter=0.0):
            tracker.update(detections, at_s)
        assert tracker.tracks[0].velocity == pytest.approx((80, -20), rel=0.05)


def test_ids_come_from_the_camera_and_the_first_frame() -> None:
    tracks = Tracker(7).update([person((0, 0, 40, 100)), person((200, 0, 240, 100))], 1700000000.25)
    assert [t.id for t in tracks] == ["7-1700000000250000-0", "7-1700000000250000-1"]


@pytest.mark.parametrize(
    ("times", "ends"),
    [
        pytest.param([0.5, 1.0, 1.5, 2.0], False, id="frames without it for 2 s"),
        pytest.param([0.5, 1.0, 1.5, 2.0, 2.5], True, id="frames without it for longer"),
        pytest.param([20.0], False, id="no frames for 20 s"),
        pytest.param([31.0], True, id="no frames for half a minute"),
    ],
)
def test_a_track_ends_when_frames_come_without_it(times: list[float], ends: bool) -> None:
    tracker = Tracker(1)
    tracker.update([person((0, 0, 40, 100))], 0.0)
    for at_s in times:
        tracker.update([], at_s)
    assert (tracker.tracks == ()) is ends


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    tracker = Tracker(1, TrackerConfig(max_tracks=3))
    for k in range(5):
        tracker.update([person((300.0 * k, 0, 300.0 * k + 40, 100))], 0.1 * k)
    assert [t.box[0] for t in tracker.tracks] == [1200, 900, 600]


def test_a_clock_that_is_set_back_does_no_harm() -> None:
    tracker = Tracker(1)
    (first,) = tracker.update([person((0, 0, 40, 100))], 10.0)
    (again,) = tracker.update([person((2, 0, 42, 100))], 9.5)
    assert again.id == first.id
    assert again.velocity == (0.0, 0.0)


boxes = st.tuples(st.floats(0, 600), st.floats(0, 400), st.floats(0, 200), st.floats(0, 200), st.floats(0, 1)).map(
    lambda v: person((v[0], v[1], v[0] + v[2], v[1] + v[3]), v[4])
)
sequences = st.lists(st.tuples(st.floats(0.01, 5), st.lists(boxes, max_size=5)), max_size=12)


@given(sequences, st.integers(0, 12))
@settings(max_examples=60, deadline=None)
def test_a_restored_tracker_goes_on_exactly(sequence: list[tuple[float, list[Detection]]], stop: int) -> None:
    whole, broken = Tracker(3), Tracker(3)
    at_s = 0.0
    for number, (step_s, detections) in enumerate(sequence):
        if number == stop:
            broken = Tracker.restore(json.loads(json.dumps(broken.state())), 3)
        at_s += step_s
        assert whole.update(detections, at_s) == broken.update(detections, at_s)
    assert whole.state() == broken.state()


@given(sequences)
@settings(max_examples=60, deadline=None)
def test_each_detection_is_of_one_track_at_most(sequence: list[tuple[float, list[Detection]]]) -> None:
    tracker, at_s = Tracker(1), 0.0
    for step_s, detections in sequence:
        at_s += step_s
        seen = tracker.update(detections, at_s)
        assert len({t.detection for t in seen}) == len(seen) == len({t.id for t in seen})
        assert all(t.box == detections[t.detection].box and t.last_at == at_s for t in seen)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        pytest.param({}, "version None", id="empty"),
        pytest.param({"version": 0}, "version 0", id="another version"),
        pytest.param({"version": 1}, "broken", id="no tracks"),
        pytest.param({"version": 1, "updated_at": 0.0, "tracks": [7]}, "broken", id="no track"),
        pytest.param({"version": 1, "updated_at": None, "tracks": []}, "broken", id="no time"),
    ],
)
def test_a_bad_state_is_refused(state: dict[str, object], message: str) -> None:
    with pytest.raises(BadStateError, match=message):
        Tracker.restore(state, 1)
