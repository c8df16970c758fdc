"""Which frames pass the gate."""

from __future__ import annotations

import numpy as np
import pytest

from capture.motion import GreyPicture
from capture.motion_gate import HOLD_S, LOOK_INTERVAL_S, MOVING_LOOK_INTERVAL_S, OCCUPIED_S, MotionGate
from capture.rates import KEEP
from core.recognitions import EMPTY_FPS, RECOGNITIONS

STILL = np.full((90, 160), 100, np.uint8)
FPS = 8.0


def with_block(left: int) -> GreyPicture:
    picture = STILL.copy()
    picture[30:60, left : left + 15] = 200
    return picture


def run(
    gate: MotionGate,
    from_s: float,
    to_s: float,
    kind: str,
    *,
    moves: bool,
    asked_fps: float = FPS,
    seen_at: dict[str, float] | None = None,
) -> int:
    """How many of the frames pass."""
    passed = 0
    for number in range(round(from_s * FPS), round(to_s * FPS)):
        at_s = number / FPS
        if gate.wants(at_s):
            gate.look(with_block(round(20 + 40 * at_s) % 140) if moves else STILL, at_s)
        passed += bool(gate.passing([kind], {kind: asked_fps}, at_s, seen_at))
    return passed


@pytest.fixture
def settled() -> MotionGate:
    gate = MotionGate()
    run(gate, 0, 20, "plates", moves=False)
    assert not gate.is_open
    return gate


@pytest.mark.parametrize("kind", list(RECOGNITIONS))
@pytest.mark.parametrize("seen_at", [pytest.param(None, id="not known"), pytest.param(10.0, id="a while ago")])
def test_while_nothing_moves_a_few_pass(settled: MotionGate, kind: str, seen_at: float | None) -> None:
    seen = None if seen_at is None else {kind: seen_at}
    assert run(settled, 20, 40, kind, moves=False, seen_at=seen) == pytest.approx(
        20 * RECOGNITIONS[kind].still_fps, abs=1
    )


@pytest.mark.parametrize("kind", ["plates", "falls", "reid"])
def test_where_nobody_is_only_one_in_five_seconds_passes(settled: MotionGate, kind: str) -> None:
    assert run(settled, 20, 120, kind, moves=False, seen_at={}) == pytest.approx(100 * EMPTY_FPS, abs=1)
    assert run(settled, 120, 220, kind, moves=False, seen_at={kind: 120 - OCCUPIED_S}) == pytest.approx(
        100 * EMPTY_FPS, abs=1
    )


def test_who_lies_still_is_watched_again_from_the_first_sight_on(settled: MotionGate) -> None:
    run(settled, 20, 100, "falls", moves=False, seen_at={})
    assert run(settled, 100, 130, "falls", moves=False, seen_at={"falls": 100.0}) == pytest.approx(60, abs=1)


@pytest.mark.parametrize("kind", list(RECOGNITIONS))
def test_while_something_moves_all_pass_and_a_while_longer(settled: MotionGate, kind: str) -> None:
    assert run(settled, 20, 30, kind, moves=True) >= 10 * FPS - 2
    assert settled.motion_at == pytest.approx(30, abs=MOVING_LOOK_INTERVAL_S + 1 / FPS)
    assert run(settled, 30, 30 + HOLD_S - 1, kind, moves=False) == (HOLD_S - 1) * FPS


def test_what_moves_is_looked_at_less_often(settled: MotionGate) -> None:
    looks = [
        at_s for n in range(160) if settled.wants(at_s := 20 + n / FPS) and settled.look(with_block(n * 7 % 140), at_s)
    ]
    assert np.diff(looks[1:]) == pytest.approx(MOVING_LOOK_INTERVAL_S, abs=1 / FPS)
    run(settled, 40, 60, "plates", moves=False)
    settled.look(STILL, 60.0)
    assert [settled.wants(60.0 + wait_s) for wait_s in (LOOK_INTERVAL_S / 2, LOOK_INTERVAL_S)] == [False, True]


def test_kept_frames_and_slow_recognitions_pass_always(settled: MotionGate) -> None:
    assert run(settled, 20, 30, KEEP, moves=False) == 10 * FPS
    assert run(settled, 30, 40, "falls", moves=False, asked_fps=2.0) == 10 * FPS


def test_nothing_else_stored_live_pictures_go_on(settled: MotionGate) -> None:
    assert sum(settled.shows(20 + n / FPS) for n in range(80)) == pytest.approx(10, abs=1)


def test_a_new_view_opens_the_gate_and_is_no_motion() -> None:
    gate = MotionGate()
    looks = [gate.look(STILL, n / FPS) for n in range(round(4 * FPS)) if gate.wants(n / FPS)]
    assert gate.motion_at is not None
    assert looks == [False] * round(4 / LOOK_INTERVAL_S)


def test_a_turned_camera_is_motion(settled: MotionGate) -> None:
    turned = np.random.default_rng(1).integers(0, 255, STILL.shape, np.uint8)
    assert settled.look(turned, 20.5) is True
    assert [settled.look(turned, 20.5 + n / 4) for n in range(1, 30)] == [False] * 29
