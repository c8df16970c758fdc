"""Poses, embeddings and classes, beside their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inference.decoders import embedding, heatmap, movenet, probabilities, simcc

SIZE = (192, 256)


def test_movenet_gives_y_before_x_in_shares() -> None:
    rows = np.array([[[[0.25, 0.5, 0.9], [1.0, 0.0, 0.1]]]], np.float32)
    np.testing.assert_allclose(movenet.decode([rows[0]], SIZE), [[96, 64, 0.9], [0, 256, 0.1]])


def test_simcc_is_the_peak_of_each_axis_and_the_lower_score() -> None:
    x, y = np.zeros((2, 384), np.float32), np.zeros((2, 512), np.float32)
    x[0, 100], y[0, 301], x[1, 383], y[1, 0] = 0.7, 0.9, 1.2, 1.1
    np.testing.assert_allclose(simcc.decode([x, y], SIZE), [[50, 150.5, 0.7], [191.5, 0, 1.0]])


def test_a_heat_map_is_its_peak_a_quarter_cell_towards_the_higher_neighbour() -> None:
    maps = np.zeros((2, 64, 48), np.float32)
    maps[0, 10, 20], maps[0, 10, 21], maps[0, 9, 20] = 0.8, 0.3, 0.2
    maps[1, 0, 47] = 0.5
    np.testing.assert_allclose(heatmap.decode([maps], SIZE), [[4 * 20.25, 4 * 9.75, 0.8], [4 * 47, 0, 0.5]])


@pytest.mark.parametrize(
    "shape",
    [pytest.param((3, 8), id="N, D"), pytest.param((3, 8, 1, 1), id="NCHW"), pytest.param((3, 1, 1, 8), id="NHWC")],
)
def test_embeddings_have_length_one_in_every_layout(shape: tuple[int, ...]) -> None:
    output = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    vectors = embedding.decode(output)
    flat = output.reshape(3, 8)
    np.testing.assert_allclose(vectors, flat / np.linalg.norm(flat, axis=1, keepdims=True), rtol=1e-5)


def test_a_vector_of_zeros_stays_one() -> None:
    assert not embedding.decode(np.zeros((1, 4), np.float32)).any()


def test_a_map_is_no_embedding() -> None:
    with pytest.raises(ValueError, match=r"expected one vector for each picture, got an output \(1, 4, 2, 2\)"):
        embedding.decode(np.zeros((1, 4, 2, 2), np.float32))


@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(-20, 20, width=32)))
def test_logits_become_probabilities_in_the_same_order(logits: np.ndarray) -> None:
    chances = probabilities.decode(logits)
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=2e-3)
    assert (np.take_along_axis(chances, logits.argmax(axis=1)[:, None], 1)[:, 0] >= chances.max(axis=1) - 1e-6).all()


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param([[0.25, 0.75]], [[0.25, 0.75]], id="probabilities stay"),
        pytest.param([[0.0, np.log(3)]], [[0.25, 0.75]], id="logits"),
        pytest.param([[0.3]], [[0.3]], id="one probability"),
        pytest.param([[0.0], [np.log(3)]], [[0.5], [0.75]], id="one logit"),
    ],
)
def test_probabilities(output: list[list[float]], expected: list[list[float]]) -> None:
    np.testing.assert_allclose(probabilities.decode(np.array(output, np.float32)), expected, atol=1e-6)
