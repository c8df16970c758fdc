"""What a GPU is asked for, as far as it can be told without one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadSettingError
from core.settings import load_settings
from inference.agreement import deviation, sample_input
from inference.buckets import Part, bucket_of, in_buckets, of_size
from inference.engines import engine_folder, sole_builder, tidy_engines
from inference.gpu import DeviceError, Gpu, cuda_provider, gpu_of, tensorrt_provider
from inference.session import open_session
from tests.support.tiny_onnx import write_identity


def settings_of(tmp_path: Path, **given: str) -> Gpu | None:
    return gpu_of(load_settings({"CAMREC_DATA": str(tmp_path), **given}, tmp_path / "no.env"))


def test_settings_say_how_a_gpu_is_used(tmp_path: Path) -> None:
    assert settings_of(tmp_path) is None
    assert settings_of(tmp_path, CAMREC_GPU="1") == Gpu(1, engines=tmp_path / "engines")
    gpu = settings_of(
        tmp_path,
        CAMREC_GPU="0",
        CAMREC_GPU_PROVIDER="tensorrt",
        CAMREC_GPU_PRECISION="fp16",
        CAMREC_GPU_MEMORY="2GB",
        CAMREC_MAX_BATCH="48",
    )
    assert gpu == Gpu(0, "tensorrt", "fp16", 2_000_000_000, 64, tmp_path / "engines")


def test_half_precision_is_not_asked_of_cuda(tmp_path: Path) -> None:
    with pytest.raises(BadSettingError, match=r"CAMREC_GPU_PROVIDER=tensorrt"):
        settings_of(tmp_path, CAMREC_GPU="0", CAMREC_GPU_PRECISION="fp16")


def test_memory_of_a_gpu_is_bounded_and_grows_by_what_is_needed() -> None:
    _, options = cuda_provider(Gpu(2, memory=500_000_000))
    assert (options["device_id"], options["gpu_mem_limit"]) == (2, 500_000_000)
    assert options["arena_extend_strategy"] == "kSameAsRequested"
    assert "gpu_mem_limit" not in cuda_provider(Gpu(2))[1]


def test_one_engine_serves_all_batches_of_a_model_with_a_free_batch(tmp_path: Path) -> None:
    gpu = Gpu(0, "tensorrt", largest_batch=32)
    _, options = tensorrt_provider(gpu, "fp16", tmp_path, "images", (3, 416, 416), has_free_batch=True)
    assert options["trt_profile_min_shapes"] == "images:1x3x416x416"
    assert options["trt_profile_max_shapes"] == "images:32x3x416x416"
    assert (options["trt_fp16_enable"], options["trt_engine_cache_path"]) == (True, str(tmp_path))
    _, options = tensorrt_provider(gpu, "fp32", None, "images", (3, 416, 416), has_free_batch=False)
    assert options == {"device_id": 0, "trt_fp16_enable": False}


@given(st.integers(1, 1000), st.sampled_from([1, 2, 8, 16, 64]))
def test_buckets_hold_all_items_in_order(items: int, largest: int) -> None:
    parts = in_buckets(items, largest)
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(items))
    for part in parts:
        held = part.stop - part.start
        assert held <= part.size <= largest
        assert part.size == bucket_of(held)
        assert part.size < 2 * held


def test_static_batches_fill_up_their_last_part() -> None:
    assert of_size(5, 2) == [Part(0, 2, 2), Part(2, 4, 2), Part(4, 5, 2)]
    with pytest.raises(ValueError, match="at least one"):
        bucket_of(0)


class Answers:
    """A model that says what it is told to."""

    def __init__(self, *outputs: np.ndarray) -> None:
        self.outputs = list(outputs)

    def run(self, _: np.ndarray) -> list[np.ndarray]:
        return self.outputs


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param([np.array([2.0, 0.0])], 0.0, id="equal"),
        pytest.param([np.array([2.0, 0.1])], 0.05, id="of the largest value, not of each"),
        pytest.param([np.array([[2.0, 0.0]])], float("inf"), id="shape"),
        pytest.param([], float("inf"), id="number of outputs"),
        pytest.param([np.array([2.0, np.nan])], float("inf"), id="no number"),
        pytest.param([np.float64(2.0)], float("inf"), id="one number"),
    ],
)
def test_deviation(found: list[np.ndarray], expected: float) -> None:
    assert deviation(Answers(np.array([2.0, 0.0])), Answers(*found), np.zeros(1)) == pytest.approx(expected)


BOXES = np.tile([320.0, 240.0, 0.5, 0.001], (50, 1))
"""In pixels, with a score that counts and one that does not."""


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        pytest.param([1.01, 1, 1, 1], 0.01, id="boxes"),
        pytest.param([1, 1, 0, 1], 1.0, id="scores are gone"),
        pytest.param([1, 1, 1, 0.5], 0.05, id="a score that decides nothing"),
    ],
)
@pytest.mark.parametrize("is_turned", [False, True], ids=["rows", "columns"])
def test_scores_do_not_vanish_beside_coordinates(factors: list[float], expected: float, is_turned: bool) -> None:
    both = [(a.T if is_turned else a)[np.newaxis] for a in (BOXES, BOXES * factors)]
    assert deviation(Answers(both[0]), Answers(both[1]), np.zeros(1)) == pytest.approx(expected)


def test_the_sample_input_is_a_picture_and_always_the_same(tmp_path: Path) -> None:
    for kind, low, high in ((np.uint8, 60, 255), (np.float32, 0.25, 1.0), (np.float16, 0.25, 1.0)):
        sample = sample_input((2, 3, 20, 30), kind)
        assert (sample.dtype, sample.shape) == (kind, (2, 3, 20, 30))
        assert np.ptp(sample.astype(float)) > low
        assert 0 <= sample.min() <= sample.max() <= high
        assert sample_input((1, 3, 64, 64), np.float32, (-2.0, 255.0)).max() > 250
        np.testing.assert_array_equal(sample, sample_input((2, 3, 20, 30), kind))
    session = open_session(write_identity(tmp_path / "m.onnx", ["n", 3, 8, 8]), gpu=None, threads=1)
    assert deviation(session, session, sample_input((1, 3, 8, 8), np.float32)) == 0.0


def test_engines_are_kept_by_content_precision_and_runtime(tmp_path: Path) -> None:
    model, copy, other = (tmp_path / name for name in ("a.onnx", "copy.onnx", "other.onnx"))
    model.write_bytes(b"one")
    copy.write_bytes(b"one")
    other.write_bytes(b"two")
    folders = [
        engine_folder(tmp_path / "engines", path, precision, runtime)
        for path, precision, runtime in [
            (model, "fp32", "1.31"),
            (copy, "fp32", "1.31"),
            (other, "fp32", "1.31"),
            (model, "fp16", "1.31"),
            (model, "fp32", "1.32"),
        ]
    ]
    assert folders[0] == folders[1]
    assert len(set(folders)) == 4
    assert all(folder.is_dir() for folder in folders)


def test_a_folder_of_engines_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(b"one")
    with pytest.raises(DeviceError, match=rf"cannot be kept in {model}/.*: Not a directory"):
        engine_folder(model, model, "fp32", "1.31")
    with pytest.raises(DeviceError, match=r"cannot be kept in .*none: No such file"), sole_builder(tmp_path / "none"):
        pass


def test_engines_that_were_not_used_for_longest_go_first(tmp_path: Path) -> None:
    engines = tmp_path / "engines"
    assert tidy_engines(engines) == []
    for age, name in enumerate(("new", "middle", "old")):
        (engines / name).mkdir(parents=True)
        (engines / name / "engine").write_bytes(bytes(100))
        os.utime(engines / name, (1_000_000 - age, 1_000_000 - age))
    assert tidy_engines(engines, 250) == [engines / "old"]
    assert tidy_engines(engines, 250) == []
    assert sorted(folder.name for folder in engines.iterdir()) == ["middle", "new"]


def test_building_needs_no_folder_and_leaves_no_engine(tmp_path: Path) -> None:
    with sole_builder(None), sole_builder(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
