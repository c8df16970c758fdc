"""Frames workers: a task takes tokens, the batcher of its recognition takes frames, observations go on to be judged."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import redis
from kombu.exceptions import OperationalError

from core import keys
from core.clock import SystemClock
from core.errors import CamrecError
from core.recognitions import RECOGNITIONS, Recognition
from core.redis_client import connect_redis
from core.settings import Settings
from core.types import Detection, Frame, Observation
from inference.batcher import Batcher, QueueFullError
from inference.catalogue import ModelStore
from inference.recognisers import build_recogniser
from storage.frames.evidence import Evidence
from storage.frames.store import FrameStore
from storage.frames.tokens import Tokens
from storage.media import encode_jpeg
from tasks.application import app
from tasks.observations import ObservationLog, ShardFullError

log = logging.getLogger(__name__)

RESULT_TIMEOUT_S = 30.0
"""A model that runs longer than this on one batch hangs; the task fails and the frame counts as lost."""

Seen = tuple[Frame, tuple[Detection, ...]]


def instances(settings: Settings) -> int:
    """Batches that run at once in one worker: one for each core, or two on a GPU to overlap copying and computing."""
    if settings.instances is not None:
        return settings.instances
    return 2 if settings.gpu is not None else max(1, len(os.sched_getaffinity(0)))


class FrameService:
    """One recognition in one worker."""

    def __init__(self, recognition: Recognition, settings: Settings, client: redis.Redis, store: FrameStore) -> None:
        self.recognition = recognition
        self._client = client
        self._store = store
        self._evidence = Evidence(store.folder / "evidence")
        self._tokens = Tokens(client)
        self._log = ObservationLog(client)
        self._clock = SystemClock()
        self._newest_seq: dict[int, int] = {}
        self._seq_lock = threading.Lock()
        self.recogniser = build_recogniser(
            recognition.kind, ModelStore(settings.models_dir), gpu=settings.gpu, threads=1
        )
        self._batcher: Batcher[int, Frame, Seen] = Batcher(
            take=self._take,
            predict=self._predict,
            age_s=lambda frame: self._clock.now() - frame.ref.captured_at,
            on_drop=lambda cause, frame: self._count_drop(frame.ref.camera_id, cause),
            on_batch=self._count_batch,
            max_batch=settings.max_batch,
            max_delay_s=settings.max_delay_ms / 1000,
            max_queue=settings.max_queue,
            deadline_s=settings.deadline_s,
            instances=instances(settings),
            clock=self._clock,
        )

    def close(self) -> None:
        """Let what is in a batch finish."""
        self._batcher.close()

    def recognise(self, camera_ids: Sequence[int]) -> None:
        """Recognise the newest frame of each camera and publish what was seen."""
        futures: list[tuple[int, Future[Seen | None]]] = []
        for camera_id in camera_ids:
            try:
                futures.append((camera_id, self._batcher.submit(camera_id)))
            except QueueFullError:
                self._tokens.withdraw(self.recognition, camera_id)
                self._count_drop(camera_id, "worker_busy")
        for camera_id, future in futures:
            try:
                seen = future.result(timeout=RESULT_TIMEOUT_S)
            except Exception as error:  # noqa: BLE001  # one camera's failure must not cost the others their frames
                log.error("camera %d: frame not recognised: %s: %s", camera_id, type(error).__name__, error)
                self._count_drop(camera_id, "failed")
                continue
            if seen is not None:
                self._publish(*seen)

    def _take(self, camera_id: int) -> Frame | None:
        self._tokens.take(self.recognition, camera_id)
        frame = self._store.newest(camera_id)
        if frame is None:
            self._count_drop(camera_id, "no_frame")
            return None
        with self._seq_lock:
            if frame.ref.seq <= self._newest_seq.get(camera_id, 0):
                frame = None  # a doubled token: the frame was recognised already
            else:
                self._newest_seq[camera_id] = frame.ref.seq
        if frame is None:
            self._count_drop(camera_id, "duplicate")
        return frame

    def _predict(self, frames: list[Frame]) -> list[Seen]:
        return list(zip(frames, self.recogniser.recognise([f.pixels for f in frames]), strict=True))

    def _publish(self, frame: Frame, detections: tuple[Detection, ...]) -> None:
        camera_id = frame.ref.camera_id
        try:
            if detections:
                self._evidence.keep(camera_id, frame.ref.seq, encode_jpeg(frame.pixels))
            observation = Observation(frame.ref, self.recognition.kind, detections, self.recogniser.model)
            self._log.append(observation, app)
        except (OperationalError, redis.RedisError, OSError) as error:
            log.warning("camera %d: observation not published: %s", camera_id, error)
            self._count_drop(camera_id, "broker_down")
        except ShardFullError:
            self._count_drop(camera_id, "events_queue_full")
        except CamrecError as error:
            log.warning("camera %d: %s", camera_id, error)
            self._count_drop(camera_id, "no_evidence_room")

    def _count_drop(self, camera_id: int, cause: str) -> None:
        try:
            self._client.hincrby(keys.WORKER_DROPS, f"{self.recognition.kind}:{camera_id}:{cause}", 1)
        except redis.RedisError as error:
            log.debug("drop not counted: %s", error)

    def _count_batch(self, size: int, wait_s: float, run_s: float) -> None:
        try:
            pipeline = self._client.pipeline(transaction=False)
            for figure, amount in (("batches", 1), ("frames", size), ("wait_seconds", wait_s), ("run_seconds", run_s)):
                pipeline.hincrbyfloat(keys.RECOGNISER_FIGURES, f"{self.recognition.kind}:{figure}", amount)
            pipeline.execute()
        except redis.RedisError as error:
            log.debug("batch not counted: %s", error)


@dataclass(slots=True)
class _Running:
    services: dict[str, FrameService]
    client: redis.Redis
    store: FrameStore


_running: _Running | None = None


def start(settings: Settings, queues: Sequence[str]) -> None:
    """Load and warm up the models of these queues.

    Raises:
        CamrecError: a model or the device that was asked for cannot be used.
    """
    global _running  # noqa: PLW0603  # one worker process has one set of models
    client, store = connect_redis(settings), FrameStore(settings)
    services = {r.kind: FrameService(r, settings, client, store) for r in RECOGNITIONS.values() if r.queue in queues}
    for service in services.values():
        service.recogniser.warm_up()
        log.info("%s: %s", service.recognition.kind, service.recogniser.describe())
    _running = _Running(services, client, store)


def stop() -> None:
    """Let running batches finish and let go of models and frames."""
    global _running  # noqa: PLW0603
    if _running is not None:
        for service in _running.services.values():
            service.close()
        _running.store.close()
        _running = None


def models() -> dict[str, str]:
    """Recognition → models in use in this process."""
    return {} if _running is None else {kind: s.recogniser.model for kind, s in _running.services.items()}


def recognise(kind: str, camera_ids: Sequence[int]) -> None:
    """What the frames task of each recognition does."""
    if _running is None or kind not in _running.services:
        raise RuntimeError(f"this worker was not started for {kind}")
    _running.services[kind].recognise(camera_ids)
