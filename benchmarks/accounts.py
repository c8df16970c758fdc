"""What became of every frame that was due: how many of them no counter tells of."""

from __future__ import annotations

from collections import Counter
from typing import Any

from benchmarks.installation import Installation
from core import keys
from core.figures import REGISTRY

HELD_BACK = ("still", "lease_lapsed", "store")
"""Why capture does not offer a frame that is due."""
NOT_GRANTED = ("superseded", "queue_full", "broker_down")
"""Why a frame that was offered has no token."""
NOT_TAKEN = ("worker:expired", "worker:worker_busy")
"""Why a token is not served."""


def counts(running: Installation) -> Counter[str]:
    """What all counters say now, all cameras together: capture's own are a second old at most, observations two."""
    found: Counter[str] = Counter()
    for status in running.api.call("GET", "/cameras/status")["items"]:
        found.update(status["drops"])
        found["offered"] += sum(status["offered"].values())
    dropped: Any = running.redis.hgetall(keys.WORKER_DROPS)
    for name, count in dropped.items():
        found[f"worker:{name.decode().rpartition(':')[2]}"] += int(count)
    served: Any = running.redis.hvals(keys.SERVED)
    found["served"] = sum(map(int, served))
    for metric in REGISTRY.totals(running.redis):
        for sample in metric.samples:
            if sample.name == "camrec_observation_latency_seconds_count":
                found["observed"] += int(sample.value)
    return found


def account(before: Counter[str], after: Counter[str], asked: float) -> dict[str, Any]:
    """What became of the frames between two counts.

    Args:
        before: counts at the start.
        after: counts at the end.
        asked: frames that the cameras were to give.

    Returns:
        ``due``, which is what there were, every counter that grew, ``unaccounted`` by place, and their share of those
        due. Frames under way at the start and the end differ, so a few are unaccounted for, or less than none.
    """
    grew = Counter({name: after[name] - before[name] for name in after if after[name] != before[name]})
    worker_drops = sum(count for name, count in grew.items() if name.startswith("worker:"))
    not_taken = _sum(grew, NOT_TAKEN)
    due = grew["offered"] + _sum(grew, HELD_BACK)
    unaccounted = {
        "from offer to worker": grew["offered"] - _sum(grew, NOT_GRANTED) - not_taken - grew["served"],
        "in the worker": grew["served"] - (worker_drops - not_taken) - grew["observed"],
    }
    return {
        "asked": round(asked),
        "due": due,
        **dict(sorted(grew.items())),
        "unaccounted": unaccounted,
        "unaccounted_share": round(sum(map(abs, unaccounted.values())) / max(1, due), 4),
    }


def _sum(counters: Counter[str], names: tuple[str, ...]) -> int:
    return sum(counters[name] for name in names)
