from __future__ import annotations

from pathlib import Path

import pytest

from capture.rates import KEEP, consumer_rates, recognition_rates
from capture.status import Rates
from core.settings import load_settings
from storage.camera import Camera, CameraRecognition


def test_rate_is_the_mean_over_the_window() -> None:
    rates = Rates(window_s=10.0)
    for second in range(30):
        rates.add(float(second), {"received": 15 * second if second < 15 else 225 + 5 * (second - 15)})
    assert rates.per_second("received") == 5.0


@pytest.mark.parametrize(
    "counters",
    [
        pytest.param([{"a": 100}, {"a": 3}], id="counter started anew"),
        pytest.param([{"a": 1}, {"a": 1, "b": 1000}], id="counter that is new"),
        pytest.param([{"a": 1}], id="first look"),
    ],
)
def test_rate_of_what_is_not_known_is_0(counters: list[dict[str, int]]) -> None:
    rates = Rates()
    for second, sample in enumerate(counters):
        rates.add(float(second), sample)
    assert {rates.per_second("a"), rates.per_second("b")} == {0.0}


@pytest.mark.parametrize(
    ("keep_fps", "expected"),
    [
        pytest.param(None, 1.5, id="of the installation"),
        pytest.param(0.0, 0.0, id="none"),
        pytest.param(2.0, 2.0, id="own"),
    ],
)
def test_keep_rate(keep_fps: float | None, expected: float) -> None:
    camera = Camera(1, "gate", "rtsp://camera/1", keep_fps=keep_fps)
    assert consumer_rates(camera, load_settings({"CAMREC_KEEP_FPS": "1.5"}, env_file=Path("/dev/null"))) == {
        KEEP: expected
    }


def test_recognitions_are_limited_and_unknown_ones_left_out() -> None:
    asked = (CameraRecognition("plates", 500.0), CameraRecognition("of a later release", 5.0))
    assert recognition_rates(Camera(1, "gate", "rtsp://camera/1", recognitions=asked)) == {"plates": 30.0}
