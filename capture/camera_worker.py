"""A thread for each camera: it keeps the stream up, samples it and hands the frames on."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from av.codec.hwaccel import HWAccel
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from capture.backoff import Backoff
from capture.condition import Condition, Figures, State
from capture.decoder import CorruptError, Decoder
from capture.drops import Drops
from capture.motion_gate import MotionGate
from capture.rates import KEEP, recognition_rates
from capture.reasons import Reason
from capture.recorder.arrival import Connection
from capture.recorder.camera_recorder import CameraRecorder
from capture.sampler import Sampler
from capture.sinks import FrameSink, FrameWriter, MotionSink
from capture.stream import Stream, StreamError
from capture.stream_clock import StreamClock
from core.clock import Clock, SystemClock
from core.errors import UnavailableError
from core.log import log_context
from core.types import FrameRef, Picture
from storage.camera import Camera

log = logging.getLogger(__name__)

NO_PICTURE_TIMEOUT_S = 30.0
"""A stream whose packets give no picture for so long is opened anew."""


class CameraWorker:
    """Watches one camera at one URL. A camera that gets another URL gets another worker: this one may be blocked."""

    def __init__(
        self,
        camera: Camera,
        rates: Mapping[str, float],
        *,
        store: FrameWriter,
        sink: FrameSink,
        drops: Drops,
        recorder: CameraRecorder | None = None,
        hardware: HWAccel | None = None,
        motion: MotionSink | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """Nothing is opened before `start`.

        Args:
            camera: what to watch.
            rates: consumer → frames per second.
            store: where the pixels go.
            sink: who hears of them.
            drops: counters of what is lost.
            recorder: takes the packets.
            hardware: decodes in place of software.
            motion: hears when something moves.
            clock: of the machine by default.
            rng: jitter of the waits between tries.
        """
        self.camera = camera
        self.figures = Figures()
        self.seen_at: Mapping[str, float] | None = None
        """Recognition → when it saw something of this camera last; None: not known."""
        self.sampler = Sampler(rates)
        self._rates = rates
        self._gate = MotionGate()
        self._store, self._sink, self._drops, self._recorder = store, sink, drops, recorder
        self._motion, self._hardware = motion, hardware
        self._clock = clock or SystemClock()
        self._backoff = Backoff(rng)
        self._stop = threading.Event()
        self._new_rates: Mapping[str, float] | None = None
        self._left_out: list[Packet[VideoStream]] = []
        self._first_picture_s: float | None = None
        self._last_picture_s = 0.0
        self._store_fault: str | None = None
        state = State.CONNECTING if camera.enabled else State.DISABLED
        self.condition = Condition(state, self._clock.now())
        self._thread = threading.Thread(target=self._run, name=f"camera-{camera.id}", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it does within its read time limit, or its open time limit while it connects."""
        self._stop.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread; returns whether it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def update(self, camera: Camera, rates: Mapping[str, float]) -> None:
        """Follow a change of the camera that leaves its stream as it is."""
        self.camera = camera
        self._new_rates = rates

    def _run(self) -> None:
        with log_context(camera_id=self.camera.id):
            while self.camera.enabled and not self._stop.is_set():
                self._first_picture_s = None
                reason, message = self._watch_until_broken()
                if not self._stop.is_set():
                    self._stop.wait(self._note_failure(reason, message))

    def _watch_until_broken(self) -> tuple[Reason | None, str]:
        try:
            self._watch()
        except StreamError as error:
            return error.reason, str(error)
        except Exception:  # one camera's oddity must not leave it unwatched for ever
            log.exception("The camera's thread failed")
            return Reason.NO_FRAMES, "An internal error ended the stream; see the log."
        return None, "stopped"

    def _note_failure(self, reason: Reason | None, message: str) -> float:
        """Enter ``retrying``; returns the seconds to wait."""
        lived_s = 0.0 if self._first_picture_s is None else self._clock.monotonic() - self._first_picture_s
        if lived_s:
            self.figures.reconnects += 1
        self.figures.moving = False
        self._enter(State.RETRYING, reason, message)
        return self._backoff.wait_s(reason, lived_s)

    def _enter(self, state: State, reason: Reason | None = None, message: str | None = None) -> None:
        before = self.condition
        if (before.state, before.reason, before.message) == (state, reason, message):
            return
        self.condition = Condition(state, self._clock.now(), reason, message)
        if state is State.RETRYING:
            log.warning("Camera %s is %s: %s", self.camera.name, reason or "not watched", message)
        elif message is not None:
            log.warning("Camera %s is %s, but not recognised: %s", self.camera.name, state, message)
        else:
            log.info("Camera %s is %s", self.camera.name, state)

    def _watch(self) -> None:
        """Play one connection; a file or a still picture again and again."""
        self._last_picture_s = self._clock.monotonic()
        while not self._stop.is_set():
            opened_s = self._clock.monotonic()
            with closing(self._open()) as stream:
                if self._stop.is_set():  # another worker may have the camera since
                    return
                self.sampler.restart()
                with self._recorded(stream) as connection:
                    self._play(stream, connection)
                if stream.is_finite:  # the last frame lasts as long as the others
                    self._stop.wait(stream.frame_interval_s)
            # Pictures of which each is a connection, and files of one frame, come no faster than they are asked for.
            self._stop.wait(max(0.0, opened_s + 1 / self.sampler.fps - self._clock.monotonic()))

    def _open(self) -> Stream:
        camera = self.camera
        return Stream(camera.analysed_url, tls_verify=camera.tls_verify, with_sound=self._recorder is not None)

    @contextmanager
    def _recorded(self, stream: Stream) -> Iterator[Connection | None]:
        if self._recorder is None:
            yield None
            return
        connection = self._recorder.connected(stream.video, stream.sound)
        try:
            yield connection
        finally:
            self._recorder.disconnected(connection)

    def _play(self, stream: Stream, connection: Connection | None) -> None:
        decoder = Decoder(stream.video, None if stream.is_still else self._hardware)
        self._left_out = []
        stream_clock = StreamClock(paced=stream.is_paced)
        self.figures.codec = stream.video.codec_context.name
        video_index = stream.video.index
        for packet in stream.packets():
            if self._stop.is_set():
                return
            arrived_at = self._clock.now()
            if packet.stream_index != video_index:
                self._record(connection, packet, arrived_at, is_video=False)
                self._check_pictures_come()  # sound may go on without them
                continue
            at_s = stream_clock.observe(stream.seconds(packet.pts if packet.dts is None else packet.dts), arrived_at)
            if at_s > arrived_at and self._stop.wait(at_s - arrived_at):
                return
            self.figures.received += 1
            self._record(connection, packet, at_s, is_video=True)
            self._apply_rates()
            for frame in self._decode(decoder, packet, at_s):
                self._sample(decoder, frame, stream_clock.time_of(stream.seconds(frame.pts), otherwise=at_s))
            self._check_pictures_come()

    def _record(self, connection: Connection | None, packet: Packet[Any], at_s: float, *, is_video: bool) -> None:
        if self._recorder is not None and connection is not None:
            self._recorder.offer(connection, packet, at_s, is_video)

    def _apply_rates(self) -> None:
        rates, self._new_rates = self._new_rates, None
        if rates is not None:
            self._rates = rates
            self.sampler.set_rates(rates)

    def _decode(self, decoder: Decoder, packet: Packet[VideoStream], at_s: float) -> list[VideoFrame]:
        looks_at_s = self._gate.looks_at_s if self.camera.motion_gate else float("inf")
        if not self.sampler.wants(packet.is_keyframe, at_s, looks_at_s):
            if self.sampler.rests:
                self._left_out.append(packet)
            return []
        packets, self._left_out = [packet] if packet.is_keyframe else [*self._left_out, packet], []
        if self.sampler.has_rested:
            decoder.begin_anew(packet)
        try:
            if not self.sampler.key_frames_only:
                frames = [frame for one in packets for frame in decoder.decode(one)]
                if frames and decoder.begun_pts is not None:
                    self.sampler.resumed(is_key_shown=frames[0].pts is None or frames[0].pts <= decoder.begun_pts)
                return frames
            frames = decoder.decode_alone(packet)
            if not frames:
                self.sampler.key_frame_failed()
            return frames
        except CorruptError:
            self._drops.count(self.camera.id, "corrupt")
            self.sampler.corrupt()
            return []

    def _sample(self, decoder: Decoder, frame: VideoFrame, at_s: float) -> None:
        self.figures.decoded += 1
        self._last_picture_s = self._clock.monotonic()
        is_due = self.sampler.take(at_s)
        if self._begins_to_move(decoder, frame, at_s):
            self.sampler.take_at_once(at_s, recognition_rates(self.camera))
        elif not is_due:
            return
        self._first_picture_s = self._first_picture_s or self._last_picture_s
        self.figures.last_frame_at = at_s
        self._enter(State.STREAMING, message=self._store_fault)
        consumers = self._passing(at_s)
        if consumers or self._gate.shows(at_s):
            self._hand_on(decoder.to_picture(frame), at_s, consumers)

    def _begins_to_move(self, decoder: Decoder, frame: VideoFrame, at_s: float) -> bool:
        """Whether the gate opens; it looks at frames that nobody asked for, too."""
        gate, was_open = self._gate, self._gate.is_open
        if not self.camera.motion_gate:
            self.figures.moving, self.figures.motion_at = False, None
            return False
        if not gate.wants(at_s):
            return False
        moves = gate.look(decoder.luma(frame), at_s)
        if self._motion is not None:
            self._motion.note(self.camera.id, at_s, moves=moves)
        self.figures.moving, self.figures.motion_at = gate.is_open, gate.motion_at
        return gate.is_open and not was_open

    def _passing(self, at_s: float) -> list[str]:
        """Consumers that get this frame."""
        due = self.sampler.consumers(at_s)
        if not self.camera.motion_gate:
            return due
        passing = self._gate.passing(due, self._rates, at_s, self.seen_at)
        for _ in range(len(due) - len(passing)):
            self._drops.count(self.camera.id, "still")
        return passing

    def _hand_on(self, pixels: Picture, at_s: float, consumers: list[str]) -> None:
        try:
            ref = self._store.write(self.camera.id, pixels, at_s)
        except UnavailableError as error:  # the stream is sound: it goes on, recorded and kept
            self._drops.count(self.camera.id, "store")
            self._store_fault = str(error)
            if KEEP in consumers:
                height, width, _ = pixels.shape
                self._sink.offer(KEEP, FrameRef(self.camera.id, int(at_s * 1e6), at_s, width, height), pixels)
            return
        self._store_fault = None
        figures = self.figures
        figures.sampled += 1
        figures.width, figures.height = ref.width, ref.height
        for consumer in consumers:
            self._sink.offer(consumer, ref, pixels)

    def _check_pictures_come(self) -> None:
        limit_s = max(NO_PICTURE_TIMEOUT_S, 3 / self.sampler.fps)
        if self._clock.monotonic() - self._last_picture_s > limit_s:
            raise StreamError(Reason.NO_FRAMES, f"No picture of the stream could be decoded for {limit_s:.0f} s.")
