"""Which node captures which camera, or which worker judges which shard: by weight, with as few moves as possible."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

_FINEST_WEIGHT = 1000


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a node takes."""

    weight: float = 1.0
    """Its share relative to other nodes; 0.01 or more."""
    most: int | None = None
    """Most cameras; None: any number."""


def assign(cameras: Iterable[int], nodes: Mapping[str, Capacity], holders: Mapping[int, str]) -> dict[int, str]:
    """Camera → node. The same arguments give the same answer on every node.

    Each node gets its share by weight, rounded up or down, and never more than its most. A camera stays with its
    holder unless that one is gone, has more than its share rounded up, or others have less than theirs rounded down.

    Args:
        cameras: ids of all that are to be captured.
        nodes: those that live.
        holders: camera → node that has it now; nodes that are not in ``nodes`` are gone.

    Returns:
        Every camera, as long as the nodes' capacities suffice; cameras beyond them are left out.
    """
    wanted = sorted(set(cameras))
    shares = _shares(len(wanted), nodes)
    held: dict[str, list[int]] = {node: [] for node in sorted(nodes)}
    free: list[int] = []
    for camera in wanted:
        node = holders.get(camera)
        if node in held and _has_room(held[node], nodes[node]):
            held[node].append(camera)
        else:
            free.append(camera)
    for camera in free:
        open_nodes = [n for n in held if _has_room(held[n], nodes[n])]
        if not open_nodes:
            break
        held[max(open_nodes, key=lambda n: shares[n] - len(held[n]))].append(camera)
    _level(held, shares)
    return {camera: node for node, its in held.items() for camera in its}


def _shares(count: int, nodes: Mapping[str, Capacity]) -> dict[str, Fraction]:
    """What each node should have: by weight; what a node cannot take goes to the others."""
    shares: dict[str, Fraction] = {}
    left, open_nodes = Fraction(count), dict(nodes)
    while open_nodes:
        weights = {n: Fraction(c.weight).limit_denominator(_FINEST_WEIGHT) for n, c in open_nodes.items()}
        each = left / sum(weights.values())
        full = {n: c.most for n, c in open_nodes.items() if c.most is not None and c.most <= each * weights[n]}
        if not full:
            return shares | {n: each * weight for n, weight in weights.items()}
        for node, most in full.items():
            shares[node] = Fraction(most)
            left -= most
            del open_nodes[node]
    return shares


def _level(held: dict[str, list[int]], shares: Mapping[str, Fraction]) -> None:
    """Move the fewest cameras so that each node has its share, rounded either way."""

    def excess(node: str) -> Fraction:
        return len(held[node]) - shares[node]

    while held:
        giver, taker = max(held, key=excess), min(held, key=excess)
        if len(held[giver]) <= math.ceil(shares[giver]) and len(held[taker]) >= math.floor(shares[taker]):
            return
        held[taker].append(held[giver].pop())


def _has_room(cameras: list[int], capacity: Capacity) -> bool:
    return capacity.most is None or len(cameras) < capacity.most
