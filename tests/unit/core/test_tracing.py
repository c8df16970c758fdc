"""Ids of traces: the same in every process, without anything that travels."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from core.errors import BadSettingError
from core.settings import Settings, load_settings
from core.tracing import Span, Step, Tracing, trace_id
from core.types import FrameRef


def frame(camera_id: int = 7, seq: int = 1_800_000_000_000_000) -> FrameRef:
    return FrameRef(camera_id, seq, seq / 1e6, 640, 360)


def settings(tmp_path: Path, **values: str) -> Settings:
    environ = {"CAMREC_DATA": str(tmp_path), **{f"CAMREC_{name.upper()}": value for name, value in values.items()}}
    return load_settings(environ, env_file=tmp_path / "no.env")


class Recorded:
    """Takes the place of the exporter, which is another library's: tests/integration/test_observability.py has it."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.add = self.spans.append

    def close(self) -> None:
        pass


@pytest.fixture
def traced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Tracing, list[Span]]:
    from core import otlp

    recorded = Recorded()
    monkeypatch.setattr(otlp, "SpanExport", lambda *_: recorded)
    found = Tracing(settings(tmp_path, otlp_endpoint="http://127.0.0.1:4318", trace_share="1"), "test")
    return found, recorded.spans


def test_the_steps_of_a_frame_make_one_tree(traced: tuple[Tracing, list[Span]]) -> None:
    tracer, spans = traced
    tracer.step(Step.SAMPLE, frame(), 0, 1)
    for recognition in ("plates", "falls"):
        for step in Step:
            if step is not Step.SAMPLE:
                tracer.step(step, frame(), 1, 2, recognition)
    assert {span.trace_id for span in spans} == {trace_id(frame())}
    ids = {span.span_id for span in spans}
    assert len(ids) == len(spans) == 2 * (len(Step) - 1) + 1
    assert [span.name for span in spans if span.parent_id is None] == [Step.SAMPLE]
    assert all(span.parent_id in ids for span in spans if span.parent_id is not None)


def test_other_frames_have_other_traces() -> None:
    ids = {trace_id(frame(camera_id, seq)) for camera_id in range(1, 30) for seq in range(1, 30)}
    assert len(ids) == 29 * 29
    assert all(0 < found < 2**128 for found in ids)


def test_every_process_finds_the_id_that_this_release_always_found() -> None:
    assert f"{trace_id(frame(7, 42)):032x}" == "4bdf37427af9e5f10bcd95fcaeed7f85"


@pytest.mark.parametrize("share", [0.01, 0.25, 0.9])
def test_as_many_frames_are_traced_as_were_asked_for(
    share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core import otlp

    found = Recorded()
    monkeypatch.setattr(otlp, "SpanExport", lambda *_: found)
    tracer = Tracing(settings(tmp_path, otlp_endpoint="http://127.0.0.1:4318", trace_share=str(share)), "test")
    frames = [frame(seq=seq) for seq in range(5000)]
    for each in frames:
        tracer.step(Step.SAMPLE, each, 0, 1)
        tracer.step(Step.RUN, each, 0, 1, "plates")
    traces = {span.trace_id for span in found.spans}
    assert len(traces) / len(frames) == pytest.approx(share, rel=0.3)
    assert len(found.spans) == 2 * len(traces), "a frame is traced at every step or at none"


def test_without_its_packages_the_error_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.settings.TRACING_PACKAGE", "a-package-that-is-not-here")
    with pytest.raises(BadSettingError, match=r"CAMREC_OTLP_ENDPOINT.*pip install a-package-that-is-not-here"):
        settings(tmp_path, otlp_endpoint="http://127.0.0.1:4318")
    assert settings(tmp_path).otlp_endpoint is None


@pytest.mark.parametrize(
    "endpoint",
    [
        pytest.param("127.0.0.1:4318", id="no scheme"),
        pytest.param("http://user:password@host:4318", id="a password, which would stand in logs"),
    ],
)
def test_endpoints_that_are_none_are_refused(endpoint: str, tmp_path: Path) -> None:
    with pytest.raises(BadSettingError, match="CAMREC_OTLP_ENDPOINT"):
        settings(tmp_path, otlp_endpoint=endpoint)


def test_without_an_endpoint_nothing_is_started(tmp_path: Path) -> None:
    threads = threading.active_count()
    tracer = Tracing(settings(tmp_path), "test")
    tracer.step(Step.SAMPLE, frame(), 0, 1)
    assert threading.active_count() == threads
    tracer.close()
