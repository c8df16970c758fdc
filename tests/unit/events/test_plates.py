from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.types import Box, Detection, Event, FrameRef, Observation, Zone
from events import new_judge, restore_judge
from events.judge import Judge
from events.plates import MAX_TRACKS

WIDTH, HEIGHT = 640, 480
FPS = 5
START = 1_700_000_000.0
HERE: Box = (250, 300, 350, 325)
THERE: Box = (30, 100, 130, 125)


@dataclass(frozen=True)
class Read:
    """What a reader makes of one plate."""

    text: str
    score: float = 0.95
    box: Box = HERE


Frames = list[tuple[float, list[Read]]]
"""Seconds since the start, readings."""


def observation(at: float, readings: Iterable[Read], camera_id: int = 1) -> Observation:
    frame = FrameRef(camera_id, seq=int((START + at) * 1000), captured_at=START + at, width=WIDTH, height=HEIGHT)
    return Observation(frame, "plates", tuple(Detection("plate", r.score, r.box, text=r.text) for r in readings))


def run(frames: Frames, settings: dict[str, Any] | None = None, zones: Iterable[Zone] = ()) -> list[Event]:
    """All that is told, in order, by a judge that sees these frames and then the end."""
    judge = new_judge("plates", 1, settings or {}, tuple(zones))
    return tell(judge, frames) + judge.finish()


def tell(judge: Judge, frames: Frames) -> list[Event]:
    return [event for at, readings in frames for event in judge.observe(observation(at, readings))]


def final(events: list[Event]) -> list[Event]:
    """The last word on each event, in order of their first word."""
    return list({event.id: event for event in events}.values())


def texts(events: list[Event]) -> list[str | None]:
    return [event.text for event in final(events)]


def show(*readings: Read, start: float = 0, seconds: float = 2.0) -> Frames:
    """The same readings in every frame."""
    return [(start + i / FPS, list(readings)) for i in range(round(seconds * FPS))]


def moved(box: Box, dx: float, dy: float = 0, scale: float = 1) -> Box:
    x1, y1, x2, y2 = box
    return x1 + dx, y1 + dy, x1 + dx + (x2 - x1) * scale, y1 + dy + (y2 - y1) * scale


def drive(plate_texts: list[str], step: float, start: float = 0, box: Box = (20, 300, 80, 315)) -> Frames:
    """A car that moves by `step` pixels a frame and is read so."""
    return [(start + i / FPS, [Read(t, box=moved(box, i * step))]) for i, t in enumerate(plate_texts)]


def nothing(start: float, seconds: float) -> Frames:
    return show(start=start, seconds=seconds)


NOISY = ["RK605A8", "RK605AB", "RX605AB", "RKGO5AB", "RK605AB", "RK605A", "RK605AB", "BK605AB", "RK6O5AB", "RK605AB"]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        pytest.param(show(Read("RK-605 ab")), ["RK605AB"], id="one car"),
        pytest.param(drive(["RK605AB"] * 10, step=50), ["RK605AB"], id="one passing car"),
        pytest.param(drive(["RK605AB"] * 2, step=500), ["RK605AB"], id="fast car, eight plate widths a frame"),
        pytest.param(drive(NOISY, step=40), ["RK605AB"], id="OCR noise on a passing car"),
        pytest.param(
            [(0, [Read("RK6X5AB")]), (0.2, [Read("RKV05AB")]), (0.4, [Read("YK605AB")]), (0.6, [Read("RK605A7")])],
            ["RK605AB"],
            id="never read right, right by the vote",
        ),
        pytest.param(show(Read("RK605AB"), Read("BA738DE", box=THERE)), ["RK605AB", "BA738DE"], id="two cars abreast"),
        pytest.param(
            show(Read("RK605AB"), Read("RK605AC", box=moved(HERE, 120))),
            ["RK605AB", "RK605AC"],
            id="two cars abreast with nearly the same plate",
        ),
        pytest.param(
            [
                (i / FPS, [Read("RK605AB", box=moved(THERE, 40 * i)), Read("BA738DE", box=moved(THERE, 400 - 40 * i))])
                for i in range(10)
            ],
            ["RK605AB", "BA738DE"],
            id="two cars that pass each other",
        ),
        pytest.param(
            show(Read("RK457AS")) + show(Read("RK763AS"), start=2), ["RK457AS", "RK763AS"], id="hard cut, same place"
        ),
        pytest.param(
            show(Read("RK457AS")) + show(Read("RK763AS", box=THERE), start=2.2),
            ["RK457AS", "RK763AS"],
            id="the next car, elsewhere",
        ),
        pytest.param(show(Read("RK605AB"), seconds=600), ["RK605AB"], id="standing car, 10 minutes"),
        pytest.param(
            show(Read("RK605AB")) + nothing(2, 2) + show(Read("RK605AB"), start=4), ["RK605AB"], id="short occlusion"
        ),
        pytest.param(
            show(Read("RK605AB")) + nothing(2, 20) + show(Read("RK605A8"), start=22),
            ["RK605AB"],
            id="long occlusion of a standing car",
        ),
        pytest.param(
            show(Read("RK605AB")) + nothing(2, 70) + show(Read("RK605AB"), start=72),
            ["RK605AB", "RK605AB"],
            id="comes again after again_s",
        ),
        pytest.param(
            show(Read("RK605AB")) + nothing(2, 20) + show(Read("RK605AB", box=THERE), start=22),
            ["RK605AB", "RK605AB"],
            id="comes again elsewhere",
        ),
        pytest.param(
            [(i * 10.0, [Read("RK605AB")]) for i in range(20)], ["RK605AB"], id="standing car, a frame every 10 s"
        ),
        pytest.param(
            [(0, [Read("R1")]), *show(Read("RK605AB"), start=0.2)], ["RK605AB"], id="short first reading (frigate)"
        ),
        pytest.param([(0, [Read("R1")]), (0.2, [Read("RK605AB")])], ["RK605AB"], id="short first reading, one good"),
        pytest.param(show(Read("R1")), [], id="only short readings"),
        pytest.param(show(Read("")), [], id="a plate without text"),
        pytest.param(show(Read("RK605AB", 0.5)), [], id="only unsure readings"),
        pytest.param(
            [(i / FPS, [Read("RENAULT", 0.6 if i == 7 else 0.45)]) for i in range(12)],
            [],
            id="unsure readings, one by chance better",
        ),
        pytest.param([(0, [Read("RK605AB", 0.5)]), (0.2, [Read("RK605AB", 0.8)])], ["RK605AB"], id="unsure, then sure"),
        pytest.param(show(Read("RK605AB", 0.95), seconds=0.2), ["RK605AB"], id="single very good reading"),
        pytest.param(show(Read("RK605AB", 0.8), seconds=0.2), [], id="single middling reading"),
        pytest.param(
            [(i / FPS, [Read(t, 0.7)]) for i, t in enumerate(["XJ5KH9", "QW8RT2", "7HHJ31", "MM4PLK"])],
            [],
            id="no two readings agree",
        ),
        pytest.param(
            [(0, [Read("RK605AB")]), *show(Read("5AB", box=(0, 300, 40, 325)), start=0.2, seconds=6)],
            ["RK605AB"],
            id="stays cut at the edge",
        ),
        pytest.param(
            show(Read("RK605AB"), seconds=0.6) + show(Read("605AB", box=(0, 300, 70, 325)), start=0.6, seconds=3),
            ["RK605AB"],
            id="leaves slowly, cut at the edge",
        ),
        pytest.param(
            show(Read("RK605A7", 0.62), seconds=0.4) + show(Read("RK605AB"), start=0.4, seconds=0.2),
            ["RK605AB"],
            id="one sure reading beats two unsure",
        ),
        pytest.param(
            [(i / FPS, [Read("RK605AB" if i % 2 else "SK", 0.9 if i % 2 else 0.4)]) for i in range(40)],
            ["RK605AB"],
            id="every other reading is junk",
        ),
    ],
)
def test_plates_told(frames: Frames, expected: list[str]) -> None:
    assert texts(run(frames)) == expected


def test_a_short_first_reading_belongs_to_the_same_event() -> None:
    (event,) = final(run([(0, [Read("R1")]), *show(Read("RK605AB"), start=0.2)]))
    assert event.started_at == START
    assert event.details["seen_frames"] == 11


def test_the_event_says_what_was_seen() -> None:
    frames = [(0.0, [Read("RK605A8", 0.8)]), *show(Read("RK605AB", 0.9), start=0.2, seconds=1), (1.2, [Read("")])]
    events = run(frames)
    event = events[-1]
    assert (event.camera_id, event.recognition, event.kind) == (1, "plates", "plate")
    assert (event.text, event.score, event.box) == ("RK605AB", 0.9, HERE)
    assert (event.started_at, event.ended_at) == (START, START + 1.2)
    assert event.details == {
        "readings": 6,
        "seen_frames": 7,
        "alternatives": [{"text": "RK605A8", "score": 0.8}],
    }


def test_two_cars_abreast_keep_their_readings_in_whatever_order_they_come() -> None:
    cars = [Read("RK605AB"), Read("RK605AC", box=moved(HERE, 120))]
    events = final(run([(i / FPS, cars if i % 2 else cars[::-1]) for i in range(10)]))
    assert {(e.text, e.box) for e in events} == {(car.text, car.box) for car in cars}
    assert [e.details["alternatives"] for e in events] == [[], []]


def test_an_unreadable_plate_in_the_same_place_later_is_another() -> None:
    (event,) = final(run(show(Read("RK605AB")) + nothing(2, 1) + show(Read(""), start=3)))
    assert event.ended_at == START + 1.8


def test_a_standing_car_is_told_twice_not_at_every_frame() -> None:
    events = run(show(Read("RK605AB"), seconds=600))
    assert [e.ended_at for e in events] == [None, START + 600 - 1 / FPS]


def test_a_corrected_text_is_told_under_the_same_id() -> None:
    events = run(show(Read("RK605A8", 0.7), seconds=0.6) + show(Read("RK605AB", 0.95), start=0.6))
    assert [(e.text, e.ended_at is None) for e in events] == [
        ("RK605A8", True),
        ("RK605AB", True),
        ("RK605AB", False),
    ]
    assert len({e.id for e in events}) == 1


def test_an_occluded_standing_car_ends_and_goes_on_under_the_same_id() -> None:
    judge = new_judge("plates", 1, {})
    told = tell(judge, show(Read("RK605AB")) + nothing(2, 10) + show(Read("RK605AB"), start=12) + nothing(14, 10))
    assert [e.ended_at and e.ended_at - START for e in told] == [None, pytest.approx(1.8), None, pytest.approx(13.8)]
    assert len({e.id for e in told}) == 1
    assert judge.finish() == []


def test_a_standing_car_that_two_rare_frames_miss_has_not_left() -> None:
    """While nothing moves, plates are looked for every two seconds (`Recognition.still_fps`)."""
    judge = new_judge("plates", 1, {})
    tell(judge, show(Read("RK605AB")))
    assert tell(judge, [(4, []), (6, []), (8, [Read("RK605AB")])]) == []
    assert [e.ended_at for e in tell(judge, [(8 + 2 * n, []) for n in range(1, 6)])] == [START + 8]


def test_a_silent_camera_leaves_the_car_standing_until_again_s() -> None:
    judge = new_judge("plates", 1, {"again_s": 30})
    tell(judge, show(Read("RK605AB")))
    assert judge.tick(START + 31) == []
    (event,) = judge.tick(START + 32)
    assert event.ended_at == START + 1.8
    assert judge.tick(START + 33) == []
    assert judge.state()["tracks"] == []


@pytest.mark.parametrize(
    ("boxes", "best"),
    [
        pytest.param([HERE, HERE, HERE], 0, id="all alike: the first"),
        pytest.param([HERE, moved(HERE, 0, 0, 1.1), moved(HERE, 0, 0, 1.3)], 2, id="clearly larger only"),
        pytest.param([HERE, moved(HERE, 0, 0, 0.5)], 0, id="smaller later"),
        pytest.param([(0, 300, 200, 350), HERE], 1, id="whole though smaller"),
        pytest.param([HERE, (0, 300, 400, 400)], 0, id="cut though larger"),
    ],
)
def test_best_picture(boxes: list[Box], best: int) -> None:
    frames: Frames = [(i / FPS, [Read("RK605AB", box=box)]) for i, box in enumerate(boxes)]
    event = run(frames)[-1]
    assert event.best == observation(best / FPS, []).frame
    assert event.box == boxes[best]


def test_a_picture_that_was_read_otherwise_is_not_the_best() -> None:
    frames = [*show(Read("RK605AB"), seconds=1), (1.0, [Read("XX9", box=moved(HERE, -20, -10, 2))])]
    event = run(frames)[-1]
    assert event.best.captured_at == START
    assert event.details["seen_frames"] == 6


def test_an_approaching_car_is_told_a_few_times() -> None:
    frames: Frames = [(i / FPS, [Read("RK605AB", box=moved((300, 200, 330, 208), -i, i, 1.04**i))]) for i in range(60)]
    assert len(run(frames)) <= 14


LEFT = Zone("left", "include", ((0, 0), (0.5, 0), (0.5, 1), (0, 1)))
GATE = Zone("gate", "exclude", ((0.3, 0.5), (0.7, 0.5), (0.7, 1), (0.3, 1)))
OTHER = Zone("other", "exclude", ((0, 0), (1, 0), (1, 1), (0, 1)), ("falls",))


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        pytest.param([LEFT], ["RK605AB", "BA738DE"], id="middle and left are in the left half"),
        pytest.param([GATE], ["BA738DE"], id="the middle one is at the gate"),
        pytest.param([LEFT, GATE], ["BA738DE"], id="both"),
        pytest.param([OTHER], ["RK605AB", "BA738DE"], id="a zone of another recognition"),
    ],
)
def test_zones(zones: list[Zone], expected: list[str]) -> None:
    assert texts(run(show(Read("RK605AB"), Read("BA738DE", box=THERE)), zones=zones)) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({"min_length": 2}, ["AB", "RK605AB"], id="short plates"),
        pytest.param({"min_length": 8}, [], id="long plates only"),
        pytest.param({"min_score": 0.96}, [], id="surer only"),
        pytest.param({"gone_s": 0.5, "again_s": 0.5}, ["RK605AB", "RK605AB"], id="gone soon"),
    ],
)
def test_settings_take_effect(settings: dict[str, Any], expected: list[str]) -> None:
    frames = show(Read("AB", box=THERE)) + nothing(2, 4) + show(Read("RK605AB"), start=6)
    frames += nothing(8, 1) + show(Read("RK605AB"), start=9)
    assert texts(run(frames, settings)) == expected


@pytest.mark.parametrize(
    "strange",
    [
        pytest.param(observation(0, [], camera_id=2), id="another camera"),
        pytest.param(Observation(observation(0, []).frame, "falls"), id="another recognition"),
    ],
)
def test_observations_of_others_are_refused(strange: Observation) -> None:
    with pytest.raises(ValueError, match="expected plates of camera 1"):
        new_judge("plates", 1, {}).observe(strange)


def test_memory_is_bounded_and_what_is_forgotten_is_closed() -> None:
    judge = new_judge("plates", 1, {})
    told: list[Event] = []
    for n in range(2 * MAX_TRACKS):
        different = "".join(chr(ord("A") + (n >> k & 1) * 12) for k in range(7))
        box = moved((5, 5, 15, 10), (n % 16) * 38, (n // 16) * 50)
        told += tell(judge, show(Read(different, box=box), start=n * 0.02, seconds=0.4))
        assert len(judge.state()["tracks"]) <= MAX_TRACKS
    told += judge.finish()
    assert all(event.ended_at is not None for event in final(told))


# What any reader could send: few texts and places, so that they meet.
READ = st.builds(
    Read,
    text=st.sampled_from(["RK605AB", "RK605A8", "RK6O5AB", "K605AB", "RK763AS", "R1", "", "BA738DE", "605AB"]),
    score=st.sampled_from([0.3, 0.65, 0.8, 0.95]),
    box=st.builds(
        moved, st.just(HERE), st.sampled_from([-250, -40, 0, 30, 290]), st.just(0), st.sampled_from([1, 1.5])
    ),
)
GAP_S = st.sampled_from([0.2, 0.2, 0.2, 1.0, 3.5, 20.0, 70.0])
FRAMES = st.lists(st.tuples(GAP_S, st.lists(READ, max_size=3)), max_size=25).map(
    lambda steps: [(sum(gap for gap, _ in steps[: i + 1]), reads) for i, (_, reads) in enumerate(steps)]
)


def through_json(judge: Judge) -> Judge:
    return restore_judge("plates", 1, {}, json.loads(json.dumps(judge.state(), sort_keys=True)))


@given(FRAMES)
@settings(deadline=None)
def test_a_restored_judge_goes_on_alike(frames: Frames) -> None:
    judge, restored = new_judge("plates", 1, {}), new_judge("plates", 1, {})
    for at, readings in frames:
        restored = through_json(restored)
        assert restored.observe(observation(at, readings)) == judge.observe(observation(at, readings))
        assert restored.state() == judge.state()
        assert through_json(restored).tick(START + at + 40) == through_json(judge).tick(START + at + 40)
    assert through_json(restored).finish() == judge.finish()


@given(FRAMES)
@settings(deadline=None)
def test_a_discarded_trial_leaves_no_trace(frames: Frames) -> None:
    judge = new_judge("plates", 1, {})
    for at, readings in frames:
        checkpoint = judge.state()
        kept = json.dumps(checkpoint)
        judge.observe(observation(at, readings))
        assert json.dumps(checkpoint) == kept
    restore_judge("plates", 1, {}, checkpoint := judge.state()).finish()
    assert judge.state() == checkpoint


@given(FRAMES)
@settings(deadline=None)
def test_what_holds_for_all_events(frames: Frames) -> None:
    judge = new_judge("plates", 1, {})
    told = tell(judge, frames)
    told += judge.finish()
    readings = [read for _, reads in frames for read in reads]
    assert len(final(told)) <= len(readings)
    assert judge.state()["tracks"] == []
    starts = {event.id: event.started_at for event in told}
    for event in told:
        assert starts[event.id] == event.started_at
        assert event.started_at <= event.best.captured_at
        assert event.text is not None
        assert len(event.text) >= 4
        assert event.score >= 0.55
        assert event.box in [read.box for read in readings]
        assert 1 <= event.details["readings"] <= event.details["seen_frames"] <= len(frames)
    for event in final(told):
        assert event.ended_at is not None
        assert event.ended_at >= event.started_at
    for one, other in itertools.pairwise(told):
        assert one != other


@given(
    st.text("ABEHKMPRTX0123456789", min_size=6, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.sampled_from("AKX147")), min_size=4, max_size=20),
    st.integers(0, 30),
)
@settings(deadline=None)
def test_one_car_with_one_wrong_character_in_each_reading_is_one_event(
    plate: str, errors: list[tuple[int, str]], step: int
) -> None:
    read = [plate[: i % len(plate)] + wrong + plate[i % len(plate) + 1 :] for i, wrong in errors]
    assert len(final(run(drive(read, step=step)))) == 1
