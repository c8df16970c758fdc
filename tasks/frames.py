"""Frames workers: a task takes tokens, the batcher of its recognition takes frames, observations go on to be judged."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

import redis
from kombu.exceptions import OperationalError

from core import keys
from core.clock import SystemClock
from core.errors import CamrecError
from core.recognitions import RECOGNITIONS, Recognition
from core.redis_client import connect_redis
from core.settings import Settings
from core.types import Clip, Detection, Frame, Observation, Picture
from inference.batcher import Batcher, QueueFullError
from inference.catalogue import ModelStore
from inference.recognisers import Recogniser, build_recogniser, models_state
from storage.database import Database
from storage.frames.store import FrameStore
from storage.frames.tokens import Tokens
from storage.media import encode_jpeg
from storage.model_choices import Choice, ModelChoices
from tasks.application import app
from tasks.camera_recognisers import CameraRecognisers
from tasks.observations import ObservationLog, ShardFullError
from tasks.recogniser_in_use import ModelsWatch, RecogniserInUse

log = logging.getLogger(__name__)

RESULT_TIMEOUT_S = 30.0
"""A model that runs longer than this on one batch hangs; the task fails and the frame counts as lost."""

Seen = tuple[Frame, tuple[Detection, ...], str]
"""A frame, what was seen on it, and the names of the models that saw it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What is recognised of a camera."""

    frame: Frame
    """Its newest."""
    content: Picture | Clip
    """The frame's pixels, or the clip that ends with it."""
    recogniser: Recogniser
    """That of its camera when it was taken: an exchange meanwhile costs no frame."""


def instances(settings: Settings) -> int:
    """Batches that run at once in one worker: one for each core, or two on a GPU to overlap copying and computing."""
    if settings.instances is not None:
        return settings.instances
    return 2 if settings.gpu is not None else max(1, len(os.sched_getaffinity(0)))


class FrameService:
    """One recognition in one worker."""

    def __init__(
        self,
        recognition: Recognition,
        settings: Settings,
        client: redis.Redis,
        store: FrameStore,
        choices: ModelChoices,
    ) -> None:
        self.recognition = recognition
        self._client = client
        self._store = store
        self._evidence = store.evidence
        self._tokens = Tokens(client)
        self._log = ObservationLog(client)
        self._clock = SystemClock()
        self._newest_seq: dict[int, int] = {}
        self._seq_lock = threading.Lock()
        self.recognisers = CameraRecognisers(
            recognition.kind,
            lambda choice: _recogniser_in_use(recognition.kind, settings, choice),
            lambda: choices.of(recognition.kind),
        )
        self._batcher: Batcher[int, Sample, Seen | None] = Batcher(
            take=self._take,
            predict=self._predict,
            age_s=lambda sample: self._clock.now() - sample.frame.ref.captured_at,
            on_drop=lambda cause, sample: self._count_drop(sample.frame.ref.camera_id, cause),
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
                self._fail([camera_id], error)
                continue
            if seen is not None:
                self._publish(*seen)

    def _take(self, camera_id: int) -> Sample | None:
        self._tokens.take(self.recognition, camera_id)
        recogniser = self.recognisers.of(camera_id).current
        if recogniser is None:
            self._count_drop(camera_id, "model_missing")
            return None
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
            return None
        if self.recognition.clip is None:
            return Sample(frame, frame.pixels, recogniser)
        clip = self._store.clip(camera_id, self.recognition.clip)
        return None if clip is None else Sample(frame, clip, recogniser)  # the first second of a stream makes no clip

    def _predict(self, samples: list[Sample]) -> list[Seen | None]:
        """One run for each recogniser: mostly all cameras have the same. None: its recogniser failed."""
        seen: list[Seen | None] = [None] * len(samples)
        for recogniser in {id(sample.recogniser): sample.recogniser for sample in samples}.values():
            places = [i for i, sample in enumerate(samples) if sample.recogniser is recogniser]
            try:
                found = recogniser.recognise([samples[i].content for i in places])
            except Exception as error:  # noqa: BLE001  # a camera's own model must not cost the others their frames
                self._fail([samples[i].frame.ref.camera_id for i in places], error)
                continue
            for place, several in zip(places, found, strict=True):
                sample = samples[place]
                seen[place] = (sample.frame, _in_frame(several, sample.frame, sample.content), recogniser.model)
        return seen

    def _fail(self, camera_ids: Sequence[int], error: Exception) -> None:
        for camera_id in camera_ids:
            log.error("camera %d: frame not recognised: %s: %s", camera_id, type(error).__name__, error)
            self._count_drop(camera_id, "failed")

    def _publish(self, frame: Frame, detections: tuple[Detection, ...], model: str) -> None:
        camera_id = frame.ref.camera_id
        try:
            if any(d.score >= self.recognition.evidence_score for d in detections):
                self._evidence.keep(camera_id, frame.ref.seq, encode_jpeg(frame.pixels))
            observation = Observation(frame.ref, self.recognition.kind, detections, model)
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


def _recogniser_in_use(kind: str, settings: Settings, choice: Choice) -> RecogniserInUse:
    models = ModelStore(settings.models_dir, {f"{kind}.{role}": name for role, name in choice})
    return RecogniserInUse(
        kind,
        lambda: build_recogniser(kind, models, gpu=settings.gpu, threads=1),
        lambda: models_state(kind, models),
    )


def _in_frame(detections: tuple[Detection, ...], frame: Frame, sample: Picture | Clip) -> tuple[Detection, ...]:
    """Boxes in pixels of the frame: the pictures of a clip are smaller."""
    if not isinstance(sample, Clip):
        return detections
    factor = frame.ref.width / sample.pictures[0].shape[1]
    return tuple(
        replace(d, box=(d.box[0] * factor, d.box[1] * factor, d.box[2] * factor, d.box[3] * factor)) for d in detections
    )


@dataclass(slots=True)
class _Running:
    services: dict[str, FrameService]
    database: Database
    store: FrameStore
    watch: ModelsWatch


_running: _Running | None = None


def start(settings: Settings, queues: Sequence[str]) -> None:
    """Load and warm up the models of these queues; where one is missing, only its recognition waits for it.

    Raises:
        CamrecError: the device that was asked for cannot be used.
    """
    global _running  # noqa: PLW0603  # one worker process has one set of models
    client, store, database = connect_redis(settings), FrameStore(settings), Database(settings)
    choices = ModelChoices(database)
    services = {
        r.kind: FrameService(r, settings, client, store, choices) for r in RECOGNITIONS.values() if r.queue in queues
    }
    watch = ModelsWatch([service.recognisers for service in services.values()])
    _running = _Running(services, database, store, watch)


def stop() -> None:
    """Let running batches finish and let go of models and frames."""
    global _running  # noqa: PLW0603
    if _running is not None:
        _running.watch.close()
        for service in _running.services.values():
            service.close()
        _running.store.close()
        _running.database.close()
        _running = None


def models() -> dict[str, str]:
    """Recognition → models in use in this process."""
    recognisers = {} if _running is None else {k: s.recognisers.usual.current for k, s in _running.services.items()}
    return {kind: recogniser.model for kind, recogniser in recognisers.items() if recogniser is not None}


def missing() -> dict[str, str]:
    """Recognition → why its model is missing in this process, and the command that brings it."""
    reasons = {} if _running is None else {k: s.recognisers.usual.missing for k, s in _running.services.items()}
    return {kind: reason for kind, reason in reasons.items() if reason is not None}


def missing_for_cameras() -> dict[str, dict[int, str]]:
    """Recognition → cameras whose own choice of models this process cannot use, and why."""
    waiting = {} if _running is None else {k: s.recognisers.waiting for k, s in _running.services.items()}
    return {kind: cameras for kind, cameras in waiting.items() if cameras}


def recognise(kind: str, camera_ids: Sequence[int]) -> None:
    """What the frames task of each recognition does."""
    if _running is None or kind not in _running.services:
        raise RuntimeError(f"this worker was not started for {kind}")
    _running.services[kind].recognise(camera_ids)
