"""Frames workers: a task takes tokens, the batcher of its recognition takes frames, observations go on to be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
from celery.signals import task_revoked

from core.recognitions import RECOGNITIONS
from core.redis_client import connect_redis
from core.settings import Settings
from core.tracing import Tracing
from storage.database import Database
from storage.frames.store import FrameStore, open_frame_store
from storage.model_choices import ModelChoices
from tasks.frame_service import FrameService
from tasks.recogniser_in_use import ModelsWatch


@dataclass(slots=True)
class _Running:
    services: dict[str, FrameService]
    database: Database
    store: FrameStore
    watch: ModelsWatch
    tracing: Tracing


_running: _Running | None = None


def start(settings: Settings, queues: Sequence[str]) -> None:
    """Load and warm up the models of these queues; where one is missing, only its recognition waits for it.

    Raises:
        CamrecError: the device that was asked for cannot be used.
    """
    global _running  # noqa: PLW0603  # one worker process has one set of models
    if settings.gpu is None:
        cv2.setNumThreads(1)  # a batch runs on each core already: OpenCV's own threads would wait for them
    client, store, database = connect_redis(settings), open_frame_store(settings), Database(settings)
    choices, tracing = ModelChoices(database), Tracing(settings, "worker")
    services = {
        r.kind: FrameService(r, settings, client, store, choices, tracing)
        for r in RECOGNITIONS.values()
        if r.queue in queues
    }
    watch = ModelsWatch([service.recognisers for service in services.values()])
    _running = _Running(services, database, store, watch, tracing)


def stop() -> None:
    """Let running batches finish and let go of models and frames."""
    global _running  # noqa: PLW0603
    if _running is not None:
        _running.watch.close()
        for service in _running.services.values():
            service.close()
        _running.tracing.close()
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


@task_revoked.connect
def count_expired(sender: Any = None, request: Any = None, *, expired: bool = False, **_: object) -> None:
    """Celery drops a message that has expired without a word but this."""
    if expired and _running is not None:
        for service in _running.services.values():
            if service.recognition.task == sender.name:
                service.expired(*request.args)


def recognise(kind: str, camera_ids: Sequence[int]) -> None:
    """What the frames task of each recognition does."""
    if _running is None or kind not in _running.services:
        raise RuntimeError(f"this worker was not started for {kind}")
    _running.services[kind].recognise(camera_ids)
