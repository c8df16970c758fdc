"""Event workers: each holds the leases of some shards of cameras, consumes their queues and judges what comes."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import redis
from celery import bootsteps

from core.clock import SystemClock
from core.complaint import Complaint
from core.errors import CamrecError, UnavailableError
from core.lease import Lease
from core.recognitions import EVENT_QUEUES
from core.redis_client import connect_redis
from core.settings import Settings
from core.tracing import Tracing
from storage.backup.redis_state import load_redis_state
from storage.cameras import CameraStore
from storage.database import Database
from storage.events import EventStore
from storage.frames.store import open_frame_store
from storage.media import Media
from storage.plate_lists import PlateListStore
from storage.secrets import Secrets
from tasks.camera_settings import CameraSettings
from tasks.judging import JudgingTools, ShardJudge, ShardLostError
from tasks.plate_lists import CurrentPlateLists
from tasks.reid import gallery_matcher
from tasks.shard_shares import ShardShares

log = logging.getLogger(__name__)

LEASE_LIFETIME_S = 6.0
ROUND_S = 1.0
IDLE_S = 5.0
"""Seconds without an observation of a camera, while none waits, after which time alone may close its events."""


def holder_name(node: str) -> str:
    """Of this process as holder of leases. Containers of one node each have a process 1; their host names differ."""
    return f"{node}:{socket.gethostname()}.{os.getpid()}"


class ShardKeeper:
    """Takes and renews leases, and makes the worker consume exactly the queues of the shards it holds."""

    def __init__(
        self, node: str, queues: Sequence[str], tools: JudgingTools, refreshes: Mapping[str, Callable[[], None]]
    ) -> None:
        """Node: of this machine. Refreshes: of what the tools know of the database, each second, and what to say where
        one fails."""
        self._holder = holder_name(node)
        self._tools = tools
        self._clock = SystemClock()
        self._shards = sorted(int(queue.rpartition(".")[2]) for queue in queues)
        self._leases = {
            shard: Lease(tools.client, f"events.{shard}", self._holder, LEASE_LIFETIME_S) for shard in self._shards
        }
        self._shares = ShardShares(tools.client, self._holder, self._shards, LEASE_LIFETIME_S)
        self._judges: dict[int, ShardJudge] = {}
        self._consumer: Any = None
        self._consuming: set[int] = set()
        self._waiting = {shard: Complaint(log, f"Observations of shard {shard} wait") for shard in self._shards}
        self._stop = threading.Event()
        # Two threads: a database that keeps `_tick` waiting must not cost the leases.
        self._threads = [
            threading.Thread(target=self._run, args=(steps,), name=name, daemon=True)
            for name, steps in {
                "shard-leases": {
                    "Leases of shards are not renewed": self._renew,
                    "Queues of shards are not followed": self._follow,
                },
                "shard-ticks": {
                    "Events are judged by the cameras' settings as they were": self._tools.cameras.refresh,
                    **refreshes,
                    "Shards are not looked through": self._tick,
                },
            }.items()
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
        try:
            self._shares.leave()
            for shard in list(self._judges):
                self._leases[shard].release()
        except redis.RedisError as error:
            log.debug("leases of shards not released: %s", error)
        self._tools.tracing.close()

    def on_consumer_start(self, consumer: Any) -> None:
        """At each (re)connection, before the worker takes messages: consume nothing until a lease is held."""
        self._consumer = consumer
        self._consuming.clear()
        for shard in self._shards:
            consumer.cancel_task_queue(EVENT_QUEUES[shard])

    def judge(self, shard: int) -> None:
        """Judge what waits in a shard. What cannot be judged now stays, and is tried again every second."""
        judge = self._judges.get(shard)
        if judge is None:
            return  # its holder looks into the stream by itself
        try:
            judge.judge_waiting(self._clock.now())
        except ShardLostError:
            self._lose(shard)
        except UnavailableError as error:
            self._waiting[shard].failed(error)
        else:
            self._waiting[shard].well()

    def _run(self, steps: Mapping[str, Callable[[], None]]) -> None:
        complaints = {what: Complaint(log, what) for what in steps}
        while not self._stop.is_set():
            for what, step in steps.items():
                try:
                    step()
                except Exception as error:  # noqa: BLE001  # whatever it is, the next round is another try
                    complaints[what].failed(error)
                else:
                    complaints[what].well()
            self._stop.wait(ROUND_S)

    def _renew(self) -> None:
        for shard in list(self._judges):
            self._acquire(shard)  # before the plan is made: what is held while Redis was away is not free
        mine = self._shares.plan()
        for shard, judge in list(self._judges.items()):
            judge.is_leaving = shard not in mine
            if judge.is_leaving and not judge.is_busy:
                self._hand_over(shard)
        for shard in sorted(mine - self._judges.keys()):
            self._acquire(shard)

    def _acquire(self, shard: int) -> None:
        epoch, judge = self._leases[shard].acquire(), self._judges.get(shard)
        if epoch is None:
            if judge is not None:
                self._lose(shard)
        elif judge is None or judge.epoch != epoch:
            self._judges[shard] = ShardJudge(shard, self._holder, epoch, self._tools)
            log.info("shard %d held, epoch %d", shard, epoch)

    def _hand_over(self, shard: int) -> None:
        """Give a shard up between two checkpoints: its next worker goes on from the newest."""
        self._judges.pop(shard, None)
        self._leases[shard].release()
        log.info("shard %d handed over to another worker", shard)

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
            for shard in gained:
                consumer.call_soon(consumer.add_task_queue, EVENT_QUEUES[shard])
        if lost := self._consuming - held:
            self._consuming -= lost
            for shard in lost:
                consumer.call_soon(consumer.cancel_task_queue, EVENT_QUEUES[shard])

    def _tick(self) -> None:
        """Judge what a lost message, a lost lease or a failure left waiting, and let time pass."""
        for shard, judge in list(self._judges.items()):
            self.judge(shard)
            try:
                judge.tick(self._clock.now(), IDLE_S)
            except ShardLostError:
                self._lose(shard)


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
    plate_lists = CurrentPlateLists(PlateListStore(database))
    client = connect_redis(settings)
    _go_on_from_backup(settings, client)
    tools = JudgingTools(
        client=client,
        cameras=CameraSettings(CameraStore(database, Secrets.of(settings))),
        events=EventStore(database),
        evidence=open_frame_store(settings).evidence,
        media=Media(settings.media_dir, settings.node),
        tracing=Tracing(settings, "judge"),
        matchers={"plates": plate_lists, "reid": gallery_matcher(settings, database)},
    )
    refreshes = {"Plates are compared with the lists as they were": plate_lists.refresh}
    _keeper = ShardKeeper(settings.node, queues, tools, refreshes)
    worker.concurrency = 1  # whatever -c says: the observations of a camera are judged in order
    worker.app.steps["consumer"].add(FollowLeases)
    for queue in queues:
        worker.app.amqp.queues.deselect(queue)
    _keeper.start()


def _go_on_from_backup(settings: Settings, client: redis.Redis) -> None:
    """Before a lease is taken: the checkpoints and epochs of a restored backup, where there are some."""
    try:
        if load_redis_state(settings.data, client):
            log.info("the judges go on from the checkpoints of the restored backup")
    except (redis.RedisError, CamrecError, OSError) as error:
        log.warning("checkpoints of the restored backup are not loaded: %s", error)


def stop() -> None:
    """Give the shards up."""
    if _keeper is not None:
        _keeper.stop()


def judge(shard: int) -> None:
    """What the events task does."""
    if _keeper is None:
        raise RuntimeError("this worker was not started for events")
    _keeper.judge(shard)
