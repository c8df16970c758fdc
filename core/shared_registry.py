"""Counters and histograms of single processes that add up over all processes and hosts.

They are ordinary metrics of prometheus_client. Every process adds what it has counted since the last time to one hash
in Redis, every second or two, and whoever answers Prometheus reads the sums there. So they outlive the processes, and
a frame costs no round trip of its own. Who is killed loses what it counted in its last seconds; where Redis answers
too late to be heard, the same seconds may be counted twice.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import redis
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from core import keys

_SUFFIXES = ("_total", "_bucket", "_count", "_sum")


class SharedRegistry(CollectorRegistry):
    """Metrics of this process, whose sums over all processes are in Redis."""

    def __init__(self) -> None:
        super().__init__()
        self._flush_lock = threading.Lock()
        self._sent: dict[str, float] = {}

    def flush(self, client: redis.Redis) -> None:
        """Add what was counted since the last time; all of it in one transaction, or nothing.

        What is new is told with its 0, too: Prometheus sees no increase from a figure that it has never seen.

        Raises:
            redis.RedisError: Redis cannot be reached. The next time adds it.
        """
        with self._flush_lock:
            counted = dict(self._counted())
            pipeline = client.pipeline(transaction=True)
            for field, value in counted.items():
                amount = value - self._sent.get(field, 0.0)
                if amount or field not in self._sent:
                    pipeline.hincrbyfloat(keys.FIGURES, field, amount)
            if len(pipeline):
                pipeline.execute()
            self._sent = counted

    def totals(self, client: redis.Redis) -> Iterator[Metric]:
        """The metrics of this registry with the sums over all processes; what only another release counts is left out.

        Raises:
            redis.RedisError: Redis cannot be asked.
        """
        sums: Any = client.hgetall(keys.FIGURES)
        families = {family.name + suffix: family for family in self.collect() for suffix in _SUFFIXES}
        for family in families.values():
            family.samples = []
        for field, value in sums.items():
            name, labels = json.loads(field)
            if name in families:
                families[name].add_sample(name, labels, float(value))
        for family in {id(family): family for family in families.values()}.values():
            family.samples.sort(key=_order)
            yield family

    def _counted(self) -> Iterator[tuple[str, float]]:
        for family in self.collect():
            for sample in family.samples:
                if sample.name.endswith(_SUFFIXES):
                    yield json.dumps([sample.name, sample.labels]), sample.value


def _order(sample: Sample) -> tuple[list[str], str, float]:
    """Buckets of one histogram one after the other, as the exposition format wants them."""
    labels = {**sample.labels}
    bound = float(labels.pop("le", "0"))
    return list(labels.values()), sample.name, bound
