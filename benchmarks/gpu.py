"""Images a second and latency of models by device, provider, precision and batch, against the bare ``session.run``.

Bare: ONNX Runtime's session, given the batch as it is. Ours: `ModelSession`, with its checks and buckets. Bound: the
bare session through IO binding. What a model really ran on is written beside it: TensorRT leaves some to CUDA, and some
in full precision. Without a GPU the CPU is measured alone, one thread, in processor time.

.venv/bin/python -m benchmarks.gpu [--gpu 0] [--models DIR]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

from benchmarks.report import SHARED_DATA, write_report
from core.errors import CamrecError
from inference.agreement import deviation, sample_input
from inference.catalogue import ModelStore
from inference.gpu import Gpu
from inference.opening import open_model
from inference.session import ModelSession

MODELS: dict[str, tuple[int, ...]] = {
    "yolox_s_640": (),
    "yolox_nano_416": (),
    "person-reid-retail-0248": (),
    "ppocr_en_number_mobile_v2.0_rec": (320,),
}
"""Name → sizes for the free dimensions of its input, save the batch."""
BATCHES = (1, 2, 3, 4, 8, 16, 32, 64)
CPU_BATCHES = (1, 3, 4, 8)
LEAST_S = 0.3
ROUNDS = 3


def devices(number: int | None) -> dict[str, Gpu | None]:
    if number is None:
        return {"cpu": None}
    tensorrt = {f"tensorrt {p}": Gpu(number, "tensorrt", p, largest_batch=64) for p in ("fp32", "fp16")}
    return {"cpu": None, "cuda": Gpu(number, largest_batch=64), **tensorrt}


class Way(NamedTuple):
    """Of running a batch."""

    run: Callable[[np.ndarray], list[Any]]


def ways(session: ModelSession) -> dict[str, Way]:
    bare: Any = session._session
    outputs = [output.name for output in bare.get_outputs()]

    def bound(batch: np.ndarray) -> list[Any]:
        binding = bare.io_binding()
        binding.bind_cpu_input(session.input_name, batch)
        for name in outputs:
            binding.bind_output(name, "cpu")
        bare.run_with_iobinding(binding)
        return list(binding.copy_outputs_to_cpu())

    return {
        "bare": Way(lambda batch: list(bare.run(None, {session.input_name: batch}))),
        "ours": Way(session.run),
        "bound": Way(bound),
    }


def ran_on(session: ModelSession) -> str:
    """Provider, and the precision that TensorRT was left with."""
    bare: Any = session._session
    provider = bare.get_providers()[0]
    is_half = bare.get_provider_options()[provider].get("trt_fp16_enable") in {"1", "True"}
    return f"{provider}, fp16" if is_half else provider


def median_s(run: Callable[[], object], clock: Callable[[], float]) -> float:
    took: list[float] = []
    end = time.perf_counter() + LEAST_S
    while len(took) < 5 or time.perf_counter() < end:
        started = clock()
        run()
        took.append(clock() - started)
    return float(np.median(took))


def measured(session: ModelSession, batch: np.ndarray) -> dict[str, float]:
    clock = time.perf_counter if session.on_gpu else time.process_time
    found = ways(session)
    rounds = [{name: median_s(partial(way.run, batch), clock) for name, way in found.items()} for _ in range(ROUNDS)]
    best = {name: min(one[name] for one in rounds) for name in found}
    return {
        "ms": round(best["ours"] * 1e3, 2),
        "images_per_s": round(len(batch) / best["ours"], 1),
        "bare_to_ours": round(best["bare"] / best["ours"], 3),
        "bare_to_bound": round(best["bare"] / best["bound"], 3),
        "deviation": round(max(deviation(found["bare"], found[name], batch) for name in ("ours", "bound")), 6),
    }


def of_model(store: ModelStore, name: str, free: tuple[int, ...], gpu: Gpu | None) -> dict[str, Any] | str:
    entry = store.entry(name)
    try:
        session = open_model(store, entry, (entry.decoder,), gpu=gpu, threads=1)
    except CamrecError as error:
        return f"not measured: {error}"
    rest = iter(free)
    sizes = [size or next(rest) for size in session.input_shape[1:]]
    static = session.input_shape[0]
    batches = (static,) if static else BATCHES if gpu else CPU_BATCHES
    samples = {n: sample_input((n, *sizes), session.input_type, entry.input.values) for n in batches}
    return {"ran on": ran_on(session)} | {f"batch {n}": measured(session, batch) for n, batch in samples.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gpu", type=int)
    parser.add_argument("--models", type=Path, default=SHARED_DATA / "models")
    chosen = parser.parse_args()
    figures: dict[str, Any] = {"gpu": "none: not measured" if chosen.gpu is None else chosen.gpu}
    figures["providers built in"] = onnxruntime.get_available_providers()
    store = ModelStore(chosen.models)
    for device, gpu in devices(chosen.gpu).items():
        figures[device] = {name: of_model(store, name, free, gpu) for name, free in MODELS.items()}
    write_report("gpu", figures)


if __name__ == "__main__":
    main()
