"""Processes: what workers have done, who holds which leases, what each takes of its machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import redis
from prometheus_client.core import Metric

from app.api.metrics.families import Samples, counter, gauge
from app.api.services import Services
from app.api.signs_of_life import alive, as_text, clock_offsets
from app.supervisor import read_status
from core import keys
from core.figures import REGISTRY
from core.process_load import process_load
from core.recognitions import EVENT_QUEUES, EVENT_SHARDS, FRAME_QUEUES, JOB_QUEUES

_DROPPED = ("recognition", "camera_id", "cause")


def workers(services: Services) -> Iterator[Metric]:
    """Workers that live, and what each camera's frames became."""
    client = services.redis
    signs = alive(client, keys.WORKERS)
    consumed = [queue for sign in signs.values() for queue in sign.get("queues", ())]
    queues = (*FRAME_QUEUES, *EVENT_QUEUES, *JOB_QUEUES)
    yield gauge("camrec_workers", "Workers that live", ("queue",), [((q,), consumed.count(q)) for q in queues])
    yield counter(
        "camrec_frames_served", "Frames that workers took", _DROPPED[:2], _hash(client, keys.SERVED, _DROPPED[:2])
    )
    yield counter(
        "camrec_worker_drops", "Frames taken and not recognised", _DROPPED, _hash(client, keys.WORKER_DROPS, _DROPPED)
    )
    yield counter("camrec_judge_drops", "Observations not judged", _DROPPED, _hash(client, keys.JUDGE_DROPS, _DROPPED))


def durations(services: Services) -> Iterator[Metric]:
    """What all processes have counted and timed, this one's included."""
    REGISTRY.flush(services.redis)
    yield from REGISTRY.totals(services.redis)


def leases(services: Services) -> Iterator[Metric]:
    """Who has which cameras and shards, and how often they moved."""
    nodes = alive(services.redis, keys.CAPTURE_NODES)
    shards = range(EVENT_SHARDS)
    pipeline = services.redis.pipeline(transaction=False)
    pipeline.get(keys.LEASE_MOVES)
    pipeline.mget([keys.lease_epoch(f"events.{shard}") for shard in shards])
    pipeline.mget([keys.lease(f"events.{shard}") for shard in shards])
    moves, epochs, holders = pipeline.execute()
    yield counter(
        "camrec_lease_moves",
        "Times that a camera passed to another capture node, or a shard of events to another worker",
        ("kind",),
        [(("camera",), float(moves or 0)), (("event_shard",), sum(int(epoch or 0) for epoch in epochs))],
    )
    yield gauge(
        "camrec_node_cameras",
        "Cameras that a capture node has",
        ("node",),
        [((node,), sign.get("cameras", 0)) for node, sign in nodes.items()],
    )
    yield counter(
        "camrec_capture_restarts",
        "Times that a capture process ended by itself and was started again by its node",
        ("node",),
        [((node,), sign.get("shard_restarts", 0)) for node, sign in nodes.items()],
    )
    held = Counter(as_text(holder).rpartition(":")[0] for holder in holders if holder)
    yield gauge(
        "camrec_node_event_shards",
        "Shards of events whose lease a machine's workers hold",
        ("node",),
        [((node,), count) for node, count in held.items()],
    )
    yield gauge(
        "camrec_event_shards",
        "Shards of events, each of which one worker should hold",
        (),
        [((), EVENT_SHARDS)],
    )


def loads(services: Services) -> Iterator[Metric]:
    """CPU, memory and threads of every process that gives signs of life, on all hosts."""
    found = {("api", services.settings.node): process_load()}
    for name, sign in alive(services.redis, keys.WORKERS).items():
        found[name.partition("@")[0], name.partition("@")[2]] = sign.get("load", {})
    for name, sign in alive(services.redis, keys.CAPTURE_NODES).items():
        found["capture", name] = sign.get("load", {})
    labels = ("process", "node")
    yield counter("camrec_process_cpu_seconds", "CPU time of a process", labels, _of_loads(found, "cpu_s"))
    yield gauge("camrec_process_resident_bytes", "Memory of a process", labels, _of_loads(found, "rss_bytes"))
    yield gauge("camrec_process_threads", "Threads of a process", labels, _of_loads(found, "threads"))
    yield gauge(
        "camrec_clock_offset_seconds",
        "How far the clock of a machine is ahead of Redis's",
        ("node",),
        [((node,), offset_s) for node, offset_s in clock_offsets(services).items()],
    )


def supervised(services: Services) -> Iterator[Metric]:
    """Processes that `camrec up` runs on this machine, if it does."""
    processes = read_status(services.settings.run_dir) or []
    names = [(process["name"],) for process in processes]
    restarts = [process["restarts"] for process in processes]
    running = [float(process["state"] == "running") for process in processes]
    yield counter(
        "camrec_process_restarts",
        "Times that `camrec up` started a process again",
        ("process",),
        zip(names, restarts, strict=True),
    )
    yield gauge(
        "camrec_process_running",
        "1 while a process of `camrec up` runs",
        ("process",),
        zip(names, running, strict=True),
    )


def _hash(client: redis.Redis, key: str, labels: tuple[str, ...]) -> Samples:
    """Fields ``a:b:c`` of a hash as labels; what has another number of parts is of another release."""
    pairs = ((as_text(field).split(":"), float(value)) for field, value in client.hgetall(key).items())
    return [(tuple(values), figure) for values, figure in pairs if len(values) == len(labels)]


def _of_loads(found: dict[tuple[str, str], dict[str, float]], figure: str) -> Samples:
    return [(labels, load[figure]) for labels, load in found.items() if figure in load]
