"""The registry of recognitions: one row here and the four files named in design section 4 make a new one."""

from __future__ import annotations

from dataclasses import dataclass

EVENT_SHARDS = 8
"""A camera's observations go to queue ``events.<camera id modulo EVENT_SHARDS>``."""

JOBS_QUEUE = "jobs"


@dataclass(frozen=True, slots=True)
class Recognition:
    """A kind of analysis = a queue = a task."""

    kind: str
    title: str
    default_fps: float
    max_fps: float
    event_kinds: tuple[str, ...]

    @property
    def queue(self) -> str:
        """The frames queue that its workers consume."""
        return self.kind

    @property
    def task(self) -> str:
        """Name of the Celery task that recognises frames."""
        return f"recognise.{self.kind}"


RECOGNITIONS: dict[str, Recognition] = {
    r.kind: r
    for r in (
        Recognition("plates", "Vehicle registration plates", default_fps=5.0, max_fps=30.0, event_kinds=("plate",)),
    )
}


def events_queue(camera_id: int) -> str:
    """The queue on which the observations of this camera are judged."""
    return f"events.{camera_id % EVENT_SHARDS}"


FRAME_QUEUES = tuple(r.queue for r in RECOGNITIONS.values())
EVENT_QUEUES = tuple(f"events.{shard}" for shard in range(EVENT_SHARDS))
JOB_QUEUES = (JOBS_QUEUE,)
