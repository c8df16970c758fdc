"""Which frames pass the gate."""

from __future__ import annotations

import numpy as np
import pytest

from capture.motion import GreyPicture
from capture.motion_gate import HOLD_S, LOOK_INTERVAL_S, MotionGate
from capture.rates import KEEP
from core.recognitions import RECOGNITIONS

STILL = np.full((90, 160), 100, np.uint8)
FPS = 8.0


def with_block(left: int) -> GreyPicture:
    picture = STILL.copy()
    picture[30:60, left : left + 15] = 200
    return picture


def run(gate: MotionGate, from_s: float, to_s: float, kind: str, moves: bool, asked_fps: float = FPS) -> int:
    """How many of the frames pass."""
    passed = 0
    for number in range(round(from_s * FPS), round(to_s * FPS)):
        at_s = number / FPS
        gate.look(with_block(round(20 + 40 * at_s) % 140) if moves else STILL, at_s)
        passed += bool(gate.passing([kind], {kind: asked_fps}, at_s))
    return passed


@pytest.fixture
def settled() -> MotionGate:
    gate = MotionGate()
    run(gate, 0, 20, "plates", moves=False)
    assert not gate.is_open
    return gate


@pytest.mark.parametrize("kind", list(RECOGNITIONS))
def test_while_nothing_moves_a_few_pass(settled: MotionGate, kind: str) -> None:
    assert run(settled, 20, 60, kind, moves=False) == pytest.approx(40 * RECOGNITIONS[kind].still_fps, abs=1)


@pytest.mark.parametrize("kind", list(RECOGNITIONS))
def test_while_something_moves_all_pass_and_a_while_longer(settled: MotionGate, kind: str) -> None:
    assert run(settled, 20, 30, kind, moves=True) >= 10 * FPS - 2
    assert settled.motion_at == pytest.approx(30, abs=0.5)
    assert run(settled, 30, 30 + HOLD_S - 1, kind, moves=False) == (HOLD_S - 1) * FPS


def test_kept_frames_and_slow_recognitions_pass_always(settled: MotionGate) -> None:
    assert run(settled, 20, 30, KEEP, moves=False) == 10 * FPS
    assert run(settled, 30, 40, "falls", moves=False, asked_fps=2.0) == 10 * FPS


def test_nothing_else_stored_live_pictures_go_on(settled: MotionGate) -> None:
    assert sum(settled.shows(20 + n / FPS) for n in range(80)) == pytest.approx(10, abs=1)


def test_a_new_view_opens_the_gate_and_is_no_motion() -> None:
    gate = MotionGate()
    looks = [gate.look(STILL, number / FPS) for number in range(round(4 * FPS))]
    assert gate.motion_at is not None
    assert set(looks) == {False, None}
    assert looks.count(False) == 4 / LOOK_INTERVAL_S


def test_a_turned_camera_is_motion(settled: MotionGate) -> None:
    turned = np.random.default_rng(1).integers(0, 255, STILL.shape, np.uint8)
    assert settled.look(turned, 20.5) is True
    assert [settled.look(turned, 20.5 + n / 4) for n in range(1, 30)] == [False] * 29
