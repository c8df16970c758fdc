"""What Prometheus reads: every figure of a running system, and the page that tells of them."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families

from app.api.factory import create_app
from app.api.metrics.cameras import TOLD_AT_ZERO
from core import keys
from core.settings import Settings
from storage.camera import Camera, CameraRecognition
from storage.cameras import CameraStore
from storage.database import Database
from storage.events import EventStore
from storage.secrets import Secrets
from storage.segments import SegmentStore
from tests.support.api_client import ApiClient, password_of
from tests.support.recordings import write_segments
from tests.support.stored import an_event
from tests.support.waiting import wait_until

SECRET = "s3cretW0rd"
PAGE = Path(__file__).resolve().parents[3] / "docs" / "monitoring.md"

Figures = dict[tuple[str, ...], float]
"""Name and values of labels, these in order of the labels' names → value."""


def figures_of(client: ApiClient) -> Figures:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert SECRET not in answer.text
    return {
        (sample.name, *(sample.labels[k] for k in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def status(**others: object) -> str:
    """As capture says it."""
    return json.dumps({
        "state": "streaming", "reason": None, "message": None, "last_frame_at": time.time() - 1, "received_fps": 25.0,
        "decoded_fps": 12.0, "sampled_fps": 5.0, "asked_fps": {"plates": 5.0}, "reached_fps": {"plates": 4.5},
        "drops": {"superseded": 3}, "offered": {"plates": 50}, "reconnects": 2,
        "recording": {"state": "recording", "bytes": 5000, "gaps": 1, "waiting_bytes": 77}, **others,
    })  # fmt: skip


def assert_holds(figures: Figures, expected: Figures) -> None:
    assert {key: figures.get(key) for key in expected} == expected


def test_figures_of_cameras_and_their_frames(
    viewer: ApiClient, operator: ApiClient, redis_client: redis.Redis, database: Database
) -> None:
    answer = operator.post("/cameras", {"name": 'the "gate"', "url": f"rtsp://u:{SECRET}@192.0.2.1/"})
    camera_id = str(answer.get_json()["id"])
    redis_client.set(keys.camera_status(int(camera_id)), status())
    redis_client.hset(keys.SERVED, f"plates:{camera_id}", 42)
    redis_client.hset(keys.WORKER_DROPS, f"plates:{camera_id}:stale", 7)
    redis_client.hset(keys.JUDGE_DROPS, f"plates:{camera_id}:older", 1)
    redis_client.hset(keys.JUDGE_DROPS, "of another release", 1)
    figures = figures_of(viewer)
    camera = ('the "gate"', camera_id)
    assert 1 <= figures["camrec_camera_frame_age_seconds", *camera] < 10
    assert_holds(
        figures,
        {
            ("camrec_camera_state", *camera, "streaming"): 1,
            ("camrec_camera_received_fps", *camera): 25,
            ("camrec_camera_asked_fps", *camera, "plates"): 5,
            ("camrec_camera_reached_fps", *camera, "plates"): 4.5,
            ("camrec_camera_reconnects_total", *camera): 2,
            ("camrec_capture_drops_total", *camera, "superseded"): 3,
            ("camrec_recorder_waiting_bytes", *camera): 77,
            ("camrec_recording_state", *camera, "recording"): 1,
            ("camrec_frames_offered_total", *camera, "plates"): 50,
            ("camrec_frames_served_total", camera_id, "plates"): 42,
            ("camrec_worker_drops_total", camera_id, "stale", "plates"): 7,
            ("camrec_judge_drops_total", camera_id, "older", "plates"): 1,
            ("camrec_up", "cameras"): 1,
            ("camrec_api_requests_total", "POST", "/api/v1/cameras", "201"): 1,
        },
    )


def test_a_camera_is_asked_for_no_more_than_it_sends(
    viewer: ApiClient, operator: ApiClient, redis_client: redis.Redis
) -> None:
    asked = {"falls": 8.0, "plates": 2.0}
    for name, received_fps in {"slow": 5.0, "new": 0.0}.items():
        camera_id = operator.post("/cameras", {"name": name, "url": "rtsp://192.0.2.1/"}).get_json()["id"]
        redis_client.set(keys.camera_status(camera_id), status(received_fps=received_fps, asked_fps=asked))
    figures = figures_of(viewer)
    told = {(key[1], key[3]): fps for key, fps in figures.items() if key[0] == "camrec_camera_asked_fps"}
    assert told == {("slow", "falls"): 5, ("slow", "plates"): 2, ("new", "falls"): 8, ("new", "plates"): 2}


@pytest.mark.parametrize(
    ("motion_gate", "said", "told"),
    [
        pytest.param(True, {"moving": False}, 0, id="nothing moves"),
        pytest.param(True, {"moving": True}, 1, id="something moves"),
        pytest.param(False, {"moving": False}, 1, id="no gate"),
        pytest.param(False, {"moving": False, "state": "retrying"}, 0, id="no gate and no stream"),
    ],
)
def test_whether_recognitions_get_all_frames(
    viewer: ApiClient, operator: ApiClient, redis_client: redis.Redis, motion_gate: bool, said: dict[str, object],
    told: float,
) -> None:  # fmt: skip
    given = {"name": "gate", "url": "rtsp://192.0.2.1/", "motion_gate": motion_gate}
    camera_id = operator.post("/cameras", given).get_json()["id"]
    redis_client.set(keys.camera_status(camera_id), status(**said))
    assert figures_of(viewer)["camrec_camera_moving", "gate", str(camera_id)] == told


def test_losses_with_an_alert_are_told_of_before_the_first_where_capture_speaks(
    viewer: ApiClient, operator: ApiClient, redis_client: redis.Redis
) -> None:
    spoken, _ = (
        operator.post("/cameras", {"name": name, "url": "rtsp://192.0.2.1/"}).get_json()["id"]
        for name in ("spoken of", "silent")
    )
    redis_client.set(keys.camera_status(spoken), status(drops={"record_busy": 9}))
    drops = {key[1:]: frames for key, frames in figures_of(viewer).items() if key[0] == "camrec_capture_drops_total"}
    told = {("spoken of", str(spoken), cause): 0 for cause in TOLD_AT_ZERO}
    assert drops == {**told, ("spoken of", str(spoken), "record_busy"): 9}


def test_figures_of_what_waits(viewer: ApiClient, redis_client: redis.Redis) -> None:
    def message(age_s: float) -> str:
        return json.dumps({"headers": {keys.SENT_AT: time.time() - age_s}})

    redis_client.lpush("plates", message(3), message(2), "not ours")
    redis_client.lpush("falls", "not ours")
    redis_client.xadd(keys.observations(3), {"observation": "{}"}, id=f"{round(time.time() * 1000) - 5000}-0")
    redis_client.xadd(keys.observations(3), {"observation": "{}"})
    figures = figures_of(viewer)
    assert figures["camrec_queue_oldest_seconds", "plates"] == pytest.approx(3, abs=1)
    assert figures["camrec_observations_oldest_seconds", "3"] == pytest.approx(5, abs=1)
    assert ("camrec_queue_oldest_seconds", "falls") not in figures, "what is not ours has no known age"
    assert_holds(
        figures,
        {
            ("camrec_queue_length", "plates"): 3,
            ("camrec_queue_oldest_seconds", "jobs"): 0,
            ("camrec_observations_waiting", "3"): 2,
            ("camrec_observations_oldest_seconds", "0"): 0,
        },
    )


def test_figures_of_processes_and_their_leases(
    viewer: ApiClient, redis_client: redis.Redis, settings: Settings
) -> None:
    load = {"cpu_s": 12.5, "rss_bytes": 1e8, "threads": 9}
    disk = {"free": 10, "total": 100, "must_be_free": 2}
    sign = {"at": time.time(), "load": load, "shard_restarts": 6}
    redis_client.hset(keys.CAPTURE_NODES, "north", json.dumps({**sign, "cameras": 30, "disk": disk}))
    redis_client.hset(keys.CAPTURE_NODES, "dead", json.dumps({**sign, "cameras": 30, "at": time.time() - 60}))
    redis_client.hset(keys.WORKERS, "events@south", json.dumps({**sign, "queues": ["events.0"]}))
    redis_client.set(keys.LEASE_MOVES, 4)
    redis_client.mset({keys.lease("events.0"): "south:123", keys.lease_epoch("events.0"): 2})
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    process = {"name": "beat", "pid": None, "state": "restarting", "restarts": 5, "last_exit": "exit 1"}
    (settings.run_dir / "supervisor.json").write_text(json.dumps({"pid": 1, "processes": [process]}))
    figures = figures_of(viewer)
    assert ("camrec_node_cameras", "dead") not in figures
    assert figures["camrec_process_resident_bytes", settings.node, "api"] > 1e6
    assert_holds(
        figures,
        {
            ("camrec_workers", "events.0"): 1,
            ("camrec_workers", "jobs"): 0,
            ("camrec_lease_moves_total", "camera"): 4,
            ("camrec_lease_moves_total", "event_shard"): 2,
            ("camrec_node_cameras", "north"): 30,
            ("camrec_node_event_shards", "south"): 1,
            ("camrec_disk_bytes", "must_be_free", "north"): 2,
            ("camrec_capture_restarts_total", "north"): 6,
            ("camrec_process_cpu_seconds_total", "south", "events"): 12.5,
            ("camrec_process_resident_bytes", "north", "capture"): 1e8,
            ("camrec_process_restarts_total", "beat"): 5,
            ("camrec_process_running", "beat"): 0,
        },
    )


def test_figures_of_what_is_stored(
    viewer: ApiClient, operator: ApiClient, database: Database, settings: Settings
) -> None:
    settings.media_dir.mkdir(parents=True)
    operator.post("/cameras", {"name": "gate", "url": "rtsp://192.0.2.1/"})
    EventStore(database).put([(an_event(1, 1000.0), None)], epoch=1)
    figures = figures_of(viewer)
    assert figures["camrec_disk_bytes", "free", settings.node] > 0
    assert figures["camrec_database_seconds_count", "write"] >= 1
    assert_holds(
        figures,
        {("camrec_events",): 1, ("camrec_clips", "queued"): 0, ("camrec_redis_up",): 1, ("camrec_up", "media"): 1},
    )


def test_a_camera_with_another_key_is_shown_with_its_fault_and_costs_no_other_its_figures(
    viewer: ApiClient, operator: ApiClient, admin: ApiClient, database: Database, settings: Settings, tmp_path: Path
) -> None:
    operator.post("/cameras", {"name": "gate", "url": "rtsp://192.0.2.1/"})
    other = CameraStore(database, Secrets(tmp_path / "other")).add(Camera(0, "yard", f"rtsp://u:{SECRET}@192.0.2.2/"))
    gate, yard = viewer.get("/cameras").get_json()["items"]
    assert gate["fault"] is None
    assert "another key" in yard["fault"]
    assert yard["url"] == "rtsp://***@192.0.2.2/"
    assert viewer.get(f"/cameras/{other.id}").get_json() == yard
    assert viewer.get(f"/cameras/{other.id}/status").get_json()["message"] == yard["fault"]
    figures = figures_of(viewer)
    assert_holds(
        figures,
        {
            ("camrec_camera_state", "gate", str(gate["id"]), "connecting"): 1,
            ("camrec_camera_state", "yard", str(other.id), "connecting"): 1,
        },
    )
    assert operator.patch(f"/cameras/{other.id}", {"name": "door"}).status_code == 422
    answer = operator.patch(f"/cameras/{other.id}", {"url": "rtsp://192.0.2.2/"})
    assert (answer.status_code, answer.get_json()["fault"]) == (200, None)
    assert admin.delete(f"/cameras/{other.id}").status_code == 204


def test_what_cannot_be_read_costs_no_other_source_its_figures(viewer: ApiClient, settings: Settings) -> None:
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    (settings.run_dir / "supervisor.json").write_text("")
    assert_holds(figures_of(viewer), {("camrec_up", "supervisor"): 0, ("camrec_up", "cameras"): 1})


def test_backups_that_are_due_are_told_of_though_none_was_made(
    viewer: ApiClient, settings: Settings, tmp_path: Path
) -> None:
    assert ("camrec_backup_interval_seconds",) not in figures_of(viewer)
    app = create_app(settings.model_copy(update={"backup_dir": tmp_path, "backup_hours": 6.0}))
    figures = figures_of(ApiClient(app).log_in("viewer", password_of("viewer")))
    assert figures["camrec_backup_interval_seconds",] == 6 * 3600
    assert ("camrec_backup_age_seconds",) not in figures


def test_figures_of_copies(viewer: ApiClient, redis_client: redis.Redis) -> None:
    assert ("camrec_backup_age_seconds",) not in figures_of(viewer)
    redis_client.hset(keys.OBJECTS, "north", json.dumps({"at": 1.0, "fault": None, "backlog": 12, "stored_bytes": 9}))
    redis_client.set(keys.BACKUP, json.dumps({"made_at": time.time() - 500, "count": 2, "error": None}))
    figures = figures_of(viewer)
    assert figures["camrec_objects_waiting", "north"] == 12
    assert figures["camrec_backup_age_seconds",] == pytest.approx(500, abs=2)


def test_disk_by_class_is_worked_out_beside_the_scrape(
    viewer: ApiClient, database: Database, settings: Settings
) -> None:
    segments = write_segments(settings.media_dir, 1, 1_795_435_200.0, 2)
    SegmentStore(database).add(segments)
    key = ("camrec_media_bytes", segments[0].retention_class, segments[0].node)
    found = wait_until(lambda: figures_of(viewer).get(key), "the sums are there", 10)
    assert found == sum(segment.size_bytes for segment in segments)


def test_every_metric_has_its_line_in_the_page_of_monitoring(viewer: ApiClient) -> None:
    families = list(text_string_to_metric_families(viewer.get("/metrics").text))
    exported = {(family.name, family.type) for family in families}
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE.read_text(), re.MULTILINE)
    told = {(name.removesuffix("_total") if kind == "counter" else name, kind) for name, kind in rows}
    assert told == exported
    assert all(family.documentation for family in families)


def test_a_thousand_cameras_are_told_of_within_a_second(
    viewer: ApiClient, redis_client: redis.Redis, database: Database, settings: Settings
) -> None:
    kinds = ("plates", "falls", "reid")
    recognitions = tuple(CameraRecognition(kind, 5.0) for kind in kinds)
    cameras = [Camera(0, f"camera {n}", "rtsp://192.0.2.1/", recognitions=recognitions) for n in range(1000)]
    said = status(
        asked_fps=dict.fromkeys(kinds, 5.0), reached_fps=dict.fromkeys(kinds, 4.5), drops={"still": 70, "corrupt": 1}
    )
    pipeline = redis_client.pipeline()
    for camera in CameraStore(database, Secrets.of(settings)).replace_all(cameras):
        pipeline.set(keys.camera_status(camera.id), said)
        for kind in kinds:
            pipeline.hset(keys.SERVED, f"{kind}:{camera.id}", 42)
            pipeline.hset(keys.WORKER_DROPS, f"{kind}:{camera.id}:stale", 7)
    pipeline.execute()
    started_s = time.process_time()
    text = viewer.get("/metrics").text
    took_s = time.process_time() - started_s
    assert text.count("camrec_camera_frame_age_seconds{") == 1000
    assert took_s < 1.0, "seconds of CPU, since other tests run beside this one"
