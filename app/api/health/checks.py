"""What each part of the system looks like from here. Nothing in it names a camera's URL or a secret."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ByteSize
from sqlalchemy import text

from app.api.signs_of_life import alive, missing_models
from core import keys
from core.clock import iso_utc
from core.recognitions import DISK_FULL_EVENT, EVENT_QUEUES, FRAME_QUEUES

if TYPE_CHECKING:
    from app.api.services import Services

Part = dict[str, Any]
"""``status`` (`OK`, `DEGRADED` or `DOWN`), a ``message`` where there is something to say, and figures."""

OK, DEGRADED, DOWN = "ok", "degraded", "down"

FULL_SHARE = 0.95
LEAST_FREE_BYTES = 500_000_000
BACKUPS_MISSED = 1.5
"""Of the time between two backups; a big one takes a while."""
SILENT_AFTER_S = 300.0
"""Beat has media copied every half minute."""


def database(services: Services) -> Part:
    """Whether it can be read."""
    with services.database.read() as session:
        session.execute(text("SELECT 1"))
    return {"status": OK}


def redis(services: Services) -> Part:
    """Whether it answers."""
    services.redis.ping()
    return {"status": OK}


def capture(services: Services) -> Part:
    """Whether any capture node gives signs of life."""
    nodes = alive(services.redis, keys.CAPTURE_NODES, services.clock.now())
    figures = {"nodes": len(nodes), "cameras": sum(int(node.get("cameras", 0)) for node in nodes.values())}
    if nodes:
        return {"status": OK, **figures}
    return {"status": DEGRADED, "message": "No capture process gives a sign of life: no camera is watched.", **figures}


def workers(services: Services) -> Part:
    """Whether each recognition has a worker, and the worker the models of those that cameras have."""
    part = _consumers(services, FRAME_QUEUES, "recognised")
    missing = missing_models(services.redis, services.clock.now())
    if not missing:
        return part
    part["model_missing"] = missing
    waited_for = sorted(services.cameras.kinds() & missing.keys())
    if waited_for:
        said = [f"Nothing is recognised for {kind}: {missing[kind]}" for kind in waited_for]
        part |= {"status": DEGRADED, "message": " ".join([*filter(None, [part.get("message")]), *said])}
    return part


def event_workers(services: Services) -> Part:
    """Whether every shard of events has a worker."""
    return _consumers(services, EVENT_QUEUES, "judged")


def supervisor(services: Services) -> Part:
    """The processes that `camrec up` runs on this machine."""
    try:
        said = json.loads((services.settings.run_dir / "supervisor.json").read_text())
    except FileNotFoundError:
        return {"status": OK, "message": "`camrec up` does not run here; processes are started one by one."}
    processes = [
        {k: process.get(k) for k in ("name", "state", "restarts", "last_exit")} for process in said["processes"]
    ]
    ill = [p["name"] for p in processes if p["state"] != "running"]
    if ill:
        return {"status": DEGRADED, "message": f"Not running: {', '.join(ill)}.", "processes": processes}
    return {"status": OK, "processes": processes}


def frame_store(services: Services) -> Part:
    """Whether there is room for more cameras."""
    used, allowed = services.frames.usage()
    figures = {"used_bytes": used, "allowed_bytes": allowed}
    if used < FULL_SHARE * allowed:
        return {"status": OK, **figures}
    return {"status": DEGRADED, "message": "The frame store is full: raise CAMREC_FRAME_MEMORY.", **figures}


def disk(services: Services) -> Part:
    """Whether there is room for pictures."""
    free = shutil.disk_usage(services.settings.data).free
    if free > LEAST_FREE_BYTES:
        return {"status": OK, "free_bytes": free}
    human = ByteSize(free).human_readable(decimal=True, separator=" ")
    return {"status": DEGRADED, "message": f"Only {human} are free in the data folder.", "free_bytes": free}


def recording(services: Services) -> Part:
    """Whether all cameras that are to be recorded are, as far as the disk goes."""
    stopped = sorted({event.camera_id for event in services.events.open_of_kind(DISK_FULL_EVENT)})
    if not stopped:
        return {"status": OK}
    return {
        "status": DEGRADED,
        "message": f"Recording has stopped for {len(stopped)} camera(s), the disk is full: free some, or keep less "
        "(CAMREC_RECORDINGS_DAYS, /cameras/{id}/retention, /keep-locks).",
        "stopped_cameras": stopped,
    }


def object_storage(services: Services) -> Part:
    """Whether media reach the bucket, where there is one."""
    if services.settings.s3_bucket is None:
        return {"status": OK, "message": "Not used: CAMREC_S3_BUCKET is not set."}
    raw: Any = services.redis.get(keys.OBJECTS)
    if raw is None:
        return {"status": DEGRADED, "message": "Nothing has been copied yet: is there a worker for the queue jobs?"}
    said = json.loads(raw)
    age_s = services.clock.now() - said["at"]
    figures = {"backlog": said["backlog"], "stored_bytes": said["stored_bytes"]}
    fault = said["fault"] or (f"The last copy was tried {age_s:.0f} s ago." if age_s > SILENT_AFTER_S else None)
    return {"status": DEGRADED, "message": fault, **figures} if fault else {"status": OK, **figures}


def backup(services: Services) -> Part | None:
    """Whether backups by beat are made; None where none are wanted."""
    settings = services.settings
    if settings.backup_dir is None:
        return None
    said: Any = services.redis.get(keys.BACKUP)
    outcome = json.loads(said) if said else {}
    made_at = outcome.get("made_at")
    figures = {"made_at": None if made_at is None else iso_utc(made_at), "count": outcome.get("count", 0)}
    if outcome.get("error"):
        message = f"The backup that is due cannot be made and is tried again every 5 minutes. {outcome['error']}"
    elif made_at is None:
        message = "There is no backup yet: beat and a worker for jobs make one within minutes; do they run?"
    elif services.clock.now() - made_at > BACKUPS_MISSED * settings.backup_hours * 3600:
        message = f"The newest backup is of {iso_utc(made_at)}: do beat and a worker for jobs run?"
    else:
        return {"status": OK, **figures}
    return {"status": DEGRADED, "message": message, **figures}


CHECKS: dict[str, Callable[[Services], Part | None]] = {
    check.__name__: check
    for check in (
        database,
        redis,
        capture,
        workers,
        event_workers,
        supervisor,
        frame_store,
        disk,
        recording,
        object_storage,
        backup,
    )
}


def _consumers(services: Services, queues: tuple[str, ...], what_happens: str) -> Part:
    """How many live workers each of the queues has."""
    signs: Mapping[str, Mapping[str, Any]] = alive(services.redis, keys.WORKERS, services.clock.now())
    counts = {queue: sum(queue in sign.get("queues", ()) for sign in signs.values()) for queue in queues}
    lonely = [queue for queue, count in counts.items() if not count]
    models = {
        kind: model for sign in signs.values() for kind, model in (sign.get("models") or {}).items() if kind in queues
    }
    part: Part = {"status": OK, "queues": counts, **({"models": models} if models else {})}
    if lonely:
        part |= {"status": DEGRADED, "message": f"No worker for {', '.join(lonely)}: nothing is {what_happens} there."}
    return part
