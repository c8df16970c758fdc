"""What capture says of its cameras, and what it has counted, every second, in Redis."""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import redis

from capture.camera_worker import CameraWorker
from capture.drops import Drops
from capture.rates import recognition_rates
from core import keys
from core.clock import Clock, SystemClock
from core.complaint import Complaint
from core.figures import REGISTRY
from core.lease_table import LeasedValue, LeaseTable

log = logging.getLogger(__name__)

INTERVAL_S = 1.0
LIFETIME_S = 15
"""A camera whose status has expired is one that nobody watches."""
NEWEST_LIFETIME_S = 86_400
"""An older picture says nothing of a camera, and paths of removed cameras must go some day."""
RATE_WINDOW_S = 10.0
REDIS_TIMEOUT_S = 2.0


class Rates:
    """Rates of counters over the last seconds."""

    def __init__(self, window_s: float = RATE_WINDOW_S) -> None:
        self._window_s = window_s
        self._samples: deque[tuple[float, Mapping[str, int]]] = deque()

    def add(self, at_s: float, counters: Mapping[str, int]) -> None:
        """Note what the counters say now. Where one fell or others are counted than before, the window starts anew."""
        samples = self._samples
        if samples and not _goes_on(samples[-1][1], counters):
            samples.clear()
        samples.append((at_s, dict(counters)))
        while len(samples) > 2 and at_s - samples[1][0] >= self._window_s:
            samples.popleft()

    def per_second(self, name: str) -> float:
        """Mean rate over the window, or over what there is of it; 0 where nothing is known yet."""
        if len(self._samples) < 2:
            return 0.0
        (from_s, first), (to_s, last) = self._samples[0], self._samples[-1]
        elapsed_s = to_s - from_s
        return round((last[name] - first[name]) / elapsed_s, 2) if elapsed_s > 0 and name in last else 0.0


def _noted(client: redis.Redis, key: str, workers: Mapping[int, CameraWorker]) -> dict[int, dict[str, bytes | None]]:
    """Camera → recognition → what a hash of ``<recognition>:<camera id>`` says of it."""
    fields = [(camera_id, kind) for camera_id, worker in workers.items() for kind in recognition_rates(worker.camera)]
    said: Any = client.hmget(key, [f"{kind}:{camera_id}" for camera_id, kind in fields]) if fields else []
    noted: dict[int, dict[str, bytes | None]] = {}
    for (camera_id, kind), value in zip(fields, said, strict=True):
        noted.setdefault(camera_id, {})[kind] = value
    return noted


def _goes_on(before: Mapping[str, int], now: Mapping[str, int]) -> bool:
    return before.keys() == now.keys() and all(now[name] >= value for name, value in before.items())


class StatusReporter:
    """One thread for all cameras of a process."""

    def __init__(
        self,
        connect: Callable[[], redis.Redis],
        workers: Callable[[], Iterable[CameraWorker]],
        newest_paths: Callable[[], dict[int, str]],
        drops: Drops,
        offered: Callable[[int], dict[str, int]],
        recording: Callable[[int], dict[str, Any]],
        *,
        holder: str,
        clock: Clock | None = None,
    ) -> None:
        """Idle until `start`.

        Args:
            connect: makes a client of Redis.
            workers: of the cameras to report.
            newest_paths: camera → path of its newest kept frame, of those that are new.
            drops: counters of what was lost.
            offered: camera → recognition → frames offered to workers.
            recording: camera → what there is to say of its recording.
            holder: of the leases of the cameras; what is said of others' is dropped.
            clock: of the machine by default.
        """
        self._connect, self._workers, self._newest_paths = connect, workers, newest_paths
        self._drops, self._offered, self._recording, self._holder = drops, offered, recording, holder
        self._clock = clock or SystemClock()
        self._client: redis.Redis | None = None
        self._rates: dict[int, Rates] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="status", daemon=True)

    def start(self) -> None:
        """Begin to report."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the thread; what was said last expires."""
        self._stopped.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        complaint = Complaint(log, "The status of cameras cannot be written")
        while not self._stopped.wait(INTERVAL_S):
            try:
                self.report()
            except Exception as error:  # noqa: BLE001  # whatever it is, the next second is another try
                complaint.failed(error)
                for worker in self._workers():
                    worker.seen_at = None
            else:
                complaint.well()

    def report(self) -> None:
        """Write the status of every camera.

        Raises:
            redis.RedisError: Redis cannot be reached.
            UnavailableError: none is known.
        """
        if self._client is None:
            self._client = self._connect()
        workers = {w.camera.id: w for w in self._workers()}
        served = self._served(self._client, workers)
        self._tell_seen(self._client, workers)
        said = [
            LeasedValue(str(c), keys.camera_status(c), json.dumps(self._status(worker, served.get(c, {}))), LIFETIME_S)
            for c, worker in workers.items()
        ]
        newest = [
            LeasedValue(str(c), keys.newest_kept_frame(c), path, NEWEST_LIFETIME_S)
            for c, path in self._newest_paths().items()
        ]
        LeaseTable(self._client, keys.CAPTURE_LEASES, self._holder).write([*said, *newest])
        REGISTRY.flush(self._client)
        for camera_id in self._rates.keys() - workers.keys():
            del self._rates[camera_id]

    def _tell_seen(self, client: redis.Redis, workers: Mapping[int, CameraWorker]) -> None:
        """Have the cameras' motion gates know where recognitions have seen something."""
        seen = _noted(client, keys.SEEN, workers)
        for camera_id, worker in workers.items():
            worker.seen_at = {kind: float(at) for kind, at in seen.get(camera_id, {}).items() if at is not None}

    def _served(self, client: redis.Redis, workers: Mapping[int, CameraWorker]) -> dict[int, dict[str, int]]:
        """Camera → recognition → frames that workers took so far."""
        noted = _noted(client, keys.SERVED, workers)
        return {camera_id: {kind: int(n or 0) for kind, n in counts.items()} for camera_id, counts in noted.items()}

    def _status(self, worker: CameraWorker, served: Mapping[str, int]) -> dict[str, Any]:
        figures, condition, sampler = worker.figures, worker.condition, worker.sampler
        rates = self._rates.setdefault(worker.camera.id, Rates())
        counters = {"received": figures.received, "decoded": figures.decoded, "sampled": figures.sampled}
        recording = self._recording(worker.camera.id)
        others = {"recorded": recording["bytes"], **{f"served {kind}": n for kind, n in served.items()}}
        rates.add(self._clock.monotonic(), {**counters, **others})
        asked = recognition_rates(worker.camera)
        return {
            "node": self._holder.partition(":")[0],
            "state": condition.state,
            "reason": condition.reason,
            "message": condition.message,
            "since": condition.since,
            "last_frame_at": figures.last_frame_at,
            "moving": figures.moving,
            "motion_at": figures.motion_at,
            **{f"{name}_fps": rates.per_second(name) for name in counters},
            "asked_fps": asked,
            "reached_fps": {kind: rates.per_second(f"served {kind}") for kind in asked},
            "drops": self._drops.of(worker.camera.id),
            "offered": self._offered(worker.camera.id),
            "reconnects": figures.reconnects,
            "width": figures.width,
            "height": figures.height,
            "codec": figures.codec,
            "gop_s": sampler.gop_s,
            "key_frames_only": sampler.key_frames_only,
            "recording": {**recording, "bytes_per_s": rates.per_second("recorded")},
        }
