"""Which node captures which camera."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.assignment import Capacity, assign

WEIGHTS = st.sampled_from([0.1, 0.5, 1.0, 1.0, 2.0, 3.0])
CAPACITIES = st.builds(Capacity, WEIGHTS, st.none() | st.integers(0, 12))
UNLIMITED = st.builds(Capacity, WEIGHTS)
CAMERAS = st.sets(st.integers(1, 60), max_size=40)
NAMES = st.sampled_from([f"n{number}" for number in range(6)])


def nodes_of(capacities: st.SearchStrategy[Capacity]) -> st.SearchStrategy[dict[str, Capacity]]:
    return st.dictionaries(NAMES, capacities, min_size=1)


HOLDERS = st.dictionaries(st.integers(1, 60), NAMES, max_size=40)


@settings(max_examples=40)
@given(CAMERAS, nodes_of(CAPACITIES), HOLDERS)
def test_every_camera_has_a_node_while_there_is_room(
    cameras: set[int], nodes: dict[str, Capacity], holders: dict[int, str]
) -> None:
    plan = assign(cameras, nodes, holders)
    assert plan.keys() <= cameras
    assert set(plan.values()) <= nodes.keys()
    loads = Counter(plan.values())
    assert all(capacity.most is None or loads[node] <= capacity.most for node, capacity in nodes.items())
    room = sum(math.inf if capacity.most is None else capacity.most for capacity in nodes.values())
    assert len(plan) == min(len(cameras), room)
    assert assign(sorted(cameras, reverse=True), dict(reversed(nodes.items())), holders) == plan, "whatever the order"
    assert assign(cameras, nodes, plan) == plan, "once it is so, nothing moves"


@settings(max_examples=40)
@given(CAMERAS, nodes_of(UNLIMITED), HOLDERS)
def test_shares_follow_the_weights(cameras: set[int], nodes: dict[str, Capacity], holders: dict[int, str]) -> None:
    loads = Counter(assign(cameras, nodes, holders).values())
    for node, share in _shares(len(cameras), nodes).items():
        assert math.floor(share) <= loads[node] <= math.ceil(share)


@settings(max_examples=40)
@given(CAMERAS, nodes_of(UNLIMITED), nodes_of(UNLIMITED))
def test_as_few_move_as_possible(
    cameras: set[int], nodes: dict[str, Capacity], nodes_after: dict[str, Capacity]
) -> None:
    before = assign(cameras, nodes, {})
    after = assign(cameras, nodes_after, before)
    kept = {c for c in cameras if before[c] in nodes_after}
    loads, shares = Counter(before[c] for c in kept), _shares(len(cameras), nodes_after)
    too_many = sum(max(0, loads[node] - math.ceil(share)) for node, share in shares.items())
    too_few = sum(max(0, math.floor(share) - loads[node]) for node, share in shares.items())
    assert sum(after[c] != before[c] for c in kept) <= max(too_many, too_few)


def _shares(cameras: int, nodes: dict[str, Capacity]) -> dict[str, Fraction]:
    tenths = {node: round(capacity.weight * 10) for node, capacity in nodes.items()}
    return {node: Fraction(cameras * weight, sum(tenths.values())) for node, weight in tenths.items()}


ONE, TWO, SMALL = Capacity(), Capacity(2.0), Capacity(1.0, 1)


@pytest.mark.parametrize(
    ("nodes", "held", "cameras", "loads"),
    [
        pytest.param({"a": ONE}, {}, 5, {"a": 5}, id="one node takes all"),
        pytest.param({"a": ONE, "b": ONE}, {"a": 5}, 5, {"a": 3, "b": 2}, id="a node joins"),
        pytest.param({"a": ONE, "b": TWO}, {"a": 6}, 6, {"a": 2, "b": 4}, id="by weight"),
        pytest.param({"a": ONE, "b": SMALL}, {"a": 6}, 6, {"a": 5, "b": 1}, id="never more than its most"),
        pytest.param({"a": SMALL, "b": SMALL}, {}, 3, {"a": 1, "b": 1}, id="no room for all"),
        pytest.param({"a": ONE, "b": ONE}, {"a": 3, "b": 3, "c": 3}, 9, {"a": 5, "b": 4}, id="a node is gone"),
        pytest.param({"a": ONE, "b": ONE}, {"a": 2, "b": 1}, 3, {"a": 2, "b": 1}, id="rounding moves nothing"),
        pytest.param({}, {"a": 2}, 2, {}, id="no node"),
    ],
)
def test_loads(nodes: dict[str, Capacity], held: dict[str, int], cameras: int, loads: dict[str, int]) -> None:
    numbers = count(1)
    holders = {next(numbers): node for node, its in held.items() for _ in range(its)}
    assert Counter(assign(range(1, cameras + 1), nodes, holders).values()) == loads
