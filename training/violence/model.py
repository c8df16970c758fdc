"""The classifier: Fisher vectors of motion descriptors, a linear support vector machine, and its ONNX graph.

Perronnin et al., "Improving the Fisher kernel for large-scale image classification" (ECCV 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.svm import SVC

from inference.motion import DESCRIPTOR_SIZE

Array = npt.NDArray[np.float64]

PER_CLIP = 60
"""Descriptors of a clip that the mixture is made of."""


@dataclass(frozen=True)
class Model:
    """All that the graph holds; the decision is ``weights · Fisher vector + bias``."""

    mean: Array
    axes: Array
    priors: Array
    means: Array
    deviations: Array
    weights: Array
    bias: float

    def encode(self, rows: Array) -> Array:
        """(N, 128) descriptors → one Fisher vector."""
        return _encode(rows, self.mean, self.axes, self.priors, self.means, self.deviations)

    def decide(self, clips: list[Array]) -> Array:
        """Above 0: violence."""
        return np.stack([self.encode(rows) for rows in clips]) @ self.weights + self.bias


@dataclass(frozen=True)
class Sizes:
    """What is chosen, not learnt."""

    components: int = 8
    """Gaussians of the mixture."""
    dimensions: int = 24
    """To which the PCA brings a descriptor."""
    cost: float = 0.3
    """Of a clip on the wrong side, for the support vector machine."""


SHIPPED = Sizes()


def fit(clips: list[Array], labels: Array, weights: Array, vocabulary: Array, seed: int, sizes: Sizes) -> Model:
    """Train on clips; ``vocabulary`` marks those of which the Gaussian mixture is made."""
    rng = np.random.default_rng(seed)
    pool = np.concatenate(
        [rows[rng.permutation(len(rows))[:PER_CLIP]] for rows, use in zip(clips, vocabulary, strict=True) if use]
    )
    pca = PCA(sizes.dimensions, whiten=True, random_state=seed).fit(pool)
    axes = pca.components_.T / np.sqrt(pca.explained_variance_)
    mixture = GaussianMixture(
        sizes.components, covariance_type="diag", random_state=seed, max_iter=30, reg_covar=1e-3
    ).fit((pool - pca.mean_) @ axes)
    parts = (pca.mean_, axes, mixture.weights_, mixture.means_, np.sqrt(mixture.covariances_))
    vectors = np.stack([_encode(rows, *parts) for rows in clips])
    machine = SVC(C=sizes.cost, kernel="linear", class_weight="balanced").fit(vectors, labels, sample_weight=weights)
    return Model(*parts, machine.coef_[0], float(machine.intercept_[0]))


def calibrate(decisions: Array, labels: Array) -> tuple[float, float]:
    """Slope and offset of the sigmoid that makes a probability of a decision (Platt, 1999)."""
    fitted = LogisticRegression(C=1e3).fit(decisions[:, None], labels)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def to_onnx(model: Model, slope: float, offset: float) -> onnx.ModelProto:
    """``descriptors`` (batch, N, 128), rows of zeros being padding → ``score`` (batch, 1), 0 to 1."""
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(name: str, value: object, kind: type = np.float32) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def add(operator: str, *inputs: str, to: str, **attributes: object) -> str:
        nodes.append(helper.make_node(operator, list(inputs), [to], **attributes))
        return to

    scaled = model.means / model.deviations
    inverse = 1 / model.deviations
    norm = np.log(model.priors) - np.log(model.deviations).sum(axis=1) - 0.5 * (scaled**2).sum(axis=1)
    last = constant("last", [2], np.int64)
    rows_axis = constant("rows", [1], np.int64)
    # Which rows are real, and how many.
    largest = add("ReduceMax", "descriptors", last, to="largest", keepdims=1)
    add("Greater", largest, constant("zero", 0), to="is_real")
    nodes.append(helper.make_node("Cast", ["is_real"], ["real"], to=TensorProto.FLOAT))
    real = "real"
    count = add("Max", add("ReduceSum", real, rows_axis, to="n", keepdims=1), constant("one", 1), to="count")
    # PCA, then the posterior of each Gaussian: log N(z) is linear in z and z².
    centred = add("Sub", "descriptors", constant("mean", model.mean), to="centred")
    z = add("MatMul", centred, constant("axes", model.axes), to="z")
    z2 = add("Mul", z, z, to="z2")
    linear = add("MatMul", z, constant("linear", (scaled * inverse).T), to="linear_part")
    square = add("MatMul", z2, constant("square", (-0.5 * inverse**2).T), to="square_part")
    logits = add("Add", add("Add", linear, square, to="partial"), constant("norm", norm), to="logits")
    share = add("Mul", add("Softmax", logits, to="softmax", axis=2), real, to="posterior")
    mean_share = add("Div", add("Transpose", share, to="turned", perm=[0, 2, 1]), count, to="mean_posterior")
    s0 = add("ReduceSum", mean_share, last, to="s0", keepdims=1)
    s1 = add("MatMul", mean_share, z, to="s1")
    s2 = add("MatMul", mean_share, z2, to="s2")
    # Gradients by the means and by the deviations.
    mu, inv = constant("mu", model.means), constant("inverse", inverse)
    first = add("Mul", add("Sub", s1, add("Mul", s0, mu, to="s0mu"), to="d1"), inv, to="g1")
    cross = add("Mul", s1, constant("two_mu", 2 * model.means), to="cross")
    spread = add(
        "Add", add("Sub", s2, cross, to="d2"), add("Mul", s0, constant("mu2", model.means**2), to="m2"), to="v"
    )
    second = add("Sub", add("Mul", spread, constant("inverse2", inverse**2), to="v_s"), s0, to="g2")
    root = np.sqrt(model.priors)[:, None]
    first = add("Div", first, constant("root", root), to="f1")
    second = add("Div", second, constant("root2", np.sqrt(2) * root), to="f2")
    flat = constant("flat", [0, -1], np.int64)
    vector = add("Concat", add("Reshape", first, flat, to="r1"), add("Reshape", second, flat, to="r2"), to="fv", axis=1)
    signed = add(
        "Mul", add("Sign", vector, to="sign"), add("Sqrt", add("Abs", vector, to="abs"), to="sqrt"), to="signed"
    )
    length = add("ReduceL2", signed, constant("columns", [1], np.int64), to="length", keepdims=1)
    unit = add("Div", signed, add("Max", length, constant("tiny", 1e-9), to="safe"), to="unit")
    decision = add("MatMul", unit, constant("weights", slope * model.weights[:, None]), to="weighted")
    add("Sigmoid", add("Add", decision, constant("bias", slope * model.bias + offset), to="decision"), to="score")
    graph = helper.make_graph(
        nodes,
        "violence",
        [helper.make_tensor_value_info("descriptors", TensorProto.FLOAT, ["batch", "rows", DESCRIPTOR_SIZE])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch", 1])],
        constants,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(proto)
    return proto


def _encode(rows: Array, mean: Array, axes: Array, priors: Array, means: Array, deviations: Array) -> Array:
    z = (rows - mean) @ axes
    logits = np.log(priors) - np.log(deviations).sum(axis=1) - 0.5 * (((z[:, None] - means) / deviations) ** 2).sum(-1)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    shares = shares / shares.sum(axis=1, keepdims=True) / max(1, len(rows))
    s0, s1, s2 = shares.sum(axis=0)[:, None], shares.T @ z, shares.T @ z**2
    root = np.sqrt(priors)[:, None]
    first = (s1 - s0 * means) / deviations / root
    second = ((s2 - 2 * means * s1 + s0 * means**2) / deviations**2 - s0) / (np.sqrt(2) * root)
    vector = np.concatenate([first.ravel(), second.ravel()])
    vector = np.sign(vector) * np.sqrt(np.abs(vector))
    return vector / max(1e-9, float(np.linalg.norm(vector)))
