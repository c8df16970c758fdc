"""One recognition in a frames worker: frames are taken by their tokens, recognised in batches, and published."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future

import redis

from core import keys
from core.clock import SystemClock
from core.errors import CamrecError, UnavailableError
from core.recognitions import Recognition
from core.settings import Settings
from core.tracing import Tracing
from core.types import Clip, Observation, Picture
from inference.batcher import Batcher, QueueFullError
from inference.catalogue import ModelStore
from inference.gpu import DeviceError, gpu_of
from inference.model_runs import noted_runs
from inference.recognisers import build_recogniser, models_state
from storage.frames.store import FrameStore
from storage.frames.tokens import Tokens
from storage.media import encode_jpeg
from storage.model_choices import Choice, ModelChoices
from tasks.application import app
from tasks.camera_recognisers import CameraRecognisers
from tasks.device_guard import DeviceGuard
from tasks.frame_way import FrameWay
from tasks.observations import ObservationLog
from tasks.recogniser_in_use import RecogniserInUse
from tasks.samples import Sample, Seen, in_frame
from tasks.seen import SeenNotes

log = logging.getLogger(__name__)

RESULT_TIMEOUT_S = 30.0
"""A model that runs longer than this on one batch hangs; the frame counts as lost, and a GPU as failed."""


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
        tracing: Tracing,
    ) -> None:
        self.recognition = recognition
        self._client = client
        self._store = store
        self._evidence = store.evidence
        self._way = FrameWay(recognition.kind, tracing)
        self._tokens = Tokens(client)
        self._log = ObservationLog(client)
        self._seen = SeenNotes(client, recognition.kind)
        self._clock = SystemClock()
        self._guard, self._gpu = DeviceGuard(), settings.gpu
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
            on_batch=self._way.batch_ran,
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
        futures: deque[tuple[int, Future[Seen | None]]] = deque()
        for camera_id in camera_ids:
            try:
                futures.append((camera_id, self._batcher.submit(camera_id)))
            except QueueFullError:
                self._tokens.withdraw(self.recognition, camera_id)
                self._count_drop(camera_id, "worker_busy")
        while futures:
            seen = [self._seen_of(*futures.popleft())]
            while futures and futures[0][1].done():  # mostly of the same batch: they go out together
                seen.append(self._seen_of(*futures.popleft()))
            self._publish([one for one in seen if one is not None])

    def expired(self, camera_ids: Sequence[int]) -> None:
        """The message of these cameras waited for longer than their tokens live."""
        for camera_id in camera_ids:
            self._count_drop(camera_id, "expired")

    def _seen_of(self, camera_id: int, future: Future[Seen | None]) -> Seen | None:
        try:
            return future.result(timeout=RESULT_TIMEOUT_S)
        except Exception as error:  # noqa: BLE001  # one camera's failure must not cost the others their frames
            if not future.done() and self._gpu is not None:
                self._guard.failed(DeviceError(f"GPU {self._gpu} gave nothing back for {RESULT_TIMEOUT_S:g} s."))
            self._fail([camera_id], error)
            return None

    def _take(self, camera_ids: Sequence[int]) -> list[Sample | None]:
        started_at = self._clock.now()
        waits_s = self._tokens.take(self.recognition, camera_ids)
        samples: list[Sample | None] = []
        for camera_id, waited_s in zip(camera_ids, waits_s, strict=True):
            self._way.token_taken(waited_s)
            try:
                samples.append(self._sample(camera_id, started_at, waited_s))
            except Exception as error:  # noqa: BLE001  # one camera's ring must not cost the others their frames
                self._fail([camera_id], error)
                samples.append(None)
        return samples

    def _sample(self, camera_id: int, started_at: float, waited_s: float | None) -> Sample | None:
        recogniser = self.recognisers.of(camera_id).current
        if recogniser is None:
            self._count_drop(camera_id, "model_missing")
            return None
        try:
            frame = self._store.newest(camera_id)
        except UnavailableError as error:
            log.debug("camera %d: %s", camera_id, error)
            self._count_drop(camera_id, "store_down")
            return None
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
        content: Picture | Clip | None = frame.pixels
        if self.recognition.clip is not None:
            content = self._store.clip(camera_id, self.recognition.clip)
        if content is None:
            self._count_drop(camera_id, "no_clip")
            return None
        sample = Sample(frame, content, recogniser, started_at - (waited_s or 0.0), self._clock.now())
        self._way.taken(sample, started_at)
        return sample

    def _predict(self, samples: list[Sample]) -> list[Seen | None]:
        """One run for each recogniser: mostly all cameras have the same. None: its recogniser failed."""
        seen: list[Seen | None] = [None] * len(samples)
        for recogniser in {id(sample.recogniser): sample.recogniser for sample in samples}.values():
            places = [i for i, sample in enumerate(samples) if sample.recogniser is recogniser]
            started_at = self._clock.now()
            try:
                with noted_runs() as runs:
                    found = recogniser.recognise([samples[i].content for i in places])
            except Exception as error:  # noqa: BLE001  # a camera's own model must not cost the others their frames
                self._guard.failed(error)
                self._fail([samples[i].frame.ref.camera_id for i in places], error)
                continue
            self._guard.worked()
            self._way.ran([samples[i] for i in places], started_at, recogniser.model, runs)
            for place, several in zip(places, found, strict=True):
                sample = samples[place]
                seen[place] = (sample, in_frame(several, sample.frame, sample.content), recogniser.model)
        return seen

    def _fail(self, camera_ids: Sequence[int], error: Exception) -> None:
        for camera_id in camera_ids:
            log.error("camera %d: frame not recognised: %s: %s", camera_id, type(error).__name__, error)
            self._count_drop(camera_id, "failed")

    def _publish(self, seen: Sequence[Seen]) -> None:
        started_at = self._clock.now()
        kind, seen = self.recognition.kind, [one for one in seen if self._keep_evidence(one)]
        if not seen:
            return
        try:
            for sample, detections, _ in seen:
                if detections:  # before: what fails after the observation is out would count it as dropped, too
                    self._seen.note(sample.frame.ref.camera_id, sample.frame.ref.captured_at)
            added = self._log.append([Observation(s.frame.ref, kind, found, model) for s, found, model in seen], app)
        except (redis.RedisError, OSError) as error:
            log.warning("%d observations of %s not published: %s", len(seen), kind, error)
            for sample, _, _ in seen:
                self._count_drop(sample.frame.ref.camera_id, "broker_down")
            return
        for (sample, detections, _), is_added in zip(seen, added, strict=True):
            if is_added:
                self._way.published(sample, started_at, len(detections))
            else:
                self._count_drop(sample.frame.ref.camera_id, "events_queue_full")

    def _keep_evidence(self, seen: Seen) -> bool:
        """Whether there is room for the picture that an event would show; True where none is needed."""
        sample, detections, _ = seen
        frame = sample.frame
        if not any(d.score >= self.recognition.evidence_score for d in detections):
            return True
        try:
            self._evidence.keep(frame.ref.camera_id, frame.ref.seq, frame.jpeg or encode_jpeg(frame.pixels))
        except (CamrecError, OSError) as error:
            log.warning("camera %d: %s", frame.ref.camera_id, error)
            self._count_drop(frame.ref.camera_id, "no_evidence_room")
            return False
        except Exception as error:  # noqa: BLE001  # one camera's picture must not cost the others their observations
            self._fail([frame.ref.camera_id], error)
            return False
        return True

    def _count_drop(self, camera_id: int, cause: str) -> None:
        try:
            self._client.hincrby(keys.WORKER_DROPS, f"{self.recognition.kind}:{camera_id}:{cause}", 1)
        except redis.RedisError as error:
            log.debug("drop not counted: %s", error)


def _recogniser_in_use(kind: str, settings: Settings, choice: Choice) -> RecogniserInUse:
    models = ModelStore(settings.models_dir, {f"{kind}.{role}": name for role, name in choice})
    gpu = gpu_of(settings)
    return RecogniserInUse(
        kind,
        lambda: build_recogniser(kind, models, gpu=gpu, threads=1),
        lambda: models_state(kind, models),
    )
