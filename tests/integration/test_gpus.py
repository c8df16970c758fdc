"""A GPU whose driver is there and whose CUDA is not: `camrec up` recognises on the CPU, and says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.gpus import available_gpus, usable_gpus
from app.system import programs
from core.settings import Settings, get_settings

HAS_GPU = Path("/dev/nvidiactl").exists()


def frames_workers() -> list[tuple[str, bool]]:
    """Name, and whether it is pinned to a GPU."""
    found = [p for p in programs(get_settings()) if p.name.startswith("worker-frames")]
    return [(program.name, "--gpu" in program.command) for program in found]


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        pytest.param("0,1", [0, 1], id="numbered among those that are visible"),
        pytest.param("3", [0], id="one"),
        pytest.param("-1", [], id="none"),
        pytest.param("", [], id="empty"),
    ],
)
def test_gpus_that_the_driver_shows(visible: str, expected: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert available_gpus() == expected


@pytest.mark.skipif(HAS_GPU, reason="this machine's GPU may work")
def test_a_gpu_that_runs_no_model_gets_no_worker(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert usable_gpus() == []
    assert "GPU 0 is not used: GPU 0 was asked for" in caplog.text
    assert frames_workers() == [("worker-frames-cpu", False)]


def test_a_gpu_that_is_named_is_taken_at_its_word(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMREC_GPU", "7")
    get_settings.cache_clear()
    assert frames_workers() == [("worker-frames-gpu7", True)]
