"""Images a second and latency of models by device, provider, precision and batch, against the bare ``session.run``.

Bare: ONNX Runtime's session, given the batch as it is. Ours: `ModelSession`, with its checks and buckets. Bound: the
bare session through IO binding. Without a GPU the CPU is measured alone, one thread, in processor time.

.venv/bin/python -m benchmarks.gpu [--gpu 0] [--models DIR]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.report import SHARED_DATA, write_report
from inference.agreement import sample_input
from inference.gpu import DeviceError, Gpu
from inference.session import ModelSession, open_session

MODELS = {
    "yolox_nano_416.onnx": (),
    "person-reid-retail-0248.onnx": (),
    "ppocr_en_number_mobile_v2.0_rec.onnx": (320,),
}
"""File → sizes for the free dimensions of its input, save the batch."""
BATCHES = (1, 2, 3, 4, 8, 16, 32, 64)
CPU_BATCHES = (1, 3, 4, 8)
LEAST_S = 0.3
ROUNDS = 3


def devices(number: int | None) -> dict[str, Gpu | None]:
    if number is None:
        return {"cpu": None}
    tensorrt = {f"tensorrt {p}": Gpu(number, "tensorrt", p, largest_batch=64) for p in ("fp32", "fp16")}
    return {"cpu": None, "cuda": Gpu(number, largest_batch=64), **tensorrt}


def ways(session: ModelSession, batch: np.ndarray) -> Iterator[tuple[str, Callable[[], list[Any]]]]:
    bare: Any = session._session
    outputs = [output.name for output in bare.get_outputs()]

    def bound() -> list[Any]:
        binding = bare.io_binding()
        binding.bind_cpu_input(session.input_name, batch)
        for name in outputs:
            binding.bind_output(name, "cpu")
        bare.run_with_iobinding(binding)
        return list(binding.copy_outputs_to_cpu())

    yield "bare", lambda: list(bare.run(None, {session.input_name: batch}))
    yield "ours", lambda: session.run(batch)
    yield "bound", bound


def median_s(run: Callable[[], object], clock: Callable[[], float]) -> float:
    took, end = [], time.perf_counter() + LEAST_S
    while len(took) < 5 or time.perf_counter() < end:
        started = clock()
        run()
        took.append(clock() - started)
    return float(np.median(took))


def measured(session: ModelSession, batch: np.ndarray) -> dict[str, float]:
    clock = time.perf_counter if session.on_gpu else time.process_time
    found = dict(ways(session, batch))
    reference = found["bare"]()
    for name, run in found.items():
        for a, b in zip(reference, run(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-2, err_msg=name)
    rounds = [{name: median_s(run, clock) for name, run in found.items()} for _ in range(ROUNDS)]
    best = {name: min(one[name] for one in rounds) for name in found}
    return {
        "ms": round(best["ours"] * 1e3, 2),
        "images_per_s": round(len(batch) / best["ours"], 1),
        "bare_to_ours": round(best["bare"] / best["ours"], 3),
        "bare_to_bound": round(best["bare"] / best["bound"], 3),
    }


def of_model(path: Path, free: tuple[int, ...], gpu: Gpu | None) -> dict[str, Any]:
    session = open_session(path, gpu=gpu, threads=1)
    rest = iter(free)
    sizes = [size or next(rest) for size in session.input_shape[1:]]
    static = session.input_shape[0]
    batches = (static,) if static else BATCHES if gpu else CPU_BATCHES
    return {f"batch {n}": measured(session, sample_input((n, *sizes), session.input_type)) for n in batches}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gpu", type=int)
    parser.add_argument("--models", type=Path, default=SHARED_DATA / "models")
    chosen = parser.parse_args()
    figures: dict[str, Any] = {"gpu": "none: not measured" if chosen.gpu is None else chosen.gpu}
    figures["providers built in"] = onnxruntime.get_available_providers()
    for name, gpu in devices(chosen.gpu).items():
        try:
            figures[name] = {file: of_model(chosen.models / file, free, gpu) for file, free in MODELS.items()}
        except DeviceError as error:
            figures[name] = f"not measured: {error}"
    write_report("gpu", figures)


if __name__ == "__main__":
    main()
