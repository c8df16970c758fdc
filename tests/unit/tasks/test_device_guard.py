from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from inference.gpu import DeviceError
from tasks.device_guard import MOST_FAILURES, DeviceGuard

GPU, OTHER = DeviceError("m.onnx failed on the GPU"), ValueError("a model's own fault")


@pytest.mark.parametrize(
    ("batches", "ends"),
    [
        pytest.param([GPU] * MOST_FAILURES, 1, id="the GPU is gone"),
        pytest.param([GPU] * 3 * MOST_FAILURES, 1, id="once is enough"),
        pytest.param([GPU] * (MOST_FAILURES - 1) + [None, GPU], 0, id="it came back"),
        pytest.param([OTHER] * 2 * MOST_FAILURES, 0, id="a broken model"),
    ],
)
def test_a_worker_ends_when_its_gpu_fails_batch_after_batch(batches: list[Exception | None], ends: int) -> None:
    ended: list[bool] = []
    guard = DeviceGuard(lambda: ended.append(True))
    for error in batches:
        if error is None:
            guard.worked()
        else:
            guard.failed(error)
    assert len(ended) == ends


def test_a_worker_that_hangs_in_the_driver_is_killed_after_a_grace_time() -> None:
    program = (
        "import signal, time; from inference.gpu import DeviceError; from tasks import device_guard\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "device_guard.GRACE_S = 0.1\n"
        "guard = device_guard.DeviceGuard()\n"
        "for _ in range(device_guard.MOST_FAILURES): guard.failed(DeviceError('gone'))\n"
        "time.sleep(60)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
