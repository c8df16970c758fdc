"""Batches out of what waits, with the five knobs of NVIDIA Triton's dynamic batcher, inside one process.

What waits are keys, not items: a key is turned into an item (say, a camera's id into its newest frame) only when it
enters a batch, so that waiting makes no item old.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from core.clock import Clock, SystemClock
from core.errors import CamrecError

K = TypeVar("K")
T = TypeVar("T")
R = TypeVar("R")

STALE = "stale"
"""Cause of a drop: the item was older than the deadline when its turn came."""

_log = logging.getLogger(__name__)


class QueueFullError(CamrecError):
    """As many keys wait as may."""


class BatcherClosedError(CamrecError):
    """The batcher was closed."""


@dataclass(frozen=True, slots=True)
class _Entry(Generic[K, R]):
    key: K
    submitted_at: float
    future: Future[R | None]


@dataclass(frozen=True, slots=True)
class _Taken(Generic[T, R]):
    item: T
    submitted_at: float
    future: Future[R | None]


class Batcher(Generic[K, T, R]):
    """Collects keys and runs ``predict`` over batches of their items, in threads of its own."""

    def __init__(
        self,
        *,
        take: Callable[[list[K]], list[T | None]],
        predict: Callable[[list[T]], list[R]],
        age_s: Callable[[T], float],
        max_batch: int,
        max_queue: int,
        deadline_s: float,
        max_delay_s: float = 0.0,
        instances: int = 1,
        on_drop: Callable[[str, T], None] | None = None,
        on_batch: Callable[[int, float, float], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Start the threads. Every callable is called in them, so it must be safe for threads if there are several.

        Args:
            take: keys to as many items, at the moment they enter a batch; None: nothing to do, and the future becomes
                None. Where it fails, so do the futures of these keys.
            predict: items to as many results.
            age_s: how old an item is, in seconds.
            max_batch: most items in a batch.
            max_queue: most keys that wait.
            deadline_s: age above which an item is dropped, its future becoming None.
            max_delay_s: longest wait for a batch to fill; 0: send what is there when an instance falls free.
            instances: batches that run at once.
            on_drop: told the cause and the item that is dropped.
            on_batch: told of each batch its size, how long its first key waited and how long it ran, in seconds.
            clock: of the machine, unless tests pass another.
        """
        if min(max_batch, max_queue, instances) < 1 or deadline_s <= 0 or max_delay_s < 0:
            raise ValueError(
                "expected max_batch, max_queue and instances of at least 1, deadline_s above 0 and max_delay_s of at "
                f"least 0, got {max_batch}, {max_queue}, {instances}, {deadline_s} and {max_delay_s}"
            )
        self._take = take
        self._predict = predict
        self._age_s = age_s
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._deadline_s = deadline_s
        self._max_delay_s = max_delay_s
        self._on_drop = on_drop
        self._on_batch = on_batch
        self._clock = clock or SystemClock()
        self._waiting: deque[_Entry[K, R]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._idle = 0
        # Daemons: a model that hangs must not keep the process from ending.
        self._threads = [
            threading.Thread(target=self._work, name=f"batcher-{number}", daemon=True) for number in range(instances)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, key: K) -> Future[R | None]:
        """Queue a key; never blocks.

        Returns:
            Its result, or None where there was nothing to take or the item was too old.

        Raises:
            QueueFullError: `max_queue` keys wait.
            BatcherClosedError: the batcher was closed.
        """
        entry: _Entry[K, R] = _Entry(key, self._clock.monotonic(), Future())
        with self._changed:
            if self._closed:
                raise BatcherClosedError("The batcher is closed and takes no more.")
            if len(self._waiting) >= self._max_queue:
                raise QueueFullError(f"{self._max_queue} wait for a batch already.")
            self._waiting.append(entry)
            self._changed.notify()
        return entry.future

    def close(self, timeout_s: float = 30.0) -> None:
        """Take no more keys, finish those that wait, and fail what is not finished in time."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        end = self._clock.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, end - self._clock.monotonic()))
        with self._changed:
            left, self._waiting = list(self._waiting), deque()
        for entry in left:
            if entry.future.set_running_or_notify_cancel():
                entry.future.set_exception(BatcherClosedError(f"The batcher was closed and {timeout_s} s were over."))

    def _work(self) -> None:
        while self._wait():
            batch = self._collect()
            if batch:
                self._run(batch)

    def _wait(self) -> bool:
        """Wait until a batch should leave; False when there will be none any more."""
        with self._changed:
            self._idle += 1
            try:
                return self._is_due()
            finally:
                self._idle -= 1

    def _is_due(self) -> bool:
        """With the lock: wait until a batch should leave; False when there will be none any more."""
        while not self._waiting:
            if self._closed:
                return False
            self._changed.wait()
        while self._waiting and len(self._waiting) < self._max_batch and not self._closed:
            left_s = self._waiting[0].submitted_at + self._max_delay_s - self._clock.monotonic()
            if left_s <= 0:
                break
            self._changed.wait(left_s)
        return True

    def _collect(self) -> list[_Taken[T, R]]:
        """Take items until the batch is full or nothing waits; what is not worth a slot takes none."""
        batch: list[_Taken[T, R]] = []
        while entries := self._pop(self._max_batch - len(batch)):
            batch += self._take_all([entry for entry in entries if entry.future.set_running_or_notify_cancel()])
        return batch

    def _pop(self, most: int) -> list[_Entry[K, R]]:
        """Keys that wait: this thread's share, where others are idle. On a CPU a large batch is no faster than two."""
        with self._changed:
            share = math.ceil(len(self._waiting) / (1 + self._idle))
            taken = [self._waiting.popleft() for _ in range(min(most, share))]
            if self._waiting:
                # What is left may have come with wake-ups that went to this thread: pass one on.
                self._changed.notify()
            return taken

    def _take_all(self, entries: list[_Entry[K, R]]) -> list[_Taken[T, R]]:
        if not entries:
            return []
        try:
            items = self._take([entry.key for entry in entries])
            fresh = [item is not None and self._age_s(item) <= self._deadline_s for item in items]
            if len(items) != len(entries):
                raise ValueError(f"expected {len(entries)} items of as many keys, got {len(items)}")
        except Exception as error:  # noqa: BLE001  # it is the submitters', who find it in their futures
            for entry in entries:
                entry.future.set_exception(error)
            return []
        taken = []
        for entry, item, is_fresh in zip(entries, items, fresh, strict=True):
            if item is None or not is_fresh:
                if item is not None:
                    self._tell(self._on_drop, STALE, item)
                entry.future.set_result(None)
                continue
            taken.append(_Taken(item, entry.submitted_at, entry.future))
        return taken

    def _run(self, batch: list[_Taken[T, R]]) -> None:
        started_at = self._clock.monotonic()
        try:
            results = self._predict([taken.item for taken in batch])
            if len(results) != len(batch):
                raise ValueError(f"expected {len(batch)} results of a batch, got {len(results)}")
        except Exception as error:  # noqa: BLE001  # it is the submitters', who find it in their futures
            for taken in batch:
                taken.future.set_exception(error)
            return
        for taken, result in zip(batch, results, strict=True):
            taken.future.set_result(result)
        waited_s = started_at - min(taken.submitted_at for taken in batch)
        self._tell(self._on_batch, len(batch), waited_s, self._clock.monotonic() - started_at)

    @staticmethod
    def _tell(hook: Callable[..., None] | None, *facts: object) -> None:
        if hook is None:
            return
        try:
            hook(*facts)
        except Exception:  # noqa: BLE001  # figures are not worth a thread
            _log.exception("a hook of the batcher failed")
