"""One capture process: some cameras, and the threads that they share."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from capture.camera_worker import CameraWorker
from capture.clips import ClipFeeder
from capture.condition import Figures, State
from capture.disk_guard import DiskGuard
from capture.dispatcher import Dispatcher
from capture.drops import Drops
from capture.keeper import Keeper
from capture.publisher import SOCKET_TIMEOUT_S, Publisher
from capture.rates import KEEP, consumer_rates
from capture.recorder.recorder import Recorder
from capture.status import REDIS_TIMEOUT_S, StatusReporter
from capture.stream import silence_ffmpeg
from core.errors import UnavailableError
from core.log import setup_logging
from core.recognitions import RECOGNITIONS
from core.redis_client import connect_redis
from core.settings import Settings
from core.types import FrameRef, Picture
from storage.camera import Camera
from storage.database import Database
from storage.frames.store import FrameStore
from storage.frames.tokens import Tokens
from storage.kept_frames import KeptFrameStore
from storage.media import Media

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 5.0
_TICK_S = 0.5
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Assign:
    """Watch this camera from now on, or follow its change."""

    camera: Camera = field(repr=False)


@dataclass(frozen=True, slots=True)
class Remove:
    """Watch this camera no longer."""

    camera_id: int


Message = Assign | Remove


class _FrameWriter:
    """The frame store, opened with the first frame: where its folder is missing, each camera's status says so."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._store: FrameStore | None = None

    def write(self, camera_id: int, pixels: Picture, captured_at: float) -> FrameRef:
        with self._lock:
            if self._store is None:
                self._store = FrameStore(self._settings)
        return self._store.write(camera_id, pixels, captured_at)

    def write_clip_picture(self, camera_id: int, pixels: Picture, captured_at: float) -> None:
        if self._store is None:
            raise UnavailableError("The frame store is not open yet.")
        self._store.write_clip_picture(camera_id, pixels, captured_at)

    def release(self, camera_id: int) -> None:
        if self._store is not None:
            self._store.release(camera_id)


class Shard:
    """The cameras of one process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._drops = Drops()
        self._store = _FrameWriter(settings)
        self._clips = ClipFeeder(self._store)
        self._database = Database(settings)
        self._publisher = Publisher(settings)
        self._dispatcher = Dispatcher(
            lambda: Tokens(connect_redis(settings, SOCKET_TIMEOUT_S)), self._publisher.publish, self._drops
        )
        media = Media(settings.media_dir)
        disk = DiskGuard(
            settings.media_dir,
            settings.min_free,
            "Frames are not kept",
            "keep frames for a shorter time (CAMREC_FRAMES_DAYS)",
        )
        self._keeper = Keeper(media, disk, KeptFrameStore(self._database), self._drops)
        self._recorder = Recorder(settings, self._database, self._drops)
        self._reporter = StatusReporter(
            lambda: connect_redis(settings, REDIS_TIMEOUT_S),
            lambda: list(self._workers.values()),
            self._keeper.newest_paths,
            self._drops,
            self._recorder.status,
        )
        self._workers: dict[int, CameraWorker] = {}
        self._ending: list[CameraWorker] = []

    def start(self) -> None:
        """Start the threads that cameras share."""
        self._dispatcher.start()
        self._keeper.start()
        self._recorder.start()
        self._reporter.start()

    def offer(self, consumer: str, ref: FrameRef, pixels: Picture) -> None:
        """Hand a sampled frame on, without waiting for anybody."""
        if consumer == KEEP:
            self._keeper.offer(ref, pixels)
            return
        shape = RECOGNITIONS[consumer].clip
        try:
            is_due = shape is None or self._clips.offer(consumer, shape, ref, pixels)
        except UnavailableError as error:  # the other recognitions of the camera go on
            log.debug("Camera %d has no room for clips: %s", ref.camera_id, error)
            self._drops.count(ref.camera_id, "store")
            return
        if is_due:
            self._dispatcher.offer(consumer, ref.camera_id)

    def figures(self) -> list[Figures]:
        """What each camera's thread has counted."""
        return [worker.figures for worker in self._workers.values()]

    def handle(self, message: Message) -> None:
        """Do what the node says."""
        if isinstance(message, Assign):
            self._assign(message.camera)
        else:
            self._retire(message.camera_id)
            self._recorder.retire(message.camera_id)

    def reap(self) -> None:
        """Let go of cameras whose threads have ended."""
        ended = [worker for worker in self._ending if worker.join(0)]
        self._ending = [worker for worker in self._ending if worker not in ended]
        watched = self._workers.keys() | {w.camera.id for w in self._ending}
        for camera_id in {w.camera.id for w in ended} - watched:
            self._store.release(camera_id)
            self._clips.forget(camera_id)
            self._drops.forget(camera_id)

    def stop(self) -> None:
        """End all threads that end in time."""
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        workers = list(self._workers.values())
        for worker in workers:
            worker.stop()
        self._reporter.stop(0.1)
        self._dispatcher.stop(0.1)
        self._recorder.stop(STOP_TIMEOUT_S / 2)
        self._keeper.stop(STOP_TIMEOUT_S / 4)
        for worker in workers:
            worker.join(max(0.0, deadline_s - time.monotonic()))

    def _assign(self, camera: Camera) -> None:
        worker = self._workers.get(camera.id)
        if worker is not None and worker.camera == camera:
            return
        rates = consumer_rates(camera, self._settings)
        recorder = self._recorder.assign(camera)
        if worker is not None and _may_go_on(worker, camera):
            worker.update(camera, rates)
            return
        self._retire(camera.id)
        worker = CameraWorker(camera, rates, store=self._store, sink=self, drops=self._drops, recorder=recorder)
        self._workers[camera.id] = worker
        worker.start()

    def _retire(self, camera_id: int) -> None:
        worker = self._workers.pop(camera_id, None)
        if worker is not None:
            worker.stop()
            self._ending.append(worker)


def _may_go_on(worker: CameraWorker, camera: Camera) -> bool:
    """A running stream goes on unless it is another one now; a failing one is tried at once after any edit."""
    return worker.condition.state in {State.STREAMING, State.DISABLED} and _source(worker.camera) == _source(camera)


def _source(camera: Camera) -> tuple[str, bool, bool, bool]:
    return camera.analysed_url, camera.detect_url is None, camera.tls_verify, camera.enabled


def run_shard(number: int, settings: Settings, control: Connection) -> None:
    """Main function of a shard's process. It ends when ``control`` closes, on SIGTERM, and with its parent."""
    stopped = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the node ends its shards in order
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    setup_logging(f"capture.{number}", settings)
    silence_ffmpeg()
    shard = Shard(settings)
    shard.start()
    try:
        while not stopped.is_set():
            if control.poll(_TICK_S):
                shard.handle(control.recv())
            else:
                shard.reap()
    except (EOFError, OSError):
        log.debug("The node has closed the connection")
    shard.stop()
    logging.shutdown()
    # A camera's thread may still be inside FFmpeg; the interpreter's own end would wait for it or crash in it.
    os._exit(0)
