"""Spans to an OpenTelemetry collector, by OTLP over HTTP. Only where tracing is on: its packages are optional.

They are not among the usual ones, since redis-py, too, loads them wherever it finds them: 3 MB in every process.
"""

from __future__ import annotations

import logging
import threading
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, TraceFlags

from core.tracing import Span

TIMEOUT_S = 5.0
"""For one batch, tries after failures included."""
CLOSE_TIMEOUT_S = 2.0
"""Nobody's end waits longer for a collector that is away."""
MAX_WAITING = 2048
"""Spans that wait for the collector; what comes beyond is dropped, and the log of OpenTelemetry says so."""


class SpanExport:
    """A thread that sends what was added, in batches."""

    def __init__(self, endpoint: str, service: str, node: str) -> None:
        """Start it. ``endpoint``: of the collector, such as http://HOST:4318, to which /v1/traces is added."""
        # It warns of each try; that a batch is lost is an error.
        logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=TIMEOUT_S)
        self._processor = BatchSpanProcessor(exporter, max_queue_size=MAX_WAITING, schedule_delay_millis=2000)
        self._resource = Resource.create(
            {"service.name": f"camrec-{service}", "service.version": version("camrec"), "host.name": node}
        )
        self._scope = InstrumentationScope("camrec")

    def add(self, span: Span) -> None:
        """Have it sent. Never blocks."""
        parent = None if span.parent_id is None else self._context(span.trace_id, span.parent_id)
        self._processor.on_end(
            ReadableSpan(
                span.name,
                self._context(span.trace_id, span.span_id),
                parent,
                self._resource,
                span.attributes,
                start_time=round(span.start_s * 1e9),
                end_time=round(span.end_s * 1e9),
                instrumentation_scope=self._scope,
            )
        )

    def close(self) -> None:
        """Send what waits, as far as the collector takes it soon."""
        closing = threading.Thread(target=self._processor.shutdown, name="traces-close", daemon=True)
        closing.start()
        closing.join(CLOSE_TIMEOUT_S)

    @staticmethod
    def _context(trace_id: int, span_id: int) -> SpanContext:
        return SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
