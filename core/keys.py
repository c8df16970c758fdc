"""Every Redis key and channel of ours, in one place. Celery's own queues bear the plain queue names."""

from __future__ import annotations

CAMERAS_CHANGED = "camrec:cameras-changed"
"""Channel: a camera was added, changed or removed. The message is its id, or ``*``; never a URL."""

EVENTS_CHANGED = "camrec:events-changed"
"""Channel: an event was written. The message is its id."""

SERVED = "camrec:served"
"""Hash ``<recognition>:<camera id>`` → frames taken by workers, ever."""

SEEN = "camrec:seen"
"""Hash ``<recognition>:<camera id>`` → when a frame last showed it something, by the clock of capture."""

WORKER_DROPS = "camrec:worker-drops"
"""Hash ``<recognition>:<camera id>:<cause>`` → frames that workers took and did not recognise."""

JUDGE_DROPS = "camrec:judge-drops"
"""Hash ``<recognition>:<camera id>:<cause>`` → observations dropped, e.g. as older than the checkpoint."""

FIGURES = "camrec:figures:1"
"""Hash ``[sample name, labels]`` as JSON → sum over all processes: ``core.figures``."""

OBJECTS = "camrec:objects-of-nodes"
"""Hash node → JSON of what its last pass over object storage found."""

MEDIA_NODES = "camrec:media-nodes"
"""Hash node → JSON of where it serves its media, and when it said so last by Redis's clock."""

CAPTURE_NODES = "camrec:capture-nodes"
"""Hash node → JSON of its last sign of life."""

CAPTURE_LEASES = "camrec:capture-leases"
"""Hash ``node.<node>`` or camera id → holder and until when: ``core.lease_table``."""

LEASE_MOVES = "camrec:lease-moves"
"""Cameras that passed from one capture node to another, ever."""

FRAME_STORE = "camrec:frame-store"
"""In the frames' Redis: name of the frame store in it, by which processes see that they use the same one."""

FRAME_SIZES = "camrec:frame-sizes"
"""In the frames' Redis: hash key of frames or clip pictures → bytes in it, ``total`` → their sum."""

EVIDENCE_SIZES = "camrec:evidence-sizes"
"""In the frames' Redis: the same of pictures for events."""

SENT_AT = "camrec_sent_at"
"""Not a key: header of every Celery message of ours: when it was sent, in seconds since the epoch."""

CLIPS_FOLLOWED = "camrec:clips-followed"
"""Up to which change events have been asked whether they want a clip, in seconds since the epoch."""

LIVE_WANTED = "camrec:live-wanted"
"""Sorted set of camera ids; the score is until when somebody watches, in seconds since the epoch."""

BACKUP = "camrec:backup"
"""JSON of the newest backup by beat and of what went wrong since: ``storage.backup.schedule.Outcome``."""

WORKERS = "camrec:workers"
"""Hash worker name → JSON of its last sign of life (queues, models, device)."""

EVENT_WORKERS = "camrec:event-workers"
"""Sorted set of JSON ``[worker, shards]``; the score is until when it lives, in ms of Redis's clock."""


def token(recognition: str, camera_id: int) -> str:
    """Set while a token of this camera (or, for ``events``, shard) waits in the recognition's queue."""
    return f"camrec:token:{recognition}:{camera_id}"


def newest_frame(camera_id: int) -> str:
    """In the frames' Redis: the camera's newest frame, ``storage.frames.jpeg_frame``."""
    return f"camrec:frame:{camera_id}"


def clip_pictures(camera_id: int) -> str:
    """In the frames' Redis: list of the newest pictures of the camera's clip, newest first."""
    return f"camrec:clip-pictures:{camera_id}"


def evidence(camera_id: int) -> str:
    """In the frames' Redis: hash seq in 20 digits → JPEG of a frame that showed something."""
    return f"camrec:evidence:{camera_id}"


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
