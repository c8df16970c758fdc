from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
from flask import Flask, Response

from app.api.errors import ApiError
from app.api.streams import RECHECK_S, Stream, StreamPool
from core.errors import UnavailableError
from tests.support.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def pool(clock: ManualClock) -> StreamPool:
    return StreamPool(2, clock)


def chunks(stream: Stream) -> Iterator[bytes]:
    while not stream.is_over():
        yield b"chunk"


def opened(
    pool: StreamPool, is_allowed: Callable[[], bool] = lambda: True, client: socket.socket | None = None
) -> Response:
    with Flask("test").test_request_context(environ_base={"gunicorn.socket": client}):
        return pool.answer(chunks, "text/plain", is_allowed)


def test_the_pool_is_capped_and_slots_come_back(pool: StreamPool) -> None:
    first, _second = opened(pool), opened(pool)
    with pytest.raises(ApiError) as raised:
        opened(pool)
    assert (raised.value.status, raised.value.code) == (503, "too_many_streams")
    assert int(raised.value.headers["Retry-After"]) > 0
    first.close()  # never read: the client went away before the first chunk
    assert pool.open_count == 1
    opened(pool)
    assert pool.open_count == 2


def test_streams_end_when_the_process_stops(pool: StreamPool) -> None:
    stream = opened(pool).iter_encoded()
    assert next(stream) == b"chunk"
    pool.close()
    assert list(stream) == []
    with pytest.raises(ApiError):
        opened(pool)


def test_a_viewer_who_loses_his_rights_loses_the_stream(pool: StreamPool, clock: ManualClock) -> None:
    rights = [True]
    stream = opened(pool, lambda: rights[0]).iter_encoded()
    next(stream)
    clock.advance(RECHECK_S + 1)
    assert next(stream) == b"chunk"
    rights[0] = False
    assert next(stream) == b"chunk", "looked up only now and then"
    clock.advance(RECHECK_S + 1)
    assert list(stream) == []


def test_a_stream_outlives_an_outage_of_the_database(pool: StreamPool, clock: ManualClock) -> None:
    def unknown() -> bool:
        raise UnavailableError("the database is locked")

    stream = opened(pool, unknown).iter_encoded()
    next(stream)
    clock.advance(RECHECK_S + 1)
    assert next(stream) == b"chunk"


def test_a_viewer_who_leaves_is_noticed_without_sending(pool: StreamPool) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = opened(pool, client=ours).iter_encoded()
        assert next(stream) == b"chunk"
        theirs.send(b"GET / HTTP/1.1")  # a request that waits its turn is no goodbye
        assert next(stream) == b"chunk"
        theirs.close()
        assert list(stream) == []
