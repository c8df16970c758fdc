from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from app.api.metrics.requests import RequestFigures


def test_methods_that_a_client_invents_make_no_series_each() -> None:
    registry = CollectorRegistry()
    figures = RequestFigures(registry)
    for method in ("GET", "ZZ1", "ZZ2"):
        figures.count(method, "none", 405, 0.001)
    text = generate_latest(registry).decode()
    assert 'camrec_api_requests_total{method="other",route="none",status="405"} 2.0' in text
    assert "ZZ" not in text
