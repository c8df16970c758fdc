"""Cameras without streams: frames that need no decoding go the whole way that sampled frames of capture go."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from capture.camera_worker import CameraWorker
from capture.condition import Condition, State
from capture.dispatcher import Dispatcher
from capture.drops import Drops
from capture.publisher import Publisher
from capture.status import StatusReporter
from core import keys
from core.lease_table import LeaseTable
from core.redis_client import connect_redis
from core.settings import Settings
from core.types import FrameRef, Picture
from storage.camera import Camera, CameraRecognition
from storage.frames.store import FrameStore, open_frame_store
from storage.frames.tokens import Tokens

KIND = "falls"
SIZE = (160, 90)
LEASES_S = 3600.0


class SimulatedShard:
    """What a capture process has beside streams, for some cameras: dispatcher, tokens, publisher, statuses."""

    def __init__(self, settings: Settings, store: FrameStore, camera_ids: Sequence[int], fps: float) -> None:
        self._store, self._drops = store, Drops()
        self.workers = {number: self._camera(number, fps) for number in camera_ids}
        holder = f"{settings.node}:{camera_ids[0]}"
        leases = LeaseTable(connect_redis(settings), keys.CAPTURE_LEASES, holder, LEASES_S)
        leases.exchange(take=[str(number) for number in camera_ids])
        self._dispatcher = Dispatcher(lambda: Tokens(connect_redis(settings)), Publisher(settings).publish, self._drops)
        self._reporter = StatusReporter(
            lambda: connect_redis(settings),
            self.workers.values,
            dict,
            self._drops,
            self._dispatcher.offered,
            _recording,
            holder=holder,
        )
        self._dispatcher.start()
        self._reporter.start()

    def offer(self, consumer: str, ref: FrameRef, pixels: Picture) -> None:  # noqa: ARG002  # as a camera's sink
        """Hand a frame to the workers."""
        self._dispatcher.offer(consumer, ref.camera_id)

    def send(self, camera_id: int, picture: Picture) -> None:
        """This camera's next frame is this one, taken now."""
        now, worker = time.time(), self.workers[camera_id]
        ref = self._store.write(camera_id, picture, now)
        figures = worker.figures
        figures.received, figures.decoded, figures.sampled = (
            figures.received + 1, figures.decoded + 1, figures.sampled + 1,
        )  # fmt: skip
        figures.last_frame_at, figures.width, figures.height = now, ref.width, ref.height
        self.offer(KIND, ref, picture)

    def stop(self) -> None:
        """End the threads."""
        self._dispatcher.stop(2.0)
        self._reporter.stop(2.0)

    def _camera(self, number: int, fps: float) -> CameraWorker:
        camera = Camera(number, f"camera {number:04d}", "", recognitions=(CameraRecognition(KIND, fps),))
        worker = CameraWorker(camera, {KIND: fps}, store=self._store, sink=self, drops=self._drops)
        worker.condition = Condition(State.STREAMING, time.time())
        return worker


def _recording(_: int) -> dict[str, Any]:
    return {
        "mode": "off", "state": "off", "reason": None, "last_segment_at": None, "segments": 0, "bytes": 0, "gaps": 0,
        "waiting_bytes": 0,
    }  # fmt: skip


class SimulatedCameras:
    """All cameras of an installation, spread over shards as capture spreads them. One thread sends all frames."""

    def __init__(self, settings: Settings, cameras: int, fps: float) -> None:
        ids = range(1, cameras + 1)
        per_shard = settings.cameras_per_shard
        self._store, self._fps, self._count = open_frame_store(settings), fps, cameras
        self._shards = [
            SimulatedShard(settings, self._store, ids[start : start + per_shard], fps)
            for start in range(0, cameras, per_shard)
        ]
        self._per_shard = per_shard
        rng = np.random.default_rng(0)
        self._picture = rng.integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)

    def run(self, seconds: float) -> tuple[int, float]:
        """Frames of all cameras at even times; how many, and how late the latest was sent, in seconds."""
        started_s, late_s = time.monotonic(), 0.0
        frames = round(seconds * self._fps * self._count)
        for number in range(frames):
            due_s = started_s + number * seconds / frames
            time.sleep(max(0.0, due_s - time.monotonic()))
            late_s = max(late_s, time.monotonic() - due_s)
            camera = number % self._count
            self._shards[camera // self._per_shard].send(camera + 1, self._picture)
        time.sleep(max(0.0, started_s + seconds - time.monotonic()))
        return frames, late_s

    def stop(self) -> None:
        """End; rings and leases stay until the installation ends."""
        for shard in self._shards:
            shard.stop()
        self._store.close()
