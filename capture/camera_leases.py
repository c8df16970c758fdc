"""The leases of this node's cameras in Redis: several capture nodes share the cameras of an installation."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import redis

from capture.lease_book import LIFETIME_S, LeaseBook, Peer, Rights
from capture.node_memory import NodeMemory
from core import keys
from core.assignment import Capacity
from core.clock import Clock, SystemClock
from core.complaint import Complaint
from core.errors import CamrecError
from core.figures import REGISTRY
from core.lease_table import LeaseTable
from core.settings import Settings
from core.signs_of_life import clock_offset_s, forget_old_signs

log = logging.getLogger(__name__)

ROUND_S = 2.0
RIVAL_PATIENCE_S = LIFETIME_S + 2.0
"""The lease of a killed process of this name expires earlier."""
_NODE = "node."


class CameraLeases:
    """A thread that renews, takes and gives up leases every two seconds, and at once when something changes."""

    def __init__(
        self,
        settings: Settings,
        memory: NodeMemory,
        connect: Callable[[], redis.Redis],
        figures: Callable[[], dict[str, Any]],
        clock: Clock | None = None,
    ) -> None:
        """Idle until `start`.

        Args:
            settings: name, weight and most of this node.
            memory: locked.
            connect: makes a client of Redis.
            figures: what else the sign of life says; it must not wait for anything, since the leases would.
            clock: of the machine by default.
        """
        self._node, self._memory, self._connect, self._figures = settings.node, memory, connect, figures
        self._clock = clock or SystemClock()
        self._capacity = Capacity(settings.capture_weight, settings.capture_most)
        self._book = LeaseBook(settings.node, self._capacity, memory.remembered, self._clock)
        self.holder = f"{settings.node}:{memory.mark}"
        self._client: redis.Redis | None = None
        self._rights = Rights()
        self._rival: str | None = None
        """Another process of this node's name, for people."""
        self._rival_since_s = 0.0
        self._is_following = self._is_leaving = False
        self._complaint = Complaint(log, "Leases of cameras cannot be renewed; those of this node are recorded on")
        self._changed = threading.Condition()
        self._cameras: Mapping[int, bool] | None = None
        self._ended: set[int] = set()
        self._is_poked = self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="camera-leases", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def follow(self, cameras: Mapping[int, bool]) -> None:
        """There are these cameras: id → whether it is enabled."""
        with self._changed:
            self._cameras = dict(cameras)
            self._poke()

    def ended(self, cameras: Iterable[int]) -> None:
        """The streams of these have ended: their leases may go to others."""
        with self._changed:
            self._ended |= set(cameras)
            self._poke()

    def leave(self) -> None:
        """Take no more cameras and ask for none; those that are held stay until `stop`."""
        with self._changed:
            self._is_leaving = True
            self._poke()

    def stop(self, timeout_s: float) -> None:
        """Release every lease, and end. All streams must have ended."""
        with self._changed:
            self._is_stopped = True
            self._poke()
        self._thread.join(timeout_s)

    @property
    def rights(self) -> Rights:
        """What this node may capture now.

        Raises:
            CamrecError: another process has this node's name.
        """
        if self._rival is not None and self._clock.monotonic() - self._rival_since_s > RIVAL_PATIENCE_S:
            raise CamrecError(
                f"Another capture process runs as node {self._node} ({self._rival}): two of one name would take each "
                "other's cameras. Give this one another CAMREC_NODE."
            )
        return self._rights

    def _poke(self) -> None:
        self._is_poked = True
        self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_poked, ROUND_S)
                self._is_poked = False
                cameras, self._cameras = self._cameras, None
                ended, self._ended = self._ended, set()
                is_stopped = self._is_stopped
            if cameras is not None:
                self._book.follow(cameras)
                self._is_following = True
            self._book.ended(ended)
            try:
                self._round(is_stopped=is_stopped)
            except Exception as error:  # noqa: BLE001 - logged
                # Whatever it is: cameras are watched on, and the next round is another try.
                self._cut_off(error)
            if is_stopped:
                return

    def _round(self, *, is_stopped: bool) -> None:
        """Renew, and take and give up what the plan and the others' signs of life say."""
        if self._client is None:
            self._client = self._connect()
        client = self._client
        table = LeaseTable(client, keys.CAPTURE_LEASES, self.holder, LIFETIME_S)
        own = _NODE + self._node
        take, release = self._book.due()
        if is_stopped or self._is_leaving:
            client.hdel(keys.CAPTURE_NODES, self._node)
            kept = set() if is_stopped else take
            table.exchange(map(str, kept), [own, *map(str, release | take - kept)])
            return
        asked_s = self._clock.monotonic()
        leases = table.exchange([own, *map(str, () if self._rival else take)], map(str, release))
        signs = forget_old_signs(client, keys.CAPTURE_NODES)
        if leases.holders.get(own) != self.holder:
            table.exchange((), map(str, take))
            self._meet_rival(signs.get(self._node, {}))
            return
        self._rival = None
        gained = dict(leases.gained)
        if self._is_following:
            holders, peers = self._camera_holders(leases.holders), self._peers(leases.holders, signs)
            wanted = self._book.renewed(asked_s, holders, peers, is_back=own in gained)
            if wanted:
                more = table.exchange(map(str, wanted))
                self._book.taken(c for c in wanted if more.holders.get(str(c)) == self.holder)
                gained |= more.gained
            self._rights = self._book.rights
            self._memory.remember(self._book.known)
        self._give_sign_of_life(client)
        self._count_moves(client, gained)
        REGISTRY.flush(client)
        self._complaint.well()

    def _cut_off(self, error: Exception) -> None:
        if self._is_following and not self._is_leaving and self._rival is None:
            self._book.cut_off()
            self._rights = self._book.rights
        self._complaint.failed(error)

    def _meet_rival(self, sign: Mapping[str, Any]) -> None:
        self._rights = Rights()
        if self._rival is None:
            self._rival_since_s = self._clock.monotonic()
            log.warning("Another process has the name %s, or had it until just now: waiting for it", self._node)
        self._rival = f"on {sign.get('host', 'another machine')}, process {sign.get('pid', 'unknown')}"

    def _give_sign_of_life(self, client: redis.Redis) -> None:
        sign = {
            "node": self._node,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "weight": self._capacity.weight,
            "most": self._capacity.most if self._is_following else 0,
            "cameras": self._book.load,
            "asks": sorted(self._book.asks),
            **self._figures(),
            "at": self._clock.now(),
            "clock_offset_s": clock_offset_s(client, self._clock),
        }
        client.hset(keys.CAPTURE_NODES, self._node, json.dumps(sign))

    def _peers(self, holders: Mapping[str, str], signs: Mapping[str, Mapping[str, Any]]) -> dict[str, Peer]:
        """Other nodes whose name is leased, so that they live by the clock of Redis."""
        nodes = {name.removeprefix(_NODE) for name in holders if name.startswith(_NODE)} - {self._node}
        said = {node: signs.get(node, {}) for node in nodes}
        return {
            node: Peer(Capacity(sign.get("weight", 1.0), sign.get("most")), frozenset(sign.get("asks", ())))
            for node, sign in said.items()
        }

    def _camera_holders(self, holders: Mapping[str, str]) -> dict[int, str]:
        """Camera → node; a former process of this node's name, elsewhere, counts as a stranger."""
        found = nodes_of_cameras(holders)
        strangers = {c: holders[str(c)] for c, node in found.items() if node == self._node}
        return found | {c: self._node if holder == self.holder else holder for c, holder in strangers.items()}

    def _count_moves(self, client: redis.Redis, gained: Mapping[str, str]) -> None:
        moves = {c for c, node in nodes_of_cameras(gained).items() if node not in {"", self._node}}
        if moves:
            client.incrby(keys.LEASE_MOVES, len(moves))
            log.info("Took over %d cameras of other nodes", len(moves))


def nodes_of_cameras(holders: Mapping[str, str]) -> dict[int, str]:
    """Camera → node, of the leases in `keys.CAPTURE_LEASES`: name → holder."""
    return {int(n): holder.partition(":")[0] for n, holder in holders.items() if not n.startswith(_NODE)}
