"""Every Redis key and channel of ours, in one place. Celery's own queues bear the plain queue names."""

from __future__ import annotations

CAMERAS_CHANGED = "camrec:cameras-changed"
"""Channel: a camera was added, changed or removed. The message is its id, or ``*``; never a URL."""

EVENTS_CHANGED = "camrec:events-changed"
"""Channel: an event was written. The message is its id."""

SERVED = "camrec:served"
"""Hash ``<recognition>:<camera id>`` → frames taken by workers, ever."""

WORKER_DROPS = "camrec:worker-drops"
"""Hash ``<recognition>:<camera id>:<cause>`` → frames that workers took and did not recognise."""

JUDGE_DROPS = "camrec:judge-drops"
"""Hash ``<recognition>:<camera id>:<cause>`` → observations dropped, e.g. as older than the checkpoint."""

RECOGNISER_FIGURES = "camrec:recogniser-figures"
"""Hash ``<recognition>:<figure>`` → sums (batches, frames, seconds) for the metrics."""

OBJECTS = "camrec:objects"
"""JSON of what the last pass over object storage found."""

CAPTURE_NODES = "camrec:capture-nodes"
"""Hash node → JSON of its last sign of life."""

LIVE_WANTED = "camrec:live-wanted"
"""Sorted set of camera ids; the score is until when somebody watches, in seconds since the epoch."""

BACKUP = "camrec:backup"
"""JSON of the newest backup by beat and of what went wrong since: ``storage.backup.schedule.Outcome``."""

WORKERS = "camrec:workers"
"""Hash worker name → JSON of its last sign of life (queues, models, device)."""


def token(recognition: str, camera_id: int) -> str:
    """Set while a token of this camera (or, for ``events``, shard) waits in the recognition's queue."""
    return f"camrec:token:{recognition}:{camera_id}"


def camera_status(camera_id: int) -> str:
    """JSON of what capture last said of a camera; it expires when capture falls silent."""
    return f"camrec:status:{camera_id}"


def newest_kept_frame(camera_id: int) -> str:
    """Path, relative to the media folder, of the newest frame kept on disk."""
    return f"camrec:newest-frame:{camera_id}"


def lease(name: str) -> str:
    """Holder of a lease."""
    return f"camrec:lease:{name}"


def lease_epoch(name: str) -> str:
    """Counter that grows each time a lease changes hands."""
    return f"camrec:lease-epoch:{name}"


def observations(shard: int) -> str:
    """Stream of the observations of a shard of cameras that are not covered by its checkpoint yet."""
    return f"camrec:observations:{shard}"


def checkpoint(shard: int) -> str:
    """Hash ``<recognition>:<camera id>`` → JSON state of its judgement, ``position`` → the last observation in it."""
    return f"camrec:checkpoint:{shard}"
