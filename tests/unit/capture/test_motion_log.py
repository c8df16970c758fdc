"""Looks of the motion gate become spans, and spans become rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture import motion_log
from capture.drops import Drops
from capture.motion_log import MAX_PAUSE_S, MotionLog
from core.errors import UnavailableError
from storage.motion_spans import LONGEST_SPAN_S, MotionKind, MotionSpan

AT = 1_795_500_000.0


class Rows:
    """Stands in for the table, and does with a span what it does: a unit test has no database."""

    def __init__(self) -> None:
        self.stored: dict[tuple[int, str, float], float] = {}
        self.locked = False
        self.calls: list[int] = []

    def put(self, spans: Sequence[MotionSpan]) -> None:
        if self.locked:
            raise UnavailableError("locked")
        self.calls.append(len(spans))
        for span in spans:
            self.stored[span.camera_id, span.kind, span.started_at] = span.ended_at

    def of(self, kind: MotionKind, camera_id: int = 1) -> list[tuple[float, float]]:
        """Seconds after `AT`."""
        found = sorted(
            (start, end) for (owner, its, start), end in self.stored.items() if (owner, its) == (camera_id, kind)
        )
        return [(start - AT, end - AT) for start, end in found]


class Bench:
    def __init__(self) -> None:
        self.rows, self.drops = Rows(), Drops()
        self.log = MotionLog(self.rows, self.drops)

    def look(self, moves: str, from_s: float = 0.0, camera_id: int = 1) -> None:
        """A look a second: ``#`` moves, ``.`` stands still."""
        for second, sign in enumerate(moves):
            self.log.note(camera_id, AT + from_s + second, moves=sign == "#")

    def store(self) -> None:
        """What the thread does when it ends."""
        self.log.start()
        self.log.stop(5.0)
        self.log = MotionLog(self.rows, self.drops)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("moves", "moving"),
    [
        pytest.param("..........", [], id="still"),
        pytest.param("...####...", [(2, 6)], id="begins between two looks"),
        pytest.param("####", [(0, 3)], id="from the first look on"),
        pytest.param("..#......#..", [(1, 9)], id="a short pause is none"),
        pytest.param("..#" + "." * 11 + "#..", [(1, 2), (13, 14)], id="a long pause"),
    ],
)
def test_motion(bench: Bench, moves: str, moving: list[tuple[float, float]]) -> None:
    bench.look(moves)
    bench.store()
    assert bench.rows.of("moving") == moving
    assert bench.rows.of("watched") == [(0, len(moves) - 1)]


@pytest.mark.parametrize("again_s", [pytest.param(60.0, id="later"), pytest.param(-30.0, id="clock set back")])
def test_nothing_is_known_of_the_time_in_which_nobody_looked(bench: Bench, again_s: float) -> None:
    bench.look("..##")
    bench.look("##..", again_s)
    bench.store()
    assert bench.rows.of("watched") == sorted([(0, 3), (again_s, again_s + 3)])
    assert bench.rows.of("moving") == sorted([(1, 3), (again_s, again_s + 1)])


def test_a_camera_of_few_key_frames(bench: Bench) -> None:
    for number in range(8):
        bench.log.note(1, AT + 20 * number, moves=number in {2, 3, 5})
    bench.store()
    assert bench.rows.of("watched") == [(0, 140)]
    assert bench.rows.of("moving") == [(20, 60), (80, 100)]


def test_cameras_are_apart(bench: Bench) -> None:
    bench.look("####", camera_id=1)
    bench.look("....", camera_id=2)
    bench.store()
    assert (bench.rows.of("moving", 1), bench.rows.of("moving", 2)) == ([(0, 3)], [])


def test_what_lasts_goes_on_in_another_row(bench: Bench) -> None:
    for minute in range(150 * 6):
        bench.log.note(1, AT + 10 * minute, moves=True)
    bench.store()
    spans = bench.rows.of("moving")
    assert len(spans) == 3
    assert all(before[1] == after[0] for before, after in pairwise(spans)), "without a gap"
    assert all(end - start <= LONGEST_SPAN_S for start, end in spans)


def test_open_spans_grow_and_are_stored_only_when_they_did(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.look("####")
    bench.log._store()
    bench.log._store()
    bench.look("##", 4.0)
    bench.log._store()
    assert bench.rows.calls == [2, 0, 2]
    assert bench.rows.of("moving") == [(0, 5)]
    bench.log.forget(1)
    bench.store()
    assert bench.rows.of("moving") == [(0, 5)]


def test_spans_wait_for_a_locked_database_and_their_number_is_bounded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(motion_log, "MAX_WAITING", 2)
    bench.rows.locked = True
    for number in range(4):
        bench.look("#", 100.0 * number)
    bench.log._store()
    bench.rows.locked = False
    bench.store()
    assert bench.drops.of(1) == {"motion_lost": 4}
    assert bench.rows.of("moving") == [(200, 200), (300, 300)]
    assert bench.rows.of("watched") == [(200, 200), (300, 300)]


LOOKS = st.lists(st.tuples(st.floats(0.1, 60.0), st.booleans(), st.booleans()), min_size=1, max_size=60)


@given(LOOKS)
def test_spans_hold_every_motion_in_order_whenever_they_are_stored(looks: list[tuple[float, bool, bool]]) -> None:
    """Looks: seconds since the one before, whether something moves, whether the thread stores then."""
    bench, at_s, moved = Bench(), 0.0, []
    for wait_s, moves, stores in looks:
        at_s += wait_s
        bench.log.note(1, AT + at_s, moves=moves)
        if moves:
            moved.append(at_s)
        if stores:
            bench.log._store()
    bench.log._store()
    moving, watched = bench.rows.of("moving"), bench.rows.of("watched")
    assert all(any(s - 1e-3 <= at <= e + 1e-3 for s, e in moving) for at in moved)
    for before, after in pairwise(moving):
        assert after[0] - before[1] > MAX_PAUSE_S["moving"] - 1e-3
    assert all(any(abs(end - at) < 1e-3 for at in moved) for _, end in moving), "ends with its last motion"
    assert all(any(w[0] - 1e-3 <= s and e <= w[1] + 1e-3 for w in watched) for s, e in moving)
    assert all(after[0] - before[1] > MAX_PAUSE_S["watched"] - 1e-3 for before, after in pairwise(watched))
