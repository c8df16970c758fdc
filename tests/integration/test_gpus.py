"""A GPU whose driver is there and whose CUDA is not: `camrec up` recognises on the CPU, and says why."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import psutil
import pytest

from app.gpus import available_gpus, load_tensorrt, usable_gpus
from app.system import System
from core.errors import CamrecError
from core.settings import Settings, get_settings
from tests.support.running_system import running_system
from tests.support.waiting import wait_until

HAS_GPU = Path("/dev/nvidiactl").exists()


def frames_workers() -> list[tuple[str, bool]]:
    """Name, and whether it is pinned to a GPU."""
    system = System(get_settings())
    return [(program.name, "--gpu" in program.command) for program in system.frames_workers()]


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


@pytest.mark.skipif(HAS_GPU, reason="this machine may have TensorRT")
def test_tensorrt_that_is_missing_is_found_out_at_the_trial() -> None:
    with pytest.raises(CamrecError, match=r"libnvinfer\.so\.10: cannot open.*CAMREC_GPU_PROVIDER=cuda"):
        load_tensorrt()


def test_a_gpu_that_hangs_keeps_nothing_but_recognition_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys, time\nif 'app.gpus' in sys.orig_argv: time.sleep(600)\n")
    paths = filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as frame_dir,
        running_system(tmp_path, monkeypatch, frame_dir=frame_dir) as system,
    ):
        capture = system.pid("capture")
        system.kill("capture")
        wait_until(lambda: system.pid("capture") != capture, "capture runs again meanwhile", 20)
        processes = json.loads((system.data / "run" / "supervisor.json").read_text())["processes"]
        assert not [p["name"] for p in processes if p["name"].startswith("worker-frames")]
        code, left = system.stop()
        assert (code, [p for p in left if p.status() != psutil.STATUS_ZOMBIE]) == (0, [])
