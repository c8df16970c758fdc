from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
import redis
from kombu.exceptions import OperationalError

from capture.dispatcher import CAMERAS_PER_MESSAGE, RETRY_S, Dispatcher
from capture.drops import Drops
from core.recognitions import RECOGNITIONS, Recognition
from storage.frames.tokens import Offer
from tests.support.waiting import wait_until

PLATES = RECOGNITIONS["plates"]


class ManualClock:
    def __init__(self) -> None:
        self.at_s = 1000.0

    def now(self) -> float:
        return self.at_s

    def monotonic(self) -> float:
        return self.at_s

    def sleep(self, duration_s: float) -> None:
        self.at_s += duration_s


class Broker:
    """Stands in for Redis, of which a unit test has none: tokens and messages, with errors when told so."""

    def __init__(self) -> None:
        self.answers: dict[int, Offer] = {}
        self.error: Exception | None = None
        self.publish_error: Exception | None = None
        self.offered: list[int] = []
        self.withdrawn: list[int] = []
        self.messages: list[list[int]] = []
        self.published = threading.Event()

    def offer(self, _recognition: Recognition, camera_ids: Sequence[int]) -> list[Offer]:
        if self.error:
            raise self.error
        self.offered += camera_ids
        return [self.answers.get(camera_id, Offer.GRANTED) for camera_id in camera_ids]

    def withdraw(self, _recognition: Recognition, camera_id: int) -> None:
        if self.error:
            raise self.error
        self.withdrawn.append(camera_id)

    def publish(self, _recognition: Recognition, camera_ids: Sequence[int]) -> None:
        if self.publish_error:
            raise self.publish_error
        self.messages.append(list(camera_ids))
        self.published.set()


class Bench:
    def __init__(self) -> None:
        self.broker, self.drops, self.clock = Broker(), Drops(), ManualClock()
        self.dispatcher = Dispatcher(lambda: self.broker, self.broker.publish, self.drops, self.clock)  # type: ignore[arg-type, return-value]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_one_message_for_all_that_are_pending(bench: Bench) -> None:
    bench.dispatcher.dispatch(PLATES, list(range(1, 20)))
    assert [len(message) for message in bench.broker.messages] == [CAMERAS_PER_MESSAGE, CAMERAS_PER_MESSAGE, 3]
    assert [camera for message in bench.broker.messages for camera in message] == list(range(1, 20))


@pytest.mark.parametrize(
    ("answer", "cause"), [(Offer.SUPERSEDES, "superseded"), (Offer.QUEUE_FULL, "queue_full")], ids=str
)
def test_frame_without_a_token_is_counted_and_not_published(bench: Bench, answer: Offer, cause: str) -> None:
    bench.broker.answers[2] = answer
    bench.dispatcher.dispatch(PLATES, [1, 2, 3])
    assert bench.broker.messages == [[1, 3]]
    assert bench.drops.of(2) == {cause: 1}


@pytest.mark.parametrize(
    "error",
    [redis.ConnectionError(), redis.TimeoutError(), OSError(), KeyError()],
    ids=["refused", "timeout", "system", "nobody expects it"],
)
def test_without_redis_frames_are_counted_and_redis_is_left_alone_for_a_while(bench: Bench, error: Exception) -> None:
    bench.broker.error = error
    bench.dispatcher.dispatch(PLATES, [1, 2])
    bench.broker.error = None
    bench.dispatcher.dispatch(PLATES, [1])
    assert (bench.drops.of(1), bench.drops.of(2)) == ({"broker_down": 2}, {"broker_down": 1})
    assert bench.broker.offered == []
    bench.clock.sleep(RETRY_S)
    bench.dispatcher.dispatch(PLATES, [1])
    assert bench.broker.messages == [[1]]


def test_tokens_of_a_message_that_was_not_sent_are_taken_back(bench: Bench) -> None:
    bench.broker.publish_error = OperationalError()
    bench.broker.answers[2] = Offer.SUPERSEDES
    bench.dispatcher.dispatch(PLATES, [1, 2, 3])
    assert bench.broker.withdrawn == [1, 3]
    assert [bench.drops.of(camera_id) for camera_id in (1, 2, 3)] == [
        {"broker_down": 1},
        {"superseded": 1},
        {"broker_down": 1},
    ]


def test_handing_over_never_waits_and_the_newest_frame_wins(bench: Bench) -> None:
    for _ in range(3):
        bench.dispatcher.offer("plates", 7)
    assert bench.drops.of(7) == {"superseded": 2}
    bench.dispatcher.start()
    assert bench.broker.published.wait(5.0)
    bench.dispatcher.stop(5.0)
    assert bench.broker.messages == [[7]]


def test_every_frame_offered_is_granted_or_dropped(bench: Bench) -> None:
    bench.broker.answers = {2: Offer.SUPERSEDES, 3: Offer.QUEUE_FULL}
    for camera_id in (1, 1, 2, 3):
        bench.dispatcher.offer("plates", camera_id)
    bench.dispatcher.offer("falls", 1)
    bench.dispatcher.start()
    wait_until(lambda: sum(map(len, bench.broker.messages)) == 2, "both recognitions of camera 1 are published", 5)
    bench.dispatcher.stop(5.0)
    assert [bench.dispatcher.offered(c) for c in (1, 2, 3, 4)] == [
        {"plates": 2, "falls": 1},
        {"plates": 1},
        {"plates": 1},
        {},
    ]
    assert [bench.drops.of(c) for c in (1, 2, 3)] == [{"superseded": 1}, {"superseded": 1}, {"queue_full": 1}]
    bench.dispatcher.forget(1)
    assert bench.dispatcher.offered(1) == {}
