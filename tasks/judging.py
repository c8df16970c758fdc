"""The judgement of one shard of cameras: observations to events, with a checkpoint that makes redelivery harmless."""

from __future__ import annotations

import copy
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import redis

from core import keys
from core.errors import CamrecError, UnavailableError
from core.types import Event, Observation
from events import new_judge, restore_judge
from events.judge import Judge
from storage.cameras import Camera
from storage.events import EventStore
from storage.frames.evidence import Evidence
from storage.media import Media
from tasks.camera_settings import CameraSettings
from tasks.snapshots import write_snapshot

log = logging.getLogger(__name__)

MAX_PICTURES_REMEMBERED = 64
"""Events of one camera of which the frame that their snapshot shows is remembered."""

_SAVE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
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
    evidence: Evidence
    media: Media


@dataclass(slots=True)
class _CameraState:
    """Of one camera and recognition; `saved` is what the checkpoint holds, the judge may be ahead of it."""

    seq: int = 0
    pictures: dict[str, int] = field(default_factory=dict)
    """Event id → seq of the frame that its snapshot shows."""
    saved: dict[str, Any] | None = None
    judge: Judge | None = None
    camera: Camera | None = None
    """The camera as it was when the judge was made."""
    last_active_s: float = 0.0


class ShardJudge:
    """Judges the cameras of a shard while its lease is held."""

    def __init__(self, shard: int, holder: str, epoch: int, tools: JudgingTools) -> None:
        self.shard = shard
        self.epoch = epoch
        self._holder = holder
        self._tools = tools
        self._save_script = tools.client.register_script(_SAVE)
        self._lock = threading.Lock()
        self._states: dict[str, _CameraState] = {}
        saved: dict[bytes, bytes] = tools.client.hgetall(keys.checkpoint(shard))  # type: ignore[assignment]
        for name, text in saved.items():
            plain = json.loads(text)
            self._states[name.decode()] = _CameraState(plain["seq"], plain["pictures"], plain["judge"])

    def judge(self, observation: Observation, now: float) -> None:
        """Judge one observation; when this returns, its message may be acknowledged.

        Raises:
            ShardLostError: the shard is another worker's now.
            UnavailableError: database, Redis or disk; nothing has changed, and the same call may be made again.
        """
        name = f"{observation.recognition}:{observation.frame.camera_id}"
        with self._lock:
            state = self._states.setdefault(name, _CameraState())
            state.last_active_s = now
            if observation.frame.seq <= state.seq:
                self._count_drop(name, "not_newer")
                return
            camera = self._tools.cameras.of(observation.frame.camera_id)
            if camera is None:
                self._count_drop(name, "camera_removed")
                return
            self._step(name, state, camera, observation.frame.seq, lambda judge: judge.observe(observation))

    def tick(self, now: float, idle_s: float) -> None:
        """Let judges close what was not seen for too long, on cameras without observations for ``idle_s``."""
        with self._lock:
            for name, state in list(self._states.items()):
                if now - state.last_active_s < idle_s or state.saved is None:
                    continue
                camera = self._tools.cameras.of(int(name.rpartition(":")[2]))
                if camera is None:
                    self._forget(name)
                    continue
                self._step(name, state, camera, state.seq, lambda judge: judge.tick(now))

    def _step(
        self, name: str, state: _CameraState, camera: Camera, seq: int, step: Callable[[Judge], list[Event]]
    ) -> None:
        recognition = name.partition(":")[0]
        judge = self._judge_of(recognition, state, camera)
        try:
            changed = step(judge)
            plain = judge.state()
            if plain == state.saved and not changed and seq == state.seq:
                return
            pictures = self._write(changed, state.pictures)
            self._save(name, seq, plain, pictures)
        except BaseException:
            state.judge = None  # it is ahead of the checkpoint: go on from there next time
            raise
        state.seq, state.saved, state.pictures = seq, plain, pictures
        for event in changed:
            self._announce(event)

    def _judge_of(self, recognition: str, state: _CameraState, camera: Camera) -> Judge:
        if state.judge is not None and state.camera == camera:
            return state.judge
        settings = next((r.settings for r in camera.recognitions if r.kind == recognition), {})
        if state.saved is None:
            judge = new_judge(recognition, camera.id, settings, camera.zones)
        else:
            try:
                judge = restore_judge(recognition, camera.id, settings, copy.deepcopy(state.saved), camera.zones)
            except CamrecError as error:
                log.error("camera %d: %s Its judgement starts anew.", camera.id, error)
                judge = new_judge(recognition, camera.id, {}, camera.zones)
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
        self._tools.events.put(rows, self.epoch)
        return dict(list(pictures.items())[-MAX_PICTURES_REMEMBERED:])

    def _save(self, name: str, seq: int, judge: dict[str, Any], pictures: dict[str, int]) -> None:
        text = json.dumps({"seq": seq, "judge": judge, "pictures": pictures})
        try:
            held = self._save_script(
                keys=[keys.lease(f"events.{self.shard}"), keys.checkpoint(self.shard)], args=[self._holder, name, text]
            )
        except redis.RedisError as error:
            raise UnavailableError(f"Redis cannot be used now: {error}") from error
        if not held:
            raise ShardLostError(f"shard {self.shard}")

    def _forget(self, name: str) -> None:
        """Drop the state of a removed camera; its open events were closed when it was removed."""
        try:
            self._tools.client.hdel(keys.checkpoint(self.shard), name)
        except redis.RedisError as error:
            raise UnavailableError(f"Redis cannot be used now: {error}") from error
        del self._states[name]

    def _announce(self, event: Event) -> None:
        log.info("event %s %s %s %.2f", event.kind, event.id, event.text or "", event.score)
        try:
            self._tools.client.publish(keys.EVENTS_CHANGED, event.id)
        except redis.RedisError as error:
            log.debug("event not announced, listeners will find it in the database: %s", error)

    def _count_drop(self, name: str, cause: str) -> None:
        try:
            self._tools.client.hincrby(keys.JUDGE_DROPS, f"{name}:{cause}", 1)
        except redis.RedisError as error:
            log.debug("drop not counted: %s", error)
