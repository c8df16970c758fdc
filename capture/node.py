"""The capture of one machine: takes cameras of those there are and spreads them over processes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from capture.backoff import Backoff
from capture.camera_leases import CameraLeases
from capture.camera_watcher import CameraWatcher
from capture.hardware import find_hardware
from capture.housekeeping import Housekeeping
from capture.lease_book import Rights
from capture.messages import Assign, Extend, Remove
from capture.node_memory import NodeMemory, at_first
from capture.placement import Placement
from capture.shard import FIRST_SHARD
from capture.shard_process import ShardProcess
from core.background import Background
from core.clock import SystemClock
from core.errors import CamrecError
from core.process_load import process_load
from core.redis_client import connect_redis
from core.settings import Settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.retention.room import disk_figures
from storage.secrets import Secrets

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 6.5
"""Shards end by themselves in a little less."""
REDIS_TIMEOUT_S = 2.0
SHARD_TIMEOUT_S = 15.0
"""A shard that has said nothing for so long hangs: it is killed and started anew."""
LOCK_TIMEOUT_S = 10.0
"""A former capture of this data folder may still be ending."""
RELEASE_TIMEOUT_S = 2.0
MACHINE_INTERVAL_S = 2.0
_TICK_S = 0.2


class CaptureNode:
    """Runs shards and gives each its cameras: those of the installation that this node holds the leases of."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = Database(settings)
        self._watcher = CameraWatcher(
            self._database.migrate,
            lambda: CameraStore(self._database, Secrets.of(settings)),
            lambda: connect_redis(settings, REDIS_TIMEOUT_S),
        )
        self._placement = Placement(settings.cameras_per_shard)
        self._memory = NodeMemory(settings.run_dir, at_first(settings))
        self._holder = ""
        self._hardware: str | None = None
        self._existing: Mapping[int, Camera] = {}
        self._cameras: Mapping[int, Camera] = {}
        """Those that are captured here."""
        self._leased_until_s = Rights().valid_until_s
        self._shards: dict[int, ShardProcess] = {}
        self._ending: list[tuple[ShardProcess, float]] = []
        self._backoffs: dict[int, Backoff] = {}
        self._restarts_s: dict[int, float] = {}
        self._restarts = 0
        self._stopped = threading.Event()
        self._housekeeping = Housekeeping(settings, self._database, self._watcher.camera_ids)
        self._machine = Background(self._look_at_machine, MACHINE_INTERVAL_S, SystemClock())

    def request_stop(self) -> None:
        """Have `run` return soon; safe in a signal handler."""
        self._stopped.set()

    def run(self) -> None:
        """Watch cameras until `request_stop`. Call it in the main thread.

        Raises:
            CamrecError: another process runs on this data folder, or has this node's name.
        """
        if not self._lock_memory():
            return
        leases = CameraLeases(
            self._settings, self._memory, lambda: connect_redis(self._settings, REDIS_TIMEOUT_S), self._figures
        )
        self._holder = leases.holder
        self._hardware = find_hardware(self._settings.hwdevice)
        self._start(FIRST_SHARD)
        self._watcher.start()
        leases.start()
        self._housekeeping.start()
        try:
            while not self._stopped.is_set():
                existing = self._watcher.wait(_TICK_S)
                if existing is not None:
                    self._existing = existing
                    leases.follow({i: camera.enabled for i, camera in existing.items()})
                self._use(leases.rights)
                if ended := self._ended():  # before: what shards have said meanwhile shows that they live
                    leases.ended(ended)
                self._restart_broken()
        finally:
            leases.leave()
            self._stop_all()
            leases.stop(RELEASE_TIMEOUT_S)

    def _lock_memory(self) -> bool:
        """Wait for the end of a former process; False: this one is to stop meanwhile."""
        deadline_s = time.monotonic() + LOCK_TIMEOUT_S
        while not self._memory.lock():
            if time.monotonic() > deadline_s:
                raise CamrecError(
                    f"Another capture process runs on {self._settings.data}. Stop it first; several on one machine "
                    "need a CAMREC_DATA and a CAMREC_NODE of their own."
                )
            if self._stopped.wait(_TICK_S):
                return False
        return True

    def _use(self, rights: Rights) -> None:
        cameras = {i: self._existing[i] for i in rights.cameras if i in self._existing}
        if cameras != self._cameras:
            self._apply(cameras)
        if rights.valid_until_s != self._leased_until_s:
            # After the cameras that are given up: nothing of those may be handed on any more.
            self._leased_until_s = rights.valid_until_s
            for shard in self._shards.values():
                shard.send(Extend(self._leased_until_s))

    def _apply(self, cameras: Mapping[int, Camera]) -> None:
        before, self._cameras = self._cameras, cameras
        for camera_id in before.keys() - cameras.keys():
            self._tell(camera_id, Remove(camera_id))
        self._placement.place(cameras)
        for number in self._shards.keys() - self._placement.shards() - {FIRST_SHARD}:
            self._end(number)
        for number in self._placement.shards() - self._shards.keys() - self._restarts_s.keys():
            self._start(number)
        for camera_id, camera in cameras.items():
            if camera != before.get(camera_id):
                self._tell(camera_id, Assign(camera))

    def _tell(self, camera_id: int, message: Assign | Remove) -> None:
        shard = self._placement.shard_of(camera_id)
        if shard is not None and shard in self._shards:
            self._shards[shard].send(message)

    def _start(self, number: int) -> None:
        self._restarts_s.pop(number, None)
        shard = self._shards[number] = ShardProcess(number, self._settings, self._holder, self._hardware)
        for camera_id in self._placement.cameras_of(number):
            if camera_id in self._cameras:
                shard.send(Assign(self._cameras[camera_id]))
        shard.send(Extend(self._leased_until_s))
        log.info("Started shard %d, process %d", number, shard.pid)

    def _restart_broken(self) -> None:
        now_s = time.monotonic()
        for number, shard in list(self._shards.items()):
            shard.flush()
            hangs = shard.silence_s > SHARD_TIMEOUT_S
            if hangs or not shard.is_alive:
                wait_s = self._backoffs.setdefault(number, Backoff()).wait_s(None, now_s - shard.started_s)
                what = f"has hung for {shard.silence_s:.0f} s" if hangs else f"ended with {shard.exit_code}"
                log.error("Shard %d %s; restart in %.1f s", number, what, wait_s)
                if hangs and self._hardware is not None:
                    self._hardware = None
                    log.warning("Shards that start from now on decode by software: the GPU's driver may hang")
                self._shards.pop(number).join(0)
                self._restarts_s[number] = now_s + wait_s
                self._restarts += 1
        for number, at_s in list(self._restarts_s.items()):
            if number not in self._placement.shards() | {FIRST_SHARD}:
                del self._restarts_s[number]
            elif now_s >= at_s:
                self._start(number)

    def _end(self, number: int) -> None:
        """Ask a shard to end; `_ended` sees that it does, and other cameras need not wait for it."""
        shard = self._shards.pop(number)
        shard.request_stop()
        self._ending.append((shard, time.monotonic() + STOP_TIMEOUT_S))

    def _ended(self) -> set[int]:
        """Let go of shards that have ended; returns cameras that were given up and whose streams have ended."""
        ended: set[int] = set()
        for shard, deadline_s in list(self._ending):
            if not shard.is_alive or time.monotonic() > deadline_s:
                shard.join(0)
                ended |= shard.ended()
                self._ending.remove((shard, deadline_s))
        for shard in self._shards.values():
            ended |= shard.ended()
        return ended

    def _figures(self) -> dict[str, Any]:
        """For the sign of life; never waits."""
        return {
            "shards": len(self._shards),
            "shard_restarts": self._restarts,
            "frame_store": self._housekeeping.frame_store,
            **(self._machine.newest() or {}),
        }

    def _look_at_machine(self) -> dict[str, Any]:
        """A disk that hangs keeps whoever looks at it waiting."""
        return {
            "load": process_load(with_children=True),
            "disk": disk_figures(self._settings.media_dir, self._settings.min_free),
        }

    def _stop_all(self) -> None:
        self._watcher.stop()
        self._housekeeping.stop()
        for number in list(self._shards):
            self._end(number)
        for shard, deadline_s in self._ending:
            shard.join(max(0.0, deadline_s - time.monotonic()))
        self._database.close()
