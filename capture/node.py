"""The capture of one machine: reads which cameras there are and spreads them over processes."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Mapping

import redis
from sqlalchemy.exc import DatabaseError

from capture.backoff import Backoff
from capture.camera_watcher import CameraWatcher
from capture.placement import Placement
from capture.shard import Assign, Remove
from capture.shard_process import ShardProcess
from core import keys
from core.errors import CamrecError, UnavailableError
from core.redis_client import connect_redis
from core.settings import Settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.frames.store import FrameStore
from storage.media import Media
from storage.retention.passes import RetentionPass
from storage.secrets import Secrets

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 6.5
"""Shards end by themselves in a little less."""
REDIS_TIMEOUT_S = 2.0
SWEEP_INTERVAL_S = 30.0
EXPIRY_INTERVAL_S = 10.0
SIGN_OF_LIFE_INTERVAL_S = 2.0
_TICK_S = 0.2


class CaptureNode:
    """Runs shards and gives each its cameras."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = Database(settings)
        self._watcher = CameraWatcher(
            self._database.migrate,
            lambda: CameraStore(self._database, Secrets(settings.data)),
            lambda: connect_redis(settings, REDIS_TIMEOUT_S),
        )
        self._placement = Placement(settings.cameras_per_shard)
        self._cameras: Mapping[int, Camera] | None = None
        self._shards: dict[int, ShardProcess] = {}
        self._ending: list[tuple[ShardProcess, float]] = []
        self._backoffs: dict[int, Backoff] = {}
        self._restarts_s: dict[int, float] = {}
        self._stopped = threading.Event()
        self._housekeeping = threading.Thread(target=self._keep_house, name="housekeeping", daemon=True)

    def request_stop(self) -> None:
        """Have `run` return soon; safe in a signal handler."""
        self._stopped.set()

    def run(self) -> None:
        """Watch cameras until `request_stop`. Call it in the main thread."""
        self._watcher.start()
        self._housekeeping.start()
        try:
            while not self._stopped.is_set():
                cameras = self._watcher.wait(_TICK_S)
                if cameras is not None:
                    self._apply(cameras)
                self._restart_dead()
                self._reap()
        finally:
            self._stop_all()

    def _apply(self, cameras: Mapping[int, Camera]) -> None:
        before, self._cameras = self._cameras or {}, cameras
        for camera_id in before.keys() - cameras.keys():
            self._tell(camera_id, Remove(camera_id))
        self._placement.place(cameras)
        for number in self._shards.keys() - self._placement.shards():
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
        shard = self._shards[number] = ShardProcess(number, self._settings)
        for camera_id in self._placement.cameras_of(number):
            if self._cameras and camera_id in self._cameras:
                shard.send(Assign(self._cameras[camera_id]))
        log.info("Started shard %d, process %d", number, shard.pid)

    def _restart_dead(self) -> None:
        now_s = time.monotonic()
        for number, shard in list(self._shards.items()):
            if not shard.is_alive:
                wait_s = self._backoffs.setdefault(number, Backoff()).wait_s(None, now_s - shard.started_s)
                log.error("Shard %d ended with %s; restart in %.1f s", number, shard.exit_code, wait_s)
                self._shards.pop(number).join(0)
                self._restarts_s[number] = now_s + wait_s
        for number, at_s in list(self._restarts_s.items()):
            if number not in self._placement.shards():
                del self._restarts_s[number]
            elif now_s >= at_s:
                self._start(number)

    def _end(self, number: int) -> None:
        """Ask a shard to end; `_reap` sees that it does, and other cameras need not wait for it."""
        shard = self._shards.pop(number)
        shard.request_stop()
        self._ending.append((shard, time.monotonic() + STOP_TIMEOUT_S))

    def _reap(self) -> None:
        for shard, deadline_s in list(self._ending):
            if not shard.is_alive or time.monotonic() > deadline_s:
                shard.join(0)
                self._ending.remove((shard, deadline_s))

    def _stop_all(self) -> None:
        self._watcher.stop()
        for number in list(self._shards):
            self._end(number)
        for shard, deadline_s in self._ending:
            shard.join(max(0.0, deadline_s - time.monotonic()))
        self._database.close()

    def _keep_house(self) -> None:
        """Sign of life, and memory of cameras that are gone."""
        client: redis.Redis | None = None
        next_sweep_s = next_expiry_s = 0.0
        while not self._stopped.wait(SIGN_OF_LIFE_INTERVAL_S):
            cameras = self._cameras
            try:
                client = client or connect_redis(self._settings, REDIS_TIMEOUT_S)
                self._give_sign_of_life(client)
            except (redis.RedisError, UnavailableError) as error:
                log.debug("No sign of life given: %s", error)
            if time.monotonic() >= next_expiry_s:
                next_expiry_s = time.monotonic() + EXPIRY_INTERVAL_S
                self._expire_media()
            if cameras is not None and time.monotonic() >= next_sweep_s:
                next_sweep_s = time.monotonic() + SWEEP_INTERVAL_S
                self._sweep(cameras)

    def _give_sign_of_life(self, client: redis.Redis) -> None:
        node = self._settings.node
        sign = {
            "node": node,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "shards": len(self._shards),
            "cameras": len(self._cameras or ()),
            "at": time.time(),
        }
        client.hset(keys.CAPTURE_NODES, node, json.dumps(sign))

    def _expire_media(self) -> None:
        """Here as well as by the jobs: room for what comes next must not depend on workers."""
        settings = self._settings
        one_pass = RetentionPass(settings, self._database, Media(settings.media_dir), settings.node)
        try:
            removed = one_pass.run(time.time())
        except (CamrecError, OSError, DatabaseError) as error:
            log.warning("Old media were not deleted: %s", error)
        else:
            if any(removed.values()):
                log.info("Deleted old media: %s", ", ".join(f"{n} {name}" for name, n in removed.items() if n))

    def _sweep(self, cameras: Mapping[int, Camera]) -> None:
        try:
            FrameStore(self._settings).sweep(cameras)
        except UnavailableError as error:
            log.warning("The frame store was not swept: %s", error)
