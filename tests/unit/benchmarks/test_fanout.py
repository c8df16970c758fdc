"""The exponent of a cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.fanout import CAMERAS, exponents


@pytest.mark.parametrize(
    ("cost", "exponent"),
    [
        pytest.param(lambda n: 3.0 + 0.2 * n, 1.0, id="linear beside what an empty installation costs"),
        pytest.param(lambda n: 0.001 * n * n, 2.0, id="quadratic"),
        pytest.param(lambda n: 5.0 + n**0.5, 0.5, id="root"),
        pytest.param(lambda n: 1.3 + 0.0003 * n, 0.0, id="not even doubled"),
        pytest.param(lambda _: 0.0, 0.0, id="nothing"),
    ],
)
def test_exponents(cost: Callable[[int], float], exponent: float) -> None:
    rows = [{"cameras": cameras, "costs": {"it": cost(cameras)}} for cameras in (0, *CAMERAS)]
    assert exponents(rows)["it"] == pytest.approx(exponent, abs=0.02)
