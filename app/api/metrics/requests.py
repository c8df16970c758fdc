"""Figures of the API's own requests."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each counter, which nobody reads

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class RequestFigures:
    """Counts and times requests. In one process: `camrec api` has one, with many threads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "camrec_api_requests", "Requests answered", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "camrec_api_request_seconds",
            "Time until an answer begins",
            ["method", "route"],
            buckets=BUCKETS_S,
            registry=registry,
        )

    def count(self, method: str, route: str, status: int, duration_s: float) -> None:
        """Count an answer. ``route`` is the rule, not the path: as many time series as there are rules."""
        method = method if method in METHODS else "other"  # a client may invent any
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(duration_s)
