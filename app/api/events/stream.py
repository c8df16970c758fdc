"""The live feed: server-sent events (WHATWG HTML, 9.2)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from flask import Response, request

from app.api.auth.gate import rights_check
from app.api.cursors import decode_cursor, encode_cursor
from app.api.errors import ApiError
from app.api.events.feed import POLL_S
from app.api.events.schemas import EventSchema
from app.api.services import Services
from app.api.streams import Stream
from core.errors import UnavailableError
from storage.event_tail import EventTail, position_of
from storage.events import EventFilter, Position, StoredEvent

MIMETYPE = "text/event-stream"
HEARTBEAT_S = 15.0
RETRY_MS = 2000

_START = f"retry: {RETRY_MS}\n: connected\n\n".encode()
_HEARTBEAT = b": still here\n\n"
_OUTAGE = b": the database cannot be used now\n\n"


def follow(services: Services, wanted: EventFilter, after: Position | None) -> Response:
    """Events from ``after`` (or ``Last-Event-ID``, or now) on, as they are written.

    Raises:
        ApiError: 422, the position is none of ours; 503, too many streams.
    """
    start = _last_event_id() or after or (services.clock.now(), "")
    tail = EventTail(services.events, wanted, start)
    return services.streams.answer(lambda stream: _messages(services, tail, stream), MIMETYPE, rights_check())


def _messages(services: Services, tail: EventTail, stream: Stream) -> Iterator[bytes]:
    yield _START
    clock, bell, rings = services.clock, services.event_bell, 0
    sent_at = clock.monotonic()
    while not stream.is_over():
        message = _news(tail)
        if not message and clock.monotonic() - sent_at >= HEARTBEAT_S:
            message = _HEARTBEAT
        if message:
            yield message
            sent_at = clock.monotonic()
        rings = bell.wait(rings, POLL_S)


def _news(tail: EventTail) -> bytes:
    try:
        return b"".join(map(_message, tail.new()))
    except UnavailableError:
        return _OUTAGE


def _message(stored: StoredEvent) -> bytes:
    data = json.dumps(EventSchema().dump(stored))
    return f"id: {encode_cursor(position_of(stored))}\ndata: {data}\n\n".encode()


def _last_event_id() -> Position | None:
    given = request.headers.get("Last-Event-ID")
    if not given:
        return None
    try:
        changed_at, event_id = decode_cursor(given, (float, str))
    except ValueError:
        raise ApiError(422, "invalid", "Last-Event-ID is not an id of this feed.") from None
    return float(changed_at), str(event_id)
