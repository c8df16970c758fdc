"""Figures of cameras, as capture says them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client.core import Metric

from app.api.cameras.status import statuses
from app.api.metrics.families import Samples, counter, gauge
from app.api.services import Services

Said = Sequence[tuple[tuple[str, ...], dict[str, Any]]]
"""Labels of a camera and its status."""

CAMERA = ("camera_id", "camera")
_RATES = (
    ("camrec_camera_received_fps", "Frames a second that the camera sends", "received_fps"),
    ("camrec_camera_decoded_fps", "Frames a second that are decoded", "decoded_fps"),
    ("camrec_camera_sampled_fps", "Frames a second that go to the frame store", "sampled_fps"),
)
TOLD_AT_ZERO = ("keep_busy", "record_busy", "record_disk_full", "record_disk_low", "record_failed")
"""Causes of drops with an alert: Prometheus sees no increase from a figure that it has never seen."""


def cameras(services: Services) -> Iterator[Metric]:
    """State, rates and losses of each camera."""
    known = services.cameras.all()
    said = [
        ((str(camera.id), camera.name), status) for camera, status in zip(known, statuses(services, known), strict=True)
    ]
    yield gauge(
        "camrec_camera_state",
        "1 for the state that the camera is in",
        (*CAMERA, "state"),
        (((*camera, status["state"]), 1) for camera, status in said),
    )
    yield gauge(
        "camrec_camera_frame_age_seconds",
        "Age of the newest frame",
        CAMERA,
        ((camera, status["frame_age_s"]) for camera, status in said if status["frame_age_s"] is not None),
    )
    yield gauge(
        "camrec_camera_moving",
        "1 while recognitions get all frames, since something moves or the camera has no motion gate",
        CAMERA,
        (
            (labels, float(status["moving"] or (not camera.motion_gate and status["state"] == "streaming")))
            for camera, (labels, status) in zip(known, said, strict=True)
        ),
    )
    for metric, text, name in _RATES:
        yield gauge(metric, text, CAMERA, [(camera, status[name]) for camera, status in said])
    yield gauge(
        "camrec_camera_asked_fps",
        "Frames a second that a recognition is to get while something moves, as far as the camera sends them",
        (*CAMERA, "recognition"),
        [
            ((*camera, kind), min(fps, status["received_fps"] or fps))
            for camera, status in said
            for kind, fps in status["asked_fps"].items()
        ],
    )
    yield gauge(
        "camrec_camera_reached_fps",
        "Frames a second that workers took",
        (*CAMERA, "recognition"),
        _by_key(said, "reached_fps"),
    )
    yield counter(
        "camrec_camera_reconnects",
        "Times that the stream broke and was opened anew",
        CAMERA,
        ((camera, status["reconnects"]) for camera, status in said),
    )
    yield counter(
        "camrec_capture_drops",
        "Frames that capture did not hand on",
        (*CAMERA, "cause"),
        [((*camera, cause), frames) for camera, status in said for cause, frames in _drops(status).items()],
    )
    yield counter(
        "camrec_frames_offered",
        "Frames that capture offered to workers: dropped, or taken by one",
        (*CAMERA, "recognition"),
        _by_key(said, "offered"),
    )
    yield from _recording(said)


def _recording(said: Said) -> Iterator[Metric]:
    recorded = [(camera, status["recording"]) for camera, status in said if status["recording"]]
    yield gauge(
        "camrec_recording_state",
        "1 for the state that the recording of the camera is in",
        (*CAMERA, "state"),
        (((*camera, recording["state"]), 1) for camera, recording in recorded if "state" in recording),
    )
    for metric, text, name, family in (
        ("camrec_recorded_bytes", "Bytes recorded", "bytes", counter),
        ("camrec_recording_gaps", "Times that the recording broke off and went on", "gaps", counter),
        ("camrec_recorder_waiting_bytes", "Bytes of packets that wait for the disk", "waiting_bytes", gauge),
    ):
        yield family(metric, text, CAMERA, [(camera, recording.get(name, 0)) for camera, recording in recorded])


def _drops(status: dict[str, Any]) -> dict[str, int]:
    # Not where capture is silent: what it counted before would seem new when it speaks again.
    return {**dict.fromkeys(TOLD_AT_ZERO if status["recording"] else (), 0), **status["drops"]}


def _by_key(said: Said, name: str) -> Samples:
    return [((*camera, key), value) for camera, status in said for key, value in status[name].items()]
