"""The judgement of one shard of cameras: observations to events, with a checkpoint that makes redelivery harmless."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import redis

from core import keys
from core.errors import CamrecError, UnavailableError
from core.recognitions import EVENT_SHARDS
from core.tracing import Tracing
from core.types import Event
from events import new_judge, restore_judge
from events.judge import Judge
from storage.camera import Camera
from storage.events import EventStore
from storage.frames.store import EvidenceStore
from storage.media import Media
from tasks.camera_settings import CameraSettings
from tasks.judge_way import JudgeWay
from tasks.observations import ObservationLog, Waiting
from tasks.snapshots import write_snapshot

log = logging.getLogger(__name__)

MAX_PICTURES_REMEMBERED = 64
"""Events of one camera of which the frame that their snapshot shows is remembered."""

BATCH = 100
"""Observations judged between two checkpoints."""

CLOCK_STEP_US = 600 * 1_000_000
"""A frame this much older than the newest judged one is no late delivery: the camera's clock was set back."""

POSITION = "position"
"""Field of the checkpoint that holds how far the stream is judged."""

_SAVE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[4]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], unpack(ARGV, 4))
redis.call('XTRIM', KEYS[3], 'MINID', ARGV[3])
redis.call('XDEL', KEYS[3], ARGV[3])
return 1
"""


class ShardLostError(Exception):
    """Another worker holds the shard now; what this one did since is not saved, and the events' epoch fences it."""


@dataclass(frozen=True, slots=True)
class JudgingTools:
    """What the judgement works with."""

    client: redis.Redis
    cameras: CameraSettings
    events: EventStore
    evidence: EvidenceStore
    media: Media
    tracing: Tracing
    matchers: Mapping[str, Any] = field(default_factory=dict)
    """Recognition → what its judges ask about the world beyond their camera, see `events.new_judge`."""


@dataclass(slots=True)
class _CameraState:
    """Of one camera and recognition. The judge may be ahead of the checkpoint, which holds the other fields."""

    seq: int = 0
    pictures: dict[str, int] = field(default_factory=dict)
    """Event id → seq of the frame that its snapshot shows."""
    saved: dict[str, Any] | None = None
    """The judge's state."""
    judge: Judge | None = None
    camera: Camera | None = None
    """The camera as it was when the judge was made."""
    last_active_s: float = 0.0
    open_events: set[str] = field(default_factory=set)
    """Ids of those told of as still going on."""

    def as_json(self) -> str:
        """For the checkpoint."""
        plain = {"seq": self.seq, "judge": self.saved, "pictures": self.pictures, "open": sorted(self.open_events)}
        return json.dumps(plain)


class ShardJudge:
    """Judges the cameras of a shard while its lease is held."""

    def __init__(self, shard: int, holder: str, epoch: int, tools: JudgingTools) -> None:
        self.shard = shard
        self.epoch = epoch
        self.is_leaving = False
        """The shard is to be another worker's: nothing more is begun after the checkpoint at hand."""
        self._holder = holder
        self._tools = tools
        self._log = ObservationLog(tools.client)
        self._way = JudgeWay(tools.tracing)
        self._save_script = tools.client.register_script(_SAVE)
        self._lock = threading.Lock()
        self._position = "0"
        self._states: dict[str, _CameraState] = {}
        self._ahead = True
        self._forgotten_are_closed = False

    @property
    def is_busy(self) -> bool:
        """Whether it is at work since the last checkpoint."""
        return self._lock.locked()

    def judge_waiting(self, now: float) -> None:
        """Judge all observations that wait.

        Raises:
            ShardLostError: the shard is another worker's now.
            UnavailableError: database, Redis or disk. Nothing is lost: the same observations are judged next time,
                from the checkpoint, to the same events.
        """
        with self._from_checkpoint():
            if self.is_leaving:
                return
            self._log.clear_token(self.shard)
            while not self.is_leaving and (batch := self._log.read(self.shard, self._position, BATCH)):
                touched = {name for waiting in batch if (name := self._judge(waiting, now))}
                self._save(touched, batch[-1].position)

    def tick(self, now: float, idle_s: float) -> None:
        """Let judges close what was not seen for too long, on cameras without observations for ``idle_s``.

        Raises:
            ShardLostError, UnavailableError: as `judge_waiting`.
        """
        with self._from_checkpoint():
            if self.is_leaving or self._log.waiting(self.shard):
                return  # the time of now is not yet the time of the judgement
            self._close_forgotten()
            touched = set()
            for name, state in list(self._states.items()):
                if now - state.last_active_s < idle_s:
                    continue
                camera = self._tools.cameras.of(int(name.rpartition(":")[2]))
                if camera is None:
                    self._forget(name)
                elif state.saved is not None and self._step(name, state, camera, lambda judge: judge.tick(now)):
                    touched.add(name)
            if touched:
                self._save(touched, self._position)

    def _judge(self, waiting: Waiting, now: float) -> str | None:
        """Judge one observation; the name of the state that it changed, if any."""
        observation = waiting.observation
        name = f"{observation.recognition}:{observation.frame.camera_id}"
        state = self._states.setdefault(name, _CameraState())
        state.last_active_s = now
        if observation.frame.seq < state.seq - CLOCK_STEP_US:
            log.warning("camera %d: the clock was set back; its judgement starts anew", observation.frame.camera_id)
            state = self._states[name] = _CameraState(last_active_s=now)
        if observation.frame.seq <= state.seq:
            self._count_drop(name, "not_newer")
            return None
        camera = self._tools.cameras.of(observation.frame.camera_id)
        if camera is None:
            self._count_drop(name, "camera_removed")
            return None
        with self._way.judging(waiting):
            self._step(name, state, camera, lambda judge: judge.observe(observation))
        state.seq = observation.frame.seq
        return name

    def _step(self, name: str, state: _CameraState, camera: Camera, step: Callable[[Judge], list[Event]]) -> bool:
        """Whether the judge's state changed. A judge that fails loses this step; its shard must not stand still."""
        try:
            return self._try_step(name, state, camera, step)
        except (UnavailableError, redis.RedisError):
            raise  # passes: the same step is taken again
        except Exception:
            log.exception("camera %d: %s cannot be judged", camera.id, name.partition(":")[0])
            state.judge = None
            self._count_drop(name, "failed")
            return False

    def _try_step(self, name: str, state: _CameraState, camera: Camera, step: Callable[[Judge], list[Event]]) -> bool:
        """Take the step; its events are written and announced."""
        judge = self._judge_of(name.partition(":")[0], state, camera)
        changed = step(judge)
        if changed:
            with self._way.writing(len(changed)):
                state.pictures = self._write(changed, state.pictures)
            for event in changed:
                (state.open_events.add if event.ended_at is None else state.open_events.discard)(event.id)
                self._announce(event)
        before, state.saved = state.saved, judge.state()
        return state.saved != before

    def _judge_of(self, recognition: str, state: _CameraState, camera: Camera) -> Judge:
        if state.judge is not None and state.camera == camera:
            return state.judge
        settings = next((r.settings for r in camera.recognitions if r.kind == recognition), {})
        matcher = self._tools.matchers.get(recognition)
        if state.saved is None:
            judge = new_judge(recognition, camera.id, settings, camera.zones, matcher)
        else:
            try:
                judge = restore_judge(recognition, camera.id, settings, state.saved, camera.zones, matcher)
            except CamrecError as error:
                log.error("camera %d: %s Its judgement starts anew.", camera.id, error)
                judge = new_judge(recognition, camera.id, {}, camera.zones, matcher)
        state.judge, state.camera = judge, camera
        return judge

    def _write(self, changed: list[Event], pictures: dict[str, int]) -> dict[str, int]:
        pictures = dict(pictures)
        rows: list[tuple[Event, str | None]] = []
        for event in changed:
            snapshot = None
            if pictures.get(event.id) != event.best.seq:
                snapshot = write_snapshot(event, self._tools.evidence, self._tools.media)
                if snapshot is not None:
                    pictures.pop(event.id, None)
                    pictures[event.id] = event.best.seq
            rows.append((event, snapshot))
        self._tools.events.put(rows, self.epoch, self._tools.media.node)
        return dict(list(pictures.items())[-MAX_PICTURES_REMEMBERED:])

    def _load(self) -> None:
        saved: Any = self._tools.client.hgetall(keys.checkpoint(self.shard))
        self._states, self._position = {}, "0"
        for name, text in saved.items():
            if name == POSITION.encode():
                self._position = text.decode()
            else:
                plain = json.loads(text)
                self._states[name.decode()] = _CameraState(
                    plain["seq"], plain["pictures"], plain["judge"], open_events=set(plain["open"])
                )

    def _save(self, names: Iterable[str], position: str) -> None:
        fields = [value for name in names for value in (name, self._states[name].as_json())]
        held = self._save_script(
            keys=[
                keys.lease(f"events.{self.shard}"),
                keys.checkpoint(self.shard),
                keys.observations(self.shard),
                keys.lease_epoch(f"events.{self.shard}"),
            ],
            args=[self._holder, self.epoch, position, *fields, POSITION, position],
        )
        if not held:
            raise ShardLostError(f"shard {self.shard}")
        self._position = position

    @contextmanager
    def _from_checkpoint(self) -> Iterator[None]:
        """Hold the lock; after a failure the judges are ahead of the checkpoint: go on from it, not from them."""
        with self._lock:
            try:
                if self._ahead:
                    self._load()
                self._ahead = True
                yield
                self._ahead = False
            except redis.RedisError as error:
                raise UnavailableError(f"Redis cannot be used now: {error}") from error

    def _close_forgotten(self) -> None:
        """Once after a take-over: events that go on by the database but that no state knows, since Redis lost it."""
        if self._forgotten_are_closed:
            return
        known = {event_id for state in self._states.values() for event_id in state.open_events}
        if closed := self._tools.events.close_forgotten(self.shard, EVENT_SHARDS, known):
            log.warning("shard %d: %d events had no state any more and were closed", self.shard, closed)
        self._forgotten_are_closed = True

    def _forget(self, name: str) -> None:
        """Drop the state of a removed camera; its open events were closed when it was removed."""
        self._tools.client.hdel(keys.checkpoint(self.shard), name)
        del self._states[name]

    def _announce(self, event: Event) -> None:
        log.info("event %s %s %s %.2f", event.kind, event.id, event.text or "", event.score)
        try:
            self._tools.client.publish(keys.EVENTS_CHANGED, event.id)
        except redis.RedisError as error:
            log.debug("event not announced, listeners will find it in the database: %s", error)

    def _count_drop(self, name: str, cause: str) -> None:
        self._tools.client.hincrby(keys.JUDGE_DROPS, f"{name}:{cause}", 1)
