"""One capture process: some cameras, and the threads that they share."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import cv2

from capture.camera_worker import CameraWorker
from capture.clips import ClipFeeder
from capture.condition import Figures, State
from capture.disk_guard import DiskGuard
from capture.dispatcher import Dispatcher
from capture.drops import Drops
from capture.hardware import accelerator
from capture.keeper import Keeper
from capture.messages import Alive, Assign, Ended, Extend, Message
from capture.motion_log import MotionLog
from capture.publisher import Publisher
from capture.rates import KEEP, consumer_rates
from capture.recorder.recorder import Recorder
from capture.status import REDIS_TIMEOUT_S, StatusReporter
from capture.stream import silence_ffmpeg
from core.allocator import share_arenas
from core.celery_producer import SOCKET_TIMEOUT_S
from core.errors import UnavailableError
from core.figures import SAMPLE_SECONDS
from core.garbage import forget_start
from core.log import setup_logging
from core.parent_death import end_with_parent
from core.recognitions import RECOGNITIONS
from core.redis_client import connect_redis
from core.settings import Settings
from core.tracing import Step, Tracing
from core.types import FrameRef, Picture
from storage.camera import Camera
from storage.database import Database
from storage.frames.store import FrameStore, open_frame_store
from storage.frames.tokens import Tokens
from storage.kept_frames import KeptFrameStore
from storage.media import Media
from storage.motion_spans import MotionSpanStore

log = logging.getLogger(__name__)

FIRST_SHARD = 0
"""Runs whether it has cameras or not: a process takes a second to start, and cameras that come to this node are not
watched by anybody meanwhile."""
STOP_TIMEOUT_S = 5.0
_TICK_S = 0.5


class _FrameWriter:
    """The frame store, opened with the first frame: where its folder is missing, each camera's status says so."""

    def __init__(self, settings: Settings, tracing: Tracing) -> None:
        self._settings, self._tracing = settings, tracing
        self._lock = threading.Lock()
        self._store: FrameStore | None = None

    def write(self, camera_id: int, pixels: Picture, captured_at: float) -> FrameRef:
        with self._lock:
            if self._store is None:
                self._store = open_frame_store(self._settings)
        ref = self._store.write(camera_id, pixels, captured_at)
        written_at = time.time()
        SAMPLE_SECONDS.observe(written_at - captured_at)
        self._tracing.step(Step.SAMPLE, ref, captured_at, written_at)
        return ref

    def write_clip_picture(self, camera_id: int, pixels: Picture, captured_at: float) -> None:
        if self._store is None:
            raise UnavailableError("The frame store is not open yet.")
        self._store.write_clip_picture(camera_id, pixels, captured_at)

    def release(self, camera_id: int) -> None:
        if self._store is not None:
            self._store.release(camera_id)


class Shard:
    """The cameras of one process."""

    def __init__(
        self,
        settings: Settings,
        holder: str,
        ended: Callable[[int], None] = lambda _: None,
        *,
        hardware: str | None = None,
        mends_all: bool = False,
    ) -> None:
        """Nothing runs before `start`.

        Args:
            settings: of this machine.
            holder: of the cameras' leases.
            ended: is told of cameras that were removed and whose streams have ended.
            hardware: decodes in place of software; see `accelerator`.
            mends_all: see `Recorder`.
        """
        self._settings, self._told_ended = settings, ended
        self._leased_until_s = float("-inf")
        self._drops = Drops()
        self._hardware = None if hardware is None else accelerator(hardware)
        self._tracing = Tracing(settings, "capture")
        self._store = _FrameWriter(settings, self._tracing)
        self._clips = ClipFeeder(self._store)
        self._database = Database(settings)
        self._publisher = Publisher(settings)
        self._dispatcher = Dispatcher(
            lambda: Tokens(connect_redis(settings, SOCKET_TIMEOUT_S)), self._publisher.publish, self._drops
        )
        media = Media(settings.media_dir, settings.node)
        disk = DiskGuard(
            settings.media_dir,
            settings.min_free,
            "Frames are not kept",
            "keep frames for a shorter time (CAMREC_FRAMES_DAYS)",
        )
        self._keeper = Keeper(media, disk, KeptFrameStore(self._database), self._drops)
        self._motion = MotionLog(MotionSpanStore(self._database), self._drops)
        self._recorder = Recorder(settings, self._database, self._drops, mends_all=mends_all)
        self._reporter = StatusReporter(
            lambda: connect_redis(settings, REDIS_TIMEOUT_S),
            lambda: list(self._workers.values()),
            self._keeper.newest_paths,
            self._drops,
            self._dispatcher.offered,
            self._recorder.status,
            holder=holder,
        )
        self._workers: dict[int, CameraWorker] = {}
        self._ending: list[CameraWorker] = []
        self._retired: set[int] = set()
        """Cameras some thread of which was asked to end."""

    def start(self) -> None:
        """Start the threads that cameras share."""
        cv2.setNumThreads(1)  # each camera has a thread: OpenCV's own would only be woken and wait
        self._dispatcher.start()
        self._keeper.start()
        self._motion.start()
        self._recorder.start()
        self._reporter.start()

    def offer(self, consumer: str, ref: FrameRef, pixels: Picture) -> None:
        """Hand a sampled frame on, without waiting for anybody."""
        if consumer == KEEP:
            self._keeper.offer(ref, pixels)
            return
        if time.monotonic() >= self._leased_until_s:
            self._drops.count(ref.camera_id, "lease_lapsed")  # another node may feed this camera's frames by now
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
        elif isinstance(message, Extend):
            self._leased_until_s = message.until_s
        else:
            self._retire(message.camera_id)
            self._recorder.retire(message.camera_id)

    def reap(self) -> None:
        """Let go of cameras whose threads have ended."""
        self._ending = [worker for worker in self._ending if not worker.join(0)]
        watched = self._workers.keys() | {w.camera.id for w in self._ending} | self._recorder.ending_streams()
        left, self._retired = self._retired - watched, self._retired & watched
        for camera_id in left:
            self._store.release(camera_id)
            self._clips.forget(camera_id)
            self._motion.forget(camera_id)
            self._drops.forget(camera_id)
            self._dispatcher.forget(camera_id)
            self._told_ended(camera_id)

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
        self._motion.stop(STOP_TIMEOUT_S / 8)
        self._tracing.close()
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
        worker = CameraWorker(
            camera,
            rates,
            store=self._store,
            sink=self,
            drops=self._drops,
            recorder=recorder,
            hardware=self._hardware,
            motion=self._motion,
        )
        self._workers[camera.id] = worker
        worker.start()

    def _retire(self, camera_id: int) -> None:
        worker = self._workers.pop(camera_id, None)
        if worker is not None:
            worker.stop()
            self._ending.append(worker)
            self._retired.add(camera_id)


def _may_go_on(worker: CameraWorker, camera: Camera) -> bool:
    """A running stream goes on unless it is another one now; a failing one is tried at once after any edit."""
    return worker.condition.state in {State.STREAMING, State.DISABLED} and _source(worker.camera) == _source(camera)


def _source(camera: Camera) -> tuple[str, bool, bool, bool]:
    return camera.analysed_url, camera.detect_url is None, camera.tls_verify, camera.enabled


def run_shard(number: int, settings: Settings, holder: str, hardware: str | None, control: Connection) -> None:
    """Main function of a shard's process. It ends when ``control`` closes, on SIGTERM, and with its parent."""
    stopped = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the node ends its shards in order
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        end_with_parent(signal.SIGKILL, parent.pid)
    share_arenas()
    setup_logging(f"capture.{number}", settings)
    silence_ffmpeg()
    shard = Shard(
        settings,
        holder,
        lambda camera_id: control.send(Ended(camera_id)),
        hardware=hardware,
        mends_all=number == FIRST_SHARD,
    )
    shard.start()
    forget_start()
    while not stopped.is_set():
        try:
            control.send(Alive())
            message: Message | None = control.recv() if control.poll(_TICK_S) else None
        except (EOFError, OSError):
            log.debug("The node has closed the connection")
            break
        if message is None:
            shard.reap()
        else:
            shard.handle(message)
    shard.stop()
    logging.shutdown()
    # A camera's thread may still be inside FFmpeg; the interpreter's own end would wait for it or crash in it.
    os._exit(0)
