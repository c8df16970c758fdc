"""Three classes of workers. The class follows from the queues (-Q), and the transport options from the class."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from celery.signals import celeryd_init, worker_init, worker_shutdown
from celery.signals import setup_logging as celery_setup_logging

from celeryconfig import SOCKET_OPTIONS
from core.allocator import share_arenas
from core.errors import CamrecError
from core.garbage import forget_start
from core.log import setup_logging
from core.recognitions import EVENT_QUEUES, FRAME_QUEUES, JOB_QUEUES
from core.settings import get_settings
from storage.frames.store import FrameStoreName
from tasks import frames, presence, shards
from tasks.frame_service import instances

log = logging.getLogger(__name__)

FRAMES, EVENTS, JOBS = "frames", "events", "jobs"


@dataclass(frozen=True, slots=True)
class WorkerClass:
    """What workers of a class have in common."""

    name: str
    queues: tuple[str, ...]
    transport_options: dict[str, Any]


WORKER_CLASSES = (
    WorkerClass(
        FRAMES,
        FRAME_QUEUES,
        # Frames are disposable: without acknowledgements a worker takes 3.5 times as many messages a second.
        {"ack_emulation": False},
    ),
    WorkerClass(
        EVENTS,
        EVENT_QUEUES,
        # These messages only wake; observations wait in streams until a checkpoint covers them.
        {"ack_emulation": False},
    ),
    WorkerClass(
        JOBS,
        JOB_QUEUES,
        # Longer than any job may take: a job that is still running must not be given to another worker.
        {"visibility_timeout": 6 * 3600, "unacked_restore_interval": 30, "unacked_restore_throttle": 1},
    ),
)


def class_of(queues: list[str]) -> WorkerClass:
    """The class of a worker that consumes these queues.

    Raises:
        CamrecError: an unknown queue, or queues of two classes; the text holds the commands to use instead.
    """
    known = [queue for c in WORKER_CLASSES for queue in c.queues]
    unknown = sorted(set(queues) - set(known))
    if unknown:
        raise CamrecError(f"There is no queue {', '.join(unknown)}. Queues: {', '.join(known)}.")
    found = [c for c in WORKER_CLASSES if set(c.queues) & set(queues)]
    if len(found) == 1:
        return found[0]
    commands = "\n".join(
        f"  celery -A tasks worker -n {c.name}@%h -Q {','.join(q for q in c.queues if q in queues)}" for c in found
    )
    raise CamrecError(
        "Frames, events and jobs need different pools and transport options, which belong to a process, "
        f"so one worker cannot consume them all. Start {len(found)} workers instead:\n{commands}"
    )


@celeryd_init.connect
def choose_class(options: dict[str, Any] | None = None, conf: Any = None, **_: object) -> None:
    """Set pool, concurrency and transport options before the worker connects; refuse a mixture with the way out."""
    share_arenas()
    settings = get_settings()
    try:
        worker_class = class_of(_asked_queues(options or {}))
    except CamrecError as error:
        raise SystemExit(str(error)) from None
    conf.broker_transport_options = {**SOCKET_OPTIONS, **worker_class.transport_options}
    if worker_class.name == FRAMES:
        # Two full batches for each instance keep it busy; one message held back for each thread is enough.
        running = instances(settings)
        conf.worker_concurrency = conf.worker_concurrency or min(64, 2 * settings.max_batch * running)
        conf.worker_prefetch_multiplier = 1
    elif worker_class.name == EVENTS:
        # One thread: the observations of a camera are judged in order.
        conf.worker_concurrency = 1
        conf.worker_prefetch_multiplier = 1
    else:
        # A backup and a clip that is drawn on (one at a time) take long; what they leave makes the clips of events.
        conf.worker_concurrency = conf.worker_concurrency or 3
        conf.worker_prefetch_multiplier = 1
        conf.worker_disable_prefetch = True


@worker_init.connect
def prepare(sender: Any = None, **_: object) -> None:
    """Load and warm up models before the worker consumes, so that no frame waits for that."""
    settings = get_settings()
    queues = sorted(sender.app.amqp.queues.consume_from)
    try:
        worker_class = class_of(queues)
        if worker_class.name == FRAMES:
            frames.start(settings, queues)
        elif worker_class.name == EVENTS:
            shards.start(settings, sender, queues)
        frame_store = None if worker_class.name == JOBS else FrameStoreName(settings)
        presence.start(settings, sender.hostname, worker_class.name, queues, frame_store)
    except CamrecError as error:
        raise SystemExit(str(error)) from None
    except Exception as error:  # Celery's signals only log it: the worker would eat frames and recognise nothing
        log.exception("The worker cannot start")
        raise SystemExit(1) from error
    forget_start()


@worker_shutdown.connect
def clean_up(**_: object) -> None:
    """Stop what `prepare` started."""
    frames.stop()
    shards.stop()
    presence.stop()  # last, since what the others counted at their end goes with its last sign


@celery_setup_logging.connect
def use_our_logging(**_: object) -> None:
    """Celery's log lines look like ours and go through the same redaction."""
    setup_logging("worker", get_settings())


def _asked_queues(options: dict[str, Any]) -> list[str]:
    queues = options.get("queues") or []
    if isinstance(queues, str):
        queues = queues.split(",")
    excluded = options.get("exclude_queues") or []
    return list(queues) or [q for c in WORKER_CLASSES for q in c.queues if q not in excluded]
