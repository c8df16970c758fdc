"""What a node knows of its leases of cameras, and what it does about them. No Redis here: the round is told to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from capture.node_memory import Remembered
from core.assignment import Capacity, assign
from core.clock import Clock

LIFETIME_S = 8.0
"""Of a lease that is not renewed: with a round and the opening of a stream, cameras of a dead node move in 15 s."""
PATIENCE_S = 5.0
"""After Redis was away, and at the start of one node of several: each first takes what it had."""
ORPHANED_AFTER_S = 6.0
"""A camera that stays free so long is anybody's: its node may not be able to read it."""
ENDING_TIMEOUT_S = 5.0
"""A stream whose thread is blocked so long gives no frames: its lease is given up all the same."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another node that lives, as it says itself."""

    capacity: Capacity
    asks: frozenset[int]
    """Cameras that it wants from their holders."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What a node may do."""

    cameras: frozenset[int] = frozenset()
    """To be captured."""
    valid_until_s: float = float("-inf")
    """Frames may be handed on until then, on the monotonic clock of this machine; recording goes on."""


class LeaseBook:
    """One node's. A camera is in it as held, as ending (given up, but its stream may still run), or not at all."""

    def __init__(self, node: str, capacity: Capacity, remembered: Remembered, clock: Clock) -> None:
        self._node, self._capacity, self._clock = node, capacity, clock
        self._remembered: Remembered | None = remembered
        self._is_alone = remembered.is_alone
        self._enabled: frozenset[int] = frozenset()
        self._disabled: frozenset[int] = frozenset()
        self._held: set[int] = set()
        self._ending_until_s: dict[int, float] = {}
        self._free_since_s: dict[int, float] = {}
        self._patient_until_s = self._valid_until_s = float("-inf")
        self._asks: frozenset[int] = frozenset()

    @property
    def rights(self) -> Rights:
        """What may be captured now."""
        return Rights(frozenset(self._held), self._valid_until_s)

    @property
    def load(self) -> int:
        """How many enabled cameras are held: those that `Capacity.most` counts."""
        return len(self._held & self._enabled)

    @property
    def known(self) -> Remembered:
        """What to remember over a restart."""
        return Remembered(frozenset(self._held), self._is_alone)

    @property
    def asks(self) -> frozenset[int]:
        """Cameras of others that this node should have."""
        return self._asks

    def follow(self, cameras: Mapping[int, bool]) -> None:
        """There are these cameras: id → whether it is enabled. Those that are gone are given up."""
        self._enabled = frozenset(c for c, is_enabled in cameras.items() if is_enabled)
        self._disabled = frozenset(cameras) - self._enabled
        if self._remembered is not None:
            self._held |= self._remembered.cameras & cameras.keys()
            self._remembered = None
        self._give_up(self._held - cameras.keys())

    def ended(self, cameras: Iterable[int]) -> None:
        """The streams of these have ended."""
        now_s = self._clock.monotonic()
        for camera in cameras:
            if camera in self._ending_until_s:
                self._ending_until_s[camera] = now_s

    def due(self) -> tuple[set[int], set[int]]:
        """Cameras whose leases are to be taken or renewed, and those whose leases are to be released."""
        now_s = self._clock.monotonic()
        released = {c for c, until_s in self._ending_until_s.items() if until_s <= now_s}
        return self._held | (self._ending_until_s.keys() - released), released

    def renewed(
        self, asked_s: float, holders: Mapping[int, str], peers: Mapping[str, Peer], *, is_back: bool
    ) -> set[int]:
        """Redis has done what was `due`.

        Args:
            asked_s: monotonic time just before it was asked.
            holders: camera → node that holds its lease now.
            peers: other nodes that live.
            is_back: this node did not count as alive just before.

        Returns:
            Cameras whose leases are to be taken next: they are free and for this node.
        """
        now_s = self._clock.monotonic()
        self._valid_until_s = asked_s + LIFETIME_S
        if is_back and not self._is_alone:
            self._patient_until_s = now_s + PATIENCE_S
        if peers:
            self._is_alone = False
        elif now_s >= self._patient_until_s:  # before, the others may only not have come back yet
            self._is_alone = True
        self._held = {c for c in self._held if holders.get(c) == self._node}
        self._ending_until_s = {c: s for c, s in self._ending_until_s.items() if holders.get(c) == self._node}
        plan = self._plan({self._node: self._capacity} | {n: peer.capacity for n, peer in peers.items()}, holders)
        self._give_up({c for c in self._held if _is_due_elsewhere(c, plan.get(c), self._node, peers)})
        free = (self._enabled | self._disabled) - holders.keys()
        self._free_since_s = {c: self._free_since_s.get(c, now_s) for c in free}
        mine = {c for c, node in plan.items() if node == self._node}
        self._asks = frozenset()
        if now_s < self._patient_until_s:
            return set()
        self._asks = frozenset(c for c in mine & holders.keys() if holders[c] != self._node)
        planned = mine & free
        return planned | self._orphans(free - planned, len(planned), now_s)

    def taken(self, cameras: Iterable[int]) -> None:
        """The leases of these are ours."""
        self._held |= set(cameras)

    def cut_off(self) -> None:
        """Redis cannot be asked. What is held is captured on; a node that was alone takes what comes new, too."""
        if self._is_alone:
            plan = self._plan({self._node: self._capacity}, dict.fromkeys(self._held, self._node))
            self._held |= plan.keys() - self._ending_until_s.keys()

    def _plan(self, nodes: Mapping[str, Capacity], holders: Mapping[int, str]) -> dict[int, str]:
        # Disabled cameras are no load: they are spread by themselves, so that the others are spread evenly.
        unlimited = {node: replace(capacity, most=None) for node, capacity in nodes.items()}
        return assign(self._enabled, nodes, holders) | assign(self._disabled, unlimited, holders)

    def _give_up(self, cameras: Iterable[int]) -> None:
        for camera in list(cameras):
            self._held.discard(camera)
            self._ending_until_s[camera] = self._clock.monotonic() + ENDING_TIMEOUT_S

    def _orphans(self, free: Iterable[int], planned: int, now_s: float) -> set[int]:
        orphans = sorted(c for c in free if now_s - self._free_since_s[c] >= ORPHANED_AFTER_S)
        if self._capacity.most is not None:
            room = self._capacity.most - self.load - planned
            orphans = orphans[: max(0, room)]
        return set(orphans)


def _is_due_elsewhere(camera: int, planned: str | None, node: str, peers: Mapping[str, Peer]) -> bool:
    """Whether a camera that is held is to be given up: only for a node that asks for it, or for want of room."""
    return planned is None or (planned != node and camera in peers[planned].asks)
