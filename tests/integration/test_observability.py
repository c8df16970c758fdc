"""A running system that is traced and measured: real processes, a real camera, a real receiver of traces."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.demo.rtsp import RtspServer
from app.demo.street import write_street
from core.tracing import Step
from tests.support.running_system import RunningSystem, running_system
from tests.support.trace_receiver import ReceivedSpan, TraceReceiver
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

TOKEN = "a-token-for-prometheus"


@pytest.fixture(scope="module")
def receiver() -> Iterator[TraceReceiver]:
    with TraceReceiver() as found:
        yield found


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, receiver: TraceReceiver) -> Iterator[RunningSystem]:
    folder = tmp_path_factory.mktemp("observed")
    street = folder / "street.mp4"
    write_street(street, seed=5, duration_s=12)
    given = {"metrics_token": TOKEN, "otlp_endpoint": receiver.endpoint, "trace_share": "1"}
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(dir="/dev/shm") as frame_dir,
        RtspServer({"street": street}) as server,
        running_system(folder, patch, frame_dir=frame_dir, **given) as found,
    ):
        plates = {"kind": "plates", "fps": 4, "settings": {"gone_s": 2.0, "again_s": 4.0}}
        found.api.call("POST", "/cameras", {"name": "one", "url": server.url("street"), "recognitions": [plates]})
        wait_until(found.events, "the first event", 60)
        yield found


def whole_trace(receiver: TraceReceiver) -> dict[str, ReceivedSpan]:
    """Step → span, of a frame that made all steps; empty while there is none."""
    for spans in receiver.traces().values():
        if {span.name for span in spans} == set(Step):
            return {span.name: span for span in spans}
    return {}


def test_one_frame_is_followed_through_all_processes(system: RunningSystem, receiver: TraceReceiver) -> None:
    spans = wait_until(lambda: whole_trace(receiver), "a frame that made an event is traced to the database", 30)
    assert [spans[s].service for s in (Step.SAMPLE, Step.RUN, Step.JUDGE)] == [
        "camrec-capture", "camrec-worker", "camrec-judge",
    ]  # fmt: skip
    ids = {span.span_id for span in spans.values()}
    assert len(ids) == len(spans), "another process finds the same trace, not the same span"
    assert spans[Step.SAMPLE].parent_id == ""
    assert all(span.parent_id in ids for name, span in spans.items() if name != Step.SAMPLE)
    assert all(span.start_ns <= span.end_ns for span in spans.values())
    in_order = [
        Step.SAMPLE,
        Step.TOKEN_WAIT,
        Step.TAKE,
        Step.BATCH_WAIT,
        Step.RUN,
        Step.MODEL,
        Step.PUBLISH,
        Step.WRITE_EVENTS,
    ]
    starts = [spans[step].start_ns for step in in_order if step is not Step.TOKEN_WAIT]  # an older frame's, perhaps
    assert starts == sorted(starts)
    assert spans[Step.RUN].attributes["camrec.recognition"] == "plates"
    assert int(spans[Step.WRITE_EVENTS].attributes["camrec.events"]) >= 1
    assert len({span.attributes["camrec.seq"] for span in spans.values()}) == 1


def test_an_event_names_the_trace_of_its_best_frame(system: RunningSystem, receiver: TraceReceiver) -> None:
    named = {event["best_frame"]["trace_id"] for event in system.events()}
    wait_until(lambda: named & receiver.traces().keys(), f"one of {named} was received", 10)


_OFF = """
import sys
from core.settings import get_settings
from core.tracing import Tracing
import capture.node, tasks.worker_class

Tracing(get_settings(), "test").close()
loaded = ("core.otlp", "opentelemetry.exporter", "opentelemetry.sdk.trace")  # redis-py loads its metrics where it can
print([name for name in loaded if name in sys.modules])
"""


def test_without_an_endpoint_nothing_of_tracing_is_loaded(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "CAMREC_DATA": str(tmp_path), "CAMREC_REDIS_URL": "redis://127.0.0.1:1/0"}
    command = [sys.executable, "-P", "-c", _OFF]
    run = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "[]"


def figures(system: RunningSystem) -> dict[tuple[str, ...], float]:
    request = urllib.request.Request(f"{system.site}/api/v1/metrics")  # noqa: S310 - loopback
    request.add_header("Authorization", f"Bearer {TOKEN}")
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        text = answer.read().decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_step_is_timed(system: RunningSystem) -> None:
    """By the process that makes it, and all of them are told of by the API."""
    names = ["token_wait", "frame_age", "batch_wait", "inference", "observation_latency", "judged_latency"]
    steps: list[tuple[str, ...]] = [(f"camrec_{name}_seconds_count", "plates") for name in names]
    steps += [("camrec_sample_seconds_count",), ("camrec_event_latency_seconds_count", "plates")]
    steps += [("camrec_batch_frames_count", "plates"), ("camrec_database_seconds_count", "write")]

    def counted() -> bool:
        found = figures(system)
        return all(found.get(step, 0) > 0 for step in steps)

    wait_until(counted, "every step has been counted", 10)
    found = figures(system)
    frames, batches = (found[f"camrec_batch_frames_{what}", "plates"] for what in ("sum", "count"))
    assert frames >= batches == found["camrec_inference_seconds_count", "plates"]
    # Frames in flight are in some figures and not yet in others: no mean need be below another.
    for name in ("inference", "observation_latency", "judged_latency"):
        assert found[f"camrec_{name}_seconds_sum", "plates"] > 0, name
    models = {labels[0] for name, *labels in found if name == "camrec_model_seconds_count"}
    assert models, "the sessions inside of inference are timed, too"
    processes = {labels[1] for name, *labels in found if name == "camrec_process_resident_bytes"}
    assert processes >= {"api", "capture"}
    assert len(processes) >= 5, f"workers of frames, events and jobs, too: {processes}"


def test_a_process_that_comes_back_has_its_restart_counted_and_its_sums_kept(system: RunningSystem) -> None:
    name = "camrec_observation_latency_seconds_count", "plates"
    before = figures(system)[name]
    system.kill("worker-frames-cpu")
    wait_until(
        lambda: figures(system).get(("camrec_process_restarts_total", "worker-frames-cpu"), 0) >= 1, "counted", 20
    )
    assert wait_until(lambda: figures(system)[name] > before, "the sum grows from where it was", 30)
