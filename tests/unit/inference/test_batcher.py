from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.batcher import STALE, Batcher, BatcherClosedError, QueueFullError
from tests.support.manual_clock import ManualClock
from tests.support.waiting import wait_until

WAIT_S = 10.0


class Gate:
    """A predict that notes its batches and waits until it is opened."""

    def __init__(self, is_open: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.entered = threading.Semaphore(0)
        self._open = threading.Event()
        if is_open:
            self._open.set()

    def open(self) -> None:
        self._open.set()

    def __call__(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        self.entered.release()
        assert self._open.wait(WAIT_S)
        return [item * 10 for item in items]


class Taken:
    """A take that notes what is taken at once."""

    def __init__(self) -> None:
        self.keys: list[list[int]] = []

    def __call__(self, keys: list[int]) -> list[int]:
        self.keys.append(keys)
        return keys


@contextmanager
def batcher(predict: Callable[[list[int]], list[int]], **changes: Any) -> Iterator[Batcher[int, int, int]]:
    knobs: dict[str, Any] = {
        "take": lambda keys: keys,
        "age_s": lambda _: 0.0,
        "max_batch": 4,
        "max_queue": 100,
        "deadline_s": 1.0,
    }
    made: Batcher[int, int, int] = Batcher(predict=predict, **{**knobs, **changes})
    try:
        yield made
    finally:
        if isinstance(predict, Gate):
            predict.open()
        made.close()


def results(futures: list[Future[int | None]]) -> list[int | None]:
    return [future.result(WAIT_S) for future in futures]


def test_what_waits_when_an_instance_falls_free_makes_one_batch() -> None:
    gate = Gate()
    with batcher(gate) as b:
        first = b.submit(0)
        assert gate.entered.acquire(timeout=WAIT_S)
        rest = [b.submit(key) for key in range(1, 7)]
        gate.open()
        assert results([first, *rest]) == [0, 10, 20, 30, 40, 50, 60]
    assert gate.batches == [[0], [1, 2, 3, 4], [5, 6]]


def test_with_a_delay_a_batch_waits_to_be_full() -> None:
    gate = Gate(is_open=True)
    with batcher(gate, max_delay_s=WAIT_S) as b:
        assert results([b.submit(key) for key in range(4)]) == [0, 10, 20, 30]
    assert gate.batches == [[0, 1, 2, 3]]


def test_with_a_delay_a_batch_that_does_not_fill_leaves_in_time() -> None:
    gate = Gate(is_open=True)
    with batcher(gate, max_delay_s=0.02) as b:
        assert results([b.submit(1)]) == [10]


def test_a_key_becomes_an_item_only_when_it_enters_a_batch() -> None:
    gate, newest = Gate(), {0: 0, 1: 1}
    with batcher(gate, take=lambda keys: [newest[key] for key in keys]) as b:
        futures = [b.submit(0)]
        assert gate.entered.acquire(timeout=WAIT_S)
        futures.append(b.submit(1))
        newest[1] = 7
        gate.open()
        assert results(futures) == [0, 70]


def test_a_key_with_nothing_to_take_takes_no_slot() -> None:
    gate = Gate()
    with batcher(gate, take=lambda keys: [key if key % 2 else None for key in keys]) as b:
        futures = [b.submit(1)]
        assert gate.entered.acquire(timeout=WAIT_S)
        futures += [b.submit(key) for key in range(2, 10)]
        gate.open()
        assert results(futures) == [10, None, 30, None, 50, None, 70, None, 90]
    assert gate.batches == [[1], [3, 5, 7, 9]]


def test_an_item_older_than_the_deadline_is_dropped_with_its_cause() -> None:
    gate, dropped = Gate(is_open=True), []
    ages_s = {1: 0.9, 2: 1.1}
    with batcher(gate, age_s=ages_s.__getitem__, on_drop=lambda cause, item: dropped.append((cause, item))) as b:
        assert results([b.submit(1), b.submit(2)]) == [10, None]
    assert dropped == [(STALE, 2)]
    assert [2] not in gate.batches


def test_a_batch_that_fails_costs_only_its_own_futures() -> None:
    def predict(items: list[int]) -> list[int]:
        if 1 in items:
            raise RuntimeError("the model is out of memory")
        return items

    with batcher(predict, max_batch=1) as b:
        futures = [b.submit(key) for key in (1, 2)]
        with pytest.raises(RuntimeError, match="out of memory"):
            futures[0].result(WAIT_S)
        assert futures[1].result(WAIT_S) == 2


@pytest.mark.parametrize("step", ["take", "age_s"])
def test_a_take_that_fails_costs_only_the_futures_of_its_keys(step: str) -> None:
    def fail_on_one(value: Any) -> Any:
        if value in (1, [1]):
            raise OSError("Redis gone")
        return 0 if step == "age_s" else value

    with batcher(Gate(is_open=True), max_batch=1, **{step: fail_on_one}) as b:
        futures = [b.submit(key) for key in (1, 2)]
        with pytest.raises(OSError, match="Redis gone"):
            futures[0].result(WAIT_S)
        assert futures[1].result(WAIT_S) == 20


def test_keys_of_a_batch_are_taken_at_once() -> None:
    gate, taken = Gate(), Taken()
    with batcher(gate, take=taken) as b:
        futures = [b.submit(0)]
        assert gate.entered.acquire(timeout=WAIT_S)
        futures += [b.submit(key) for key in range(1, 7)]
        gate.open()
        results(futures)
    assert taken.keys == [[0], [1, 2, 3, 4], [5, 6]]


def test_items_of_another_number_than_keys_fail_their_futures() -> None:
    with (
        batcher(Gate(is_open=True), take=lambda _: []) as b,
        pytest.raises(ValueError, match="expected 1 items of as many keys, got 0"),
    ):
        b.submit(1).result(WAIT_S)


def test_results_of_another_number_fail_the_whole_batch() -> None:
    with batcher(lambda items: items[:-1]) as b:
        future = b.submit(1)
        with pytest.raises(ValueError, match="expected 1 results of a batch, got 0"):
            future.result(WAIT_S)


def test_a_full_queue_refuses_at_once() -> None:
    gate = Gate()
    with batcher(gate, max_queue=2) as b:
        futures = [b.submit(0)]
        assert gate.entered.acquire(timeout=WAIT_S)
        futures += [b.submit(1), b.submit(2)]
        with pytest.raises(QueueFullError, match="2 wait for a batch already"):
            b.submit(3)
        gate.open()
        assert results(futures) == [0, 10, 20]


def test_a_future_that_was_cancelled_takes_nothing() -> None:
    gate, taken = Gate(), Taken()
    with batcher(gate, take=taken) as b:
        first = b.submit(0)
        assert gate.entered.acquire(timeout=WAIT_S)
        assert b.submit(1).cancel()
        last = b.submit(2)
        gate.open()
        assert results([first, last]) == [0, 20]
    assert taken.keys == [[0], [2]]


def test_close_finishes_a_batch_that_waits_to_be_full_and_takes_no_more() -> None:
    gate = Gate(is_open=True)
    with batcher(gate, max_delay_s=3600.0) as b:
        futures = [b.submit(key) for key in range(3)]
        b.close()
        assert [future.result(0) for future in futures] == [0, 10, 20]
        with pytest.raises(BatcherClosedError):
            b.submit(4)
    assert gate.batches == [[0, 1, 2]]


def test_close_fails_what_a_hanging_model_keeps_waiting() -> None:
    gate = Gate()
    with batcher(gate) as b:
        running = b.submit(0)
        assert gate.entered.acquire(timeout=WAIT_S)
        waiting = b.submit(1)
        b.close(timeout_s=0.01)
        with pytest.raises(BatcherClosedError):
            waiting.result(0)
        gate.open()
        assert running.result(WAIT_S) == 0


def test_instances_run_batches_beside_each_other() -> None:
    gate = Gate()
    with batcher(gate, instances=2, max_batch=1) as b:
        futures = [b.submit(0), b.submit(1)]
        for _ in futures:
            assert gate.entered.acquire(timeout=WAIT_S)
        gate.open()
        assert results(futures) == [0, 10]


def test_batches_are_told_with_wait_and_run_time() -> None:
    clock, told = ManualClock(), []

    def predict(items: list[int]) -> list[int]:
        clock.advance(0.5)
        return items

    with batcher(predict, clock=clock, on_batch=lambda *facts: told.append(facts)) as b:
        b.submit(1).result(WAIT_S)
        wait_until(lambda: told, "the batch is told", WAIT_S)
    assert told == [(1, 0.0, 0.5)]


def test_a_hook_that_fails_ends_no_thread() -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("metrics gone")

    with batcher(Gate(is_open=True), on_batch=fail) as b:
        assert results([b.submit(1)]) == [10]
        assert results([b.submit(2)]) == [20]


@settings(max_examples=30, deadline=None)
@given(
    keys=st.lists(st.integers(0, 9), max_size=40),
    max_batch=st.integers(1, 5),
    instances=st.integers(1, 3),
    max_delay_s=st.sampled_from([0.0, 0.001]),
)
def test_every_key_gets_its_own_result_and_no_batch_is_too_large(
    keys: list[int], max_batch: int, instances: int, max_delay_s: float
) -> None:
    gate = Gate(is_open=True)
    with batcher(gate, max_batch=max_batch, instances=instances, max_delay_s=max_delay_s) as b:
        assert results([b.submit(key) for key in keys]) == [key * 10 for key in keys]
    assert all(1 <= len(batch) <= max_batch for batch in gate.batches)
    assert sum(map(len, gate.batches)) == len(keys)


@pytest.mark.parametrize(
    "knob",
    [{"max_batch": 0}, {"max_queue": 0}, {"instances": 0}, {"deadline_s": 0.0}, {"max_delay_s": -1.0}],
    ids=lambda knob: next(iter(knob)),
)
def test_knobs_out_of_range_are_refused(knob: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected max_batch"), batcher(Gate(is_open=True), **knob):
        pass
