"""The recording of all cameras of a process."""

from __future__ import annotations

from typing import Any

from capture.disk_guard import DiskGuard
from capture.drops import Drops
from capture.recorder.alarm import DiskAlarm
from capture.recorder.camera_recorder import CameraRecorder
from capture.recorder.committer import Committer
from capture.recorder.events import EventWatcher
from capture.recorder.live import LiveViewers
from capture.recorder.main_stream import MainStream
from capture.recorder.writer import Writer
from core.recognitions import RECORDING
from core.redis_client import connect_redis
from core.settings import Settings
from core.types import Event
from storage.camera import Camera
from storage.database import Database
from storage.events import EventStore
from storage.segment_files import recorded_camera_ids
from storage.segments import SegmentStore

REDIS_TIMEOUT_S = 2.0
_WRITES = {"recording", "armed"}
"""States in which a camera needs room on the disk now, or may at any moment."""


class Recorder:
    """Makes a recorder for each camera; they share threads."""

    def __init__(self, settings: Settings, database: Database, drops: Drops, *, mends_all: bool = False) -> None:
        """Idle until `start`.

        Args:
            settings: of this machine.
            database: with the index.
            drops: counters of what is lost.
            mends_all: whether what was left on this disk of cameras that others record now, or nobody, is mended and
                indexed here, too.
        """
        media, node = settings.media_dir, settings.node
        disk = DiskGuard(
            media,
            settings.min_free,
            "Nothing is recorded",
            "keep recordings for a shorter time (CAMREC_RECORDINGS_DAYS)",
        )
        self._media = media
        self._cameras: dict[int, CameraRecorder] = {}
        self._main_streams: dict[int, MainStream] = {}
        self._ending: list[MainStream] = []
        self._segments = SegmentStore(database)
        events = EventStore(database)
        self._alarm = DiskAlarm(events, node)
        self._committer = Committer(
            media, node, self._segments, drops, self._cameras_on_disk if mends_all else self._own, self._look_for_alarm
        )
        self._writer = Writer(media, node, disk, self._committer, drops)
        self._watcher = EventWatcher(events, lambda: connect_redis(settings, REDIS_TIMEOUT_S), self._own, self._heard)
        self._viewers = LiveViewers(
            media,
            node,
            settings.min_free,
            drops,
            lambda: connect_redis(settings, REDIS_TIMEOUT_S),
            lambda: dict(self._cameras),
        )

    def start(self) -> None:
        """Start the threads that cameras share."""
        self._writer.start()
        self._committer.start()
        self._watcher.start()
        self._viewers.start()

    def stop(self, timeout_s: float) -> None:
        """End all segments, and the threads."""
        self._watcher.stop()
        for main_stream in self._main_streams.values():
            main_stream.stop()
        self._viewers.stop(0.1)
        self._writer.stop(timeout_s / 2)
        self._committer.stop(timeout_s / 2)

    def assign(self, camera: Camera) -> CameraRecorder | None:
        """Record a camera from now on, or follow its change.

        Returns:
            Where the packets of its analysed stream go; None: nowhere, the main stream is read by itself.
        """
        recorder = self._cameras.get(camera.id)
        if recorder is None:
            self._viewers.begin(camera.id)
            recorder = CameraRecorder(camera.id, camera.recording, self._writer, self._viewers.sink)
            self._cameras[camera.id] = recorder
        else:
            recorder.configure(camera.recording)
        self._follow_main_stream(camera, recorder)
        return None if camera.detect_url else recorder

    def retire(self, camera_id: int) -> None:
        """Record a camera no longer."""
        self._end_main_stream(camera_id)
        if self._cameras.pop(camera_id, None) is not None:
            self._writer.forget(camera_id)
            self._viewers.end(camera_id)

    def ending_streams(self) -> set[int]:
        """Cameras whose main stream was to end and is still open."""
        self._ending = [main_stream for main_stream in self._ending if main_stream.is_alive]
        return {main_stream.camera.id for main_stream in self._ending}

    def status(self, camera_id: int) -> dict[str, Any]:
        """What the camera's status says of its recording."""
        recorder, figures = self._cameras.get(camera_id), self._writer.figures(camera_id)
        state = "off" if recorder is None else recorder.state
        is_paused = (figures.is_paused and state == "recording") or (not self._writer.has_room and state in _WRITES)
        reasons = {"impossible": "unsupported_codec", "paused": "disk_full"}
        return {
            "mode": "off" if recorder is None else recorder.recording.mode,
            "state": "paused" if is_paused else state,
            "reason": reasons.get("paused" if is_paused else state),
            "last_segment_at": figures.last_segment_at,
            "segments": figures.segments,
            "bytes": figures.bytes,
            "gaps": figures.gaps,
            "waiting_bytes": self._writer.waiting_bytes(camera_id),
        }

    def _follow_main_stream(self, camera: Camera, recorder: CameraRecorder) -> None:
        running = self._main_streams.get(camera.id)
        is_wanted = bool(camera.detect_url) and camera.enabled and camera.recording.mode != "off"
        if running is not None and is_wanted and _source(running.camera) == _source(camera):
            return
        self._end_main_stream(camera.id)
        if is_wanted:
            main_stream = self._main_streams[camera.id] = MainStream(camera, recorder)
            main_stream.start()

    def _end_main_stream(self, camera_id: int) -> None:
        main_stream = self._main_streams.pop(camera_id, None)
        if main_stream is not None:
            main_stream.stop()
            self._ending.append(main_stream)

    def _own(self) -> list[int]:
        return list(self._cameras)

    def _cameras_on_disk(self) -> list[int]:
        return list({*self._own(), *recorded_camera_ids(self._media)})

    def _look_for_alarm(self) -> None:
        cameras = self._own()
        self._alarm.look(cameras, [i for i in cameras if self.status(i)["state"] == "paused"])

    def _heard(self, event: Event, last_s: float) -> None:
        recorder = self._cameras.get(event.camera_id)
        if recorder is not None and event.recognition != RECORDING:
            recorder.want(event.id, event.started_at, last_s)
            recording = recorder.recording
            if recording.mode == "continuous":  # what was recorded before anybody knew of the event
                from_s, to_s = event.started_at - recording.pre_s, last_s + recording.post_s
                self._segments.mark_event(event.camera_id, from_s, to_s)


def _source(camera: Camera) -> tuple[str, bool]:
    return camera.url, camera.tls_verify
