"""The main stream of a camera whose sub-stream is analysed: read for its recording only, and not decoded."""

from __future__ import annotations

import logging
import threading
from contextlib import closing

from capture.backoff import Backoff
from capture.recorder.camera_recorder import CameraRecorder
from capture.stream import Stream, StreamError
from capture.stream_clock import StreamClock
from core.clock import Clock, SystemClock
from core.log import log_context
from storage.camera import Camera

log = logging.getLogger(__name__)


class MainStream:
    """A thread that keeps the stream up."""

    def __init__(self, camera: Camera, recorder: CameraRecorder, clock: Clock | None = None) -> None:
        self.camera = camera
        self._recorder = recorder
        self._clock = clock or SystemClock()
        self._backoff = Backoff()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"main-stream-{camera.id}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it does within its read time limit, or its open time limit while it connects."""
        self._stop.set()

    @property
    def is_alive(self) -> bool:
        """Whether the thread has not ended yet."""
        return self._thread.is_alive()

    def _run(self) -> None:
        with log_context(camera_id=self.camera.id):
            while not self._stop.is_set():
                opened_s, reason = self._clock.monotonic(), None
                try:
                    self._read()
                except StreamError as error:
                    reason = error.reason
                    log.warning("The main stream of camera %s is not recorded: %s", self.camera.name, error)
                except Exception:  # one camera's oddity must not leave it unrecorded for ever
                    log.exception("The thread of a main stream failed")
                if not self._stop.is_set():
                    self._stop.wait(self._backoff.wait_s(reason, self._clock.monotonic() - opened_s))

    def _read(self) -> None:
        with closing(Stream(self.camera.url, tls_verify=self.camera.tls_verify, with_sound=True)) as stream:
            stream_clock = StreamClock(paced=stream.is_paced)
            if self._stop.is_set():  # another stream may have come in its place while this one was opened
                return
            connection = self._recorder.connected(stream.video, stream.sound)
            try:
                for packet in stream.packets():
                    is_video = packet.stream_index == stream.video.index
                    arrived_at = at_s = self._clock.now()
                    if is_video:
                        stamp = packet.pts if packet.dts is None else packet.dts
                        at_s = stream_clock.observe(stream.seconds(stamp), arrived_at)
                    if at_s > arrived_at:
                        self._stop.wait(at_s - arrived_at)
                    if self._stop.is_set():
                        return
                    self._recorder.offer(connection, packet, at_s, is_video)
            finally:
                self._recorder.disconnected(connection)
