"""Thresholds for one site, from pairs that are known to be of one person and pairs that are known not to be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from core.embedding import Vector
from core.errors import CamrecError
from core.sightings import Thresholds

FALSE_MATCH_RATE = 0.001
"""Share of pairs of different persons that may pass: a gallery of a hundred then gives a false one in ten passages."""

FEWEST_PAIRS = 20
LEAST_MARGIN, MOST_MARGIN = 0.02, 0.15

HISTOGRAM_LINES, HISTOGRAM_WIDTH = 24, 40


class TooFewPairsError(CamrecError):
    """There is not enough to calibrate on."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Thresholds, and what they would have done on the pairs that they were made of."""

    thresholds: Thresholds
    same: Vector
    """(N,) similarities of pairs of one person."""
    different: Vector
    """(M,) similarities of pairs of two persons."""

    @property
    def found(self) -> float:
        """Share of the pairs of one person that pass."""
        return float((self.same >= self.thresholds.similarity).mean())

    @property
    def confused(self) -> float:
        """Share of the pairs of two persons that pass."""
        return float((self.different >= self.thresholds.similarity).mean())


def pairs(vectors: Vector, persons: list[str]) -> tuple[Vector, Vector]:
    """Similarities of all pairs of one person, and of all pairs of two.

    Args:
        vectors: (N, D) of length 1.
        persons: whose each one is, N.
    """
    similarities = vectors @ vectors.T
    upper = np.triu_indices(len(persons), 1)
    is_same = np.array(persons)[upper[0]] == np.array(persons)[upper[1]]
    values = similarities[upper]
    return values[is_same], values[~is_same]


def calibrate(same: Vector, different: Vector, false_match_rate: float = FALSE_MATCH_RATE) -> Calibration:
    """The least similarity that lets no more than that share of different pairs pass.

    With fewer than one over that share of pairs, the rate cannot be counted: a normal distribution is fitted to them,
    and the threshold lies at its quantile, but never below the most alike of them. The margin is half the spread
    (standard deviation) of different pairs: what chance alone makes of a difference between two strangers.

    Args:
        same: (N,) similarities of pairs of one person.
        different: (M,) similarities of pairs of two persons.
        false_match_rate: of pairs, above 0 and below 1.

    Raises:
        TooFewPairsError: fewer than `FEWEST_PAIRS` of either.
    """
    if min(len(same), len(different)) < FEWEST_PAIRS:
        raise TooFewPairsError(
            f"Calibration needs at least {FEWEST_PAIRS} pairs of pictures of one person and {FEWEST_PAIRS} of "
            f"different persons; there are {len(same)} and {len(different)}."
        )
    mean, spread = float(different.mean()), float(different.std())
    if len(different) * false_match_rate >= 1:
        similarity = float(np.quantile(different, 1 - false_match_rate))
    else:
        similarity = max(float(different.max()) + 0.01, mean + spread * _normal_quantile(1 - false_match_rate))
    margin = min(MOST_MARGIN, max(LEAST_MARGIN, spread / 2))
    return Calibration(Thresholds(round(min(similarity, 0.99), 3), round(margin, 3)), same, different)


def histogram(values: Vector) -> list[str]:
    """A distribution of similarities from -0.2 to 1 as lines of text."""
    counts, edges = np.histogram(np.clip(values, -0.2, 0.999), bins=HISTOGRAM_LINES, range=(-0.2, 1.0))
    most = max(int(counts.max()), 1)
    return [
        f"{edge:5.2f} {'#' * math.ceil(HISTOGRAM_WIDTH * count / most)}"
        for edge, count in zip(edges, counts, strict=False)
    ]


def _normal_quantile(share: float) -> float:
    return NormalDist().inv_cdf(share)
