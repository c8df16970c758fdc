"""Event workers: each holds the leases of some shards of cameras, consumes their queues and judges what comes."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import redis
from celery import bootsteps
from celery.exceptions import Reject
from celery.worker import state as worker_state

from core.clock import SystemClock
from core.errors import CamrecError, UnavailableError
from core.lease import Lease
from core.recognitions import EVENT_SHARDS, events_queue
from core.redis_client import connect_redis
from core.settings import Settings
from core.types import Observation
from storage.cameras import CameraStore
from storage.database import Database
from storage.events import EventStore
from storage.frames.evidence import Evidence
from storage.frames.store import FrameStore
from storage.media import Media
from storage.secrets import Secrets
from tasks.camera_settings import CameraSettings
from tasks.judging import JudgingTools, ShardJudge, ShardLostError

log = logging.getLogger(__name__)

LEASE_LIFETIME_S = 6.0
ROUND_S = 1.0
IDLE_S = 5.0
"""Seconds without an observation of a camera, with its queue empty, after which time alone may close its events."""

MAX_WAIT_S = 5.0


class ShardKeeper:
    """Takes and renews leases, and makes the worker consume exactly the queues of the shards it holds."""

    def __init__(self, queues: Sequence[str], tools: JudgingTools) -> None:
        self._holder = f"{socket.gethostname()}:{os.getpid()}"
        self._tools = tools
        self._clock = SystemClock()
        self._shards = sorted(int(queue.rpartition(".")[2]) for queue in queues)
        self._leases = {
            shard: Lease(tools.client, f"events.{shard}", self._holder, LEASE_LIFETIME_S) for shard in self._shards
        }
        self._judges: dict[int, ShardJudge] = {}
        self._consumer: Any = None
        self._consuming: set[int] = set()
        self._stop = threading.Event()
        # Two threads: a database that keeps `_tick` waiting must not cost the leases.
        self._threads = [
            threading.Thread(target=self._run, args=steps, name=name, daemon=True)
            for name, steps in (
                ("shard-leases", (self._renew, self._follow)),
                ("shard-ticks", (self._tools.cameras.refresh, self._tick)),
            )
        ]

    def start(self) -> None:
        """Begin to take leases."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Give all leases up, so that another worker need not wait for them to expire."""
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * ROUND_S)
        for shard in list(self._judges):
            try:
                self._leases[shard].release()
            except redis.RedisError as error:
                log.debug("lease of shard %d not released: %s", shard, error)

    def on_consumer_start(self, consumer: Any) -> None:
        """At each (re)connection, before the worker takes messages: consume nothing until a lease is held."""
        self._consumer = consumer
        self._consuming.clear()
        for shard in self._shards:
            consumer.cancel_task_queue(events_queue(shard))

    def judge(self, observation: Observation) -> None:
        """Judge one observation, waiting as long as database or disk are gone: nothing queued is lost.

        Raises:
            Reject: the message goes back to its queue; the shard was lost or the worker stops.
        """
        wait_s = 0.2
        while True:
            judge = self._judges.get(observation.frame.camera_id % EVENT_SHARDS)
            if judge is None:
                raise Reject("the shard is another worker's", requeue=True)
            try:
                judge.judge(observation, self._clock.now())
            except ShardLostError:
                self._lose(judge.shard)
            except UnavailableError as error:
                if worker_state.should_stop is not None or worker_state.should_terminate is not None:
                    raise Reject("the worker stops", requeue=True) from None
                log.warning("observation of camera %d waits: %s", observation.frame.camera_id, error)
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, MAX_WAIT_S)
            else:
                return

    def _run(self, *steps: Callable[[], None]) -> None:
        while not self._stop.is_set():
            for step in steps:
                try:
                    step()
                except (redis.RedisError, CamrecError, OSError) as error:
                    log.warning("%s: %s", step.__name__.strip("_"), error)
                except Exception:
                    log.exception("the keeper of shards failed and goes on")
            self._stop.wait(ROUND_S)

    def _renew(self) -> None:
        for shard, lease in self._leases.items():
            epoch = lease.acquire()
            judge = self._judges.get(shard)
            if epoch is None:
                if judge is not None:
                    self._lose(shard)
            elif judge is None or judge.epoch != epoch:
                self._judges[shard] = ShardJudge(shard, self._holder, epoch, self._tools)
                log.info("shard %d held, epoch %d", shard, epoch)

    def _lose(self, shard: int) -> None:
        log.warning("shard %d lost to another worker", shard)
        self._judges.pop(shard, None)

    def _follow(self) -> None:
        """Have the consumer's own thread add and cancel queues: it alone may touch the connection."""
        consumer = self._consumer
        if consumer is None:
            return
        held = set(self._judges)
        if gained := held - self._consuming:
            self._consuming |= gained
            consumer.call_soon(_consume, consumer, sorted(gained))
        if lost := self._consuming - held:
            self._consuming -= lost
            for shard in lost:
                consumer.call_soon(consumer.cancel_task_queue, events_queue(shard))

    def _tick(self) -> None:
        for shard, judge in list(self._judges.items()):
            # With observations still waiting, the time of now is not yet the time of the judgement.
            if not self._tools.client.llen(events_queue(shard)):
                try:
                    judge.tick(self._clock.now(), IDLE_S)
                except ShardLostError:
                    self._lose(shard)


def _consume(consumer: Any, shards: Sequence[int]) -> None:
    """Put back, in their order, the messages that a killed worker had taken, then consume.

    Those of a living worker come twice by this; the checkpoint's seq drops the second.
    """
    qos = consumer.task_consumer.channel.qos
    with qos.channel.conn_or_acquire() as client:
        # Each goes to the end that is consumed first: the newest must go back first.
        for tag in client.zrange(qos.unacked_index_key, 0, -1, desc=True):
            qos.restore_by_tag(tag, client)
    for shard in shards:
        consumer.add_task_queue(events_queue(shard))


class FollowLeases(bootsteps.StartStopStep):
    """Ties the keeper to the worker's consumer, at every (re)connection."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, parent: Any) -> None:
        """Begin with no queue."""
        if _keeper is not None:
            _keeper.on_consumer_start(parent)


_keeper: ShardKeeper | None = None


def start(settings: Settings, worker: Any, queues: Sequence[str]) -> None:
    """Make this worker an event worker.

    Raises:
        CamrecError: database or frame store cannot be used.
    """
    global _keeper  # noqa: PLW0603  # one worker process has one set of leases
    database = Database(settings)
    database.migrate()
    tools = JudgingTools(
        client=connect_redis(settings),
        cameras=CameraSettings(CameraStore(database, Secrets(settings.data))),
        events=EventStore(database),
        evidence=Evidence(FrameStore(settings).folder / "evidence"),
        media=Media(settings.media_dir),
    )
    _keeper = ShardKeeper(queues, tools)
    worker.concurrency = 1  # whatever -c says: the observations of a camera are judged in order
    worker.app.steps["consumer"].add(FollowLeases)
    for queue in queues:
        worker.app.amqp.queues.deselect(queue)
    _keeper.start()


def stop() -> None:
    """Give the shards up."""
    if _keeper is not None:
        _keeper.stop()


def judge(observation: dict[str, Any]) -> None:
    """What the events task of each recognition does."""
    if _keeper is None:
        raise RuntimeError("this worker was not started for events")
    _keeper.judge(Observation.from_json(observation))
