"""What each part of the system looks like from here. Nothing in it names a camera's URL or a secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ByteSize
from sqlalchemy import text

from app.api.signs_of_life import alive, as_text, clock_offsets, missing_models
from app.supervisor import read_status
from capture.camera_leases import nodes_of_cameras
from core import keys
from core.clock import iso_utc
from core.lease_table import LeaseTable
from core.recognitions import DISK_FULL_EVENT, EVENT_QUEUES, FRAME_QUEUES
from storage.node_rows import named_nodes
from storage.retention.room import disk_figures

if TYPE_CHECKING:
    from app.api.services import Services

Part = dict[str, Any]
"""``status`` (`OK`, `DEGRADED` or `DOWN`), a ``message`` where there is something to say, and figures."""

OK, DEGRADED, DOWN = "ok", "degraded", "down"

FULL_SHARE = 0.95
BACKUPS_MISSED = 1.5
"""Of the time between two backups; a big one takes a while."""
CLOCKS_APART_S = 1.0
"""`CAMREC_DEADLINE_S` is a little more."""
LISTED = 10
"""Cameras named in a message."""
COPY_SILENT_S = 300.0
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
    """Whether every camera is captured by some node."""
    nodes = alive(services.redis, keys.CAPTURE_NODES)
    by_node = {node: int(sign.get("cameras", 0)) for node, sign in nodes.items()}
    figures = {"nodes": len(nodes), "cameras": sum(by_node.values()), "cameras_of_nodes": by_node}
    if not nodes:
        message = "No capture process gives a sign of life: no camera is watched."
        return {"status": DEGRADED, "message": message, **figures}
    holders = nodes_of_cameras(LeaseTable(services.redis, keys.CAPTURE_LEASES, "").exchange().holders)
    left = sorted(services.cameras.enabled_ids() - holders.keys())
    if not left:
        return {"status": OK, **figures}
    room = [None if sign.get("most") is None else sign["most"] - by_node[node] for node, sign in nodes.items()]
    why = (
        "its node died or was added less than 15 seconds ago, or no node can read its URL (see the log of capture)"
        if any(left is None or left > 0 for left in room)
        else "every node has its CAMREC_CAPTURE_MOST: raise it, or start another node"
    )
    message = (
        f"No node captures camera {', '.join(map(str, left[:LISTED]))}{', …' if len(left) > LISTED else ''}: {why}."
    )
    return {"status": DEGRADED, "message": message, "left_cameras": left, **figures}


def workers(services: Services) -> Part:
    """Whether each recognition has a worker, and the worker the models of those that cameras have."""
    part = _consumers(services, FRAME_QUEUES, "recognised")
    missing = missing_models(services.redis)
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
    said = read_status(services.settings.run_dir)
    if said is None:
        return {"status": OK, "message": "`camrec up` does not run here; processes are started one by one."}
    processes = [{k: process.get(k) for k in ("name", "state", "restarts", "last_exit")} for process in said]
    ill = [process["name"] for process in said if process["state"] != "running"]
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


def frame_transport(services: Services) -> Part:
    """Whether all processes use the same frame store."""
    figures, faults, own = {"transport": services.settings.frame_transport}, [], services.frames.identity()
    for kind, key in (("capture nodes", keys.CAPTURE_NODES), ("workers", keys.WORKERS)):
        signs = alive(services.redis, key)
        others = sorted(name for name, sign in signs.items() if sign.get("frame_store") not in {None, own})
        if others:
            faults.append(
                f"These {kind} use another frame store than this API: {', '.join(others)}. Capture, workers and API on "
                "several machines need CAMREC_FRAME_TRANSPORT=redis and one CAMREC_FRAMES_REDIS_URL in all of them."
            )
    if faults:
        return {"status": DEGRADED, "message": " ".join(faults), **figures}
    if services.settings.frame_transport == "redis" and services.settings.frames_redis_url is None:
        hint = "Frames go through the Redis of the queues; CAMREC_FRAMES_REDIS_URL gives them one without persistence."
        return {"status": OK, "message": hint, **figures}
    return {"status": OK, **figures}


def clocks(services: Services) -> Part:
    """Whether those of all machines agree: frames carry the time of the machine that captured them."""
    offsets = clock_offsets(services)
    early, late = min(offsets, key=lambda node: offsets[node]), max(offsets, key=lambda node: offsets[node])
    apart_s = round(offsets[late] - offsets[early], 3)
    if apart_s <= CLOCKS_APART_S:
        return {"status": OK, "apart_s": apart_s}
    message = (
        f"The clock of {late} is {apart_s:.1f} s ahead of that of {early}: frames look too old there and are not "
        "recognised, and messages expire unseen. Run NTP on all machines."
    )
    return {"status": DEGRADED, "message": message, "apart_s": apart_s, "ahead_of_redis_s": offsets}


def disk(services: Services) -> Part:
    """Whether there is room for recordings and pictures, by the rule of those who write them."""
    settings = services.settings
    found = [disk_figures(folder, settings.min_free) for folder in (settings.media_dir, settings.data)]
    figures = min(filter(None, found), key=lambda disk: disk["free"] - disk["must_be_free"])
    free, needed = figures["free"], figures["must_be_free"]
    if free >= needed:
        return {"status": OK, "free_bytes": free}
    message = (
        f"{_human(free)} are free for media or the database and {_human(needed)} must be (CAMREC_MIN_FREE, or 2 % "
        "of the disk): recording and keeping of frames stop. Free some, or keep less (CAMREC_RECORDINGS_DAYS, "
        "/cameras/{id}/retention, /keep-locks)."
    )
    return {"status": DEGRADED, "message": message, "free_bytes": free}


def _human(size_bytes: int) -> str:
    return ByteSize(size_bytes).human_readable(decimal=True, separator=" ")


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
    raw: Any = services.redis.hgetall(keys.OBJECTS)
    if not raw:
        return {"status": DEGRADED, "message": "Nothing has been copied yet: is there a worker for the queue jobs?"}
    nodes = {as_text(node): json.loads(said) for node, said in raw.items()}
    figures = {
        "backlog": sum(said["backlog"] for said in nodes.values()),
        "stored_bytes": max(said["stored_bytes"] for said in nodes.values()),
    }
    faults = [f"{node}: {fault}" for node, said in nodes.items() if (fault := _fault(services, said))]
    return {"status": DEGRADED, "message": " ".join(faults), **figures} if faults else {"status": OK, **figures}


def _fault(services: Services, said: dict[str, Any]) -> str | None:
    """Of the copying of one machine."""
    age_s = services.clock.now() - said["at"]
    return said["fault"] or (f"The last copy was tried {age_s:.0f} s ago." if age_s > COPY_SILENT_S else None)


def media(services: Services) -> Part | None:
    """Whether all machines that hold media serve them; None where there is but one."""
    nodes = services.media_nodes.all()
    unknown = sorted(named_nodes(services.database) - nodes.keys() - {services.settings.node})
    if not nodes and not unknown:
        return None
    silent = sorted(node.name for node in nodes.values() if not node.is_alive)
    figures = {"nodes": len(nodes) - len(silent), "silent": silent, "unknown": unknown}
    faults = []
    if silent:
        faults.append(
            f"What lies on {', '.join(silent)} cannot be seen: does `camrec media` run there? "
            "`camrec nodes forget` if it is gone for good."
        )
    if unknown:
        faults.append(
            f"Media stand under {', '.join(unknown)}, a name that no machine has given: nobody deletes what is too old "
            "there. `camrec nodes adopt` on the machine that has them on its disk (it was restored or got another "
            "name), `camrec media` on one that is to be read, or `camrec nodes forget`."
        )
    return {"status": DEGRADED, "message": " ".join(faults), **figures} if faults else {"status": OK, **figures}


def backup(services: Services) -> Part | None:
    """Whether backups by beat are made; None where none are wanted."""
    settings = services.settings
    if settings.backup_dir is None:
        return None
    said: Any = services.redis.get(keys.BACKUP)
    outcome = json.loads(said) if said else {}
    made_at = outcome.get("made_at")
    since = outcome.get("since")
    late_s = BACKUPS_MISSED * settings.backup_hours * 3600
    missing = outcome.get("media_missing", 0)
    figures = {
        "made_at": None if made_at is None else iso_utc(made_at),
        "count": outcome.get("count", 0),
        "since": None if since is None else iso_utc(since),
        "media_missing": missing,
    }
    if outcome.get("error"):
        message = f"The backup that is due cannot be made and is tried again every 5 minutes. {outcome['error']}"
    elif missing:
        message = (
            f"The newest backup is without {missing} media files that could not be read: is the disk failing? The log "
            "of the worker for jobs names some."
        )
    elif since is not None and services.clock.now() - since < late_s:
        return {"status": OK, "message": f"One is being made since {iso_utc(since)}.", **figures}
    elif made_at is None:
        message = "There is no backup yet: beat and a worker for jobs make one within minutes; do they run?"
    elif services.clock.now() - made_at > late_s:
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
        frame_transport,
        clocks,
        disk,
        recording,
        object_storage,
        media,
        backup,
    )
}


def _consumers(services: Services, queues: tuple[str, ...], what_happens: str) -> Part:
    """How many live workers each of the queues has."""
    signs: Mapping[str, Mapping[str, Any]] = alive(services.redis, keys.WORKERS)
    counts = {queue: sum(queue in sign.get("queues", ()) for sign in signs.values()) for queue in queues}
    lonely = [queue for queue, count in counts.items() if not count]
    models = {
        kind: model for sign in signs.values() for kind, model in (sign.get("models") or {}).items() if kind in queues
    }
    part: Part = {"status": OK, "queues": counts, **({"models": models} if models else {})}
    if lonely:
        part |= {"status": DEGRADED, "message": f"No worker for {', '.join(lonely)}: nothing is {what_happens} there."}
    return part
