"""Metrics out of labels and values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from app.api.services import Services

Samples = Iterable[tuple[tuple[str, ...], float]]
"""Values of labels, and the figure."""

Source = Callable[[Services], Iterator[Metric]]
"""Reads figures; what it raises where they cannot be had is logged, and `camrec_up` says so."""


def gauge(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    """What goes up and down."""
    return _filled(GaugeMetricFamily(name, text, labels=labels), samples)


def counter(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    """What only grows; Prometheus sees it with ``_total`` behind its name."""
    return _filled(CounterMetricFamily(name, text, labels=labels), samples)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, samples: Samples) -> Metric:
    for labels, value in samples:
        family.add_metric(labels, value)
    return family
