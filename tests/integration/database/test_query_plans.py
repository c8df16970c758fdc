"""What runs often reads an index, however many rows there are: SQLite says how it would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from storage.clips.store import ClipStore
from storage.database import Database
from storage.event_tail import EventTail
from storage.events import EventFilter, EventStore
from storage.identities import IdentityStore
from storage.media_usage import media_usage
from storage.models import IdentityRow
from storage.retention.rules import CameraScope
from storage.retention.shelves import frames_shelf, segments_shelf
from tests.integration.database.conftest import settings_for

ALL = CameraScope(frozenset(), is_all_but=True)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(settings_for(tmp_path))
    made.migrate()
    yield made
    made.close()


@contextmanager
def statements(database: Database) -> Iterator[list[tuple[str, Any]]]:
    found: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith(("SELECT", "DELETE")):
            found.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    yield found
    event.remove(database.engine, "before_cursor_execute", note)


def plans(database: Database, what: Callable[[Database], object]) -> list[str]:
    """The steps of each statement."""
    with statements(database) as found:
        what(database)
    assert found
    with database.engine.connect() as connection:
        rows = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", p).all() for s, p in found]
    return [" | ".join(row[-1] for row in steps) for steps in rows]


def room_of_frames(database: Database) -> object:
    return frames_shelf("here").take_bytes(database, "here", ALL, 1e9, 500, for_room=True)


def used(database: Database) -> object:
    return segments_shelf("continuous", "here").total_bytes(database, ALL, on_disk=True)


def erase(database: Database) -> object:
    with database.write() as session:
        session.add(IdentityRow(id="somebody", name=None, created_at=1.0))
    return IdentityStore(database).erase("somebody")


def asked_clips(database: Database) -> object:
    return ClipStore(database).page((1.0, "a"), 10, event_clips=False)


def feed(database: Database) -> object:
    return EventTail(EventStore(database), EventFilter(camera_id=1, kind="fall"), (1.0, "")).new()


@pytest.mark.parametrize(
    ("what", "steps"),
    [
        pytest.param(room_of_frames, ["frames USING INDEX ix_frames_retention (node=?)"] * 2, id="room for frames"),
        pytest.param(
            used,
            ["segments USING COVERING INDEX ix_segments_retention", "media_objects USING INDEX ix_media_objects_state"],
            id="used by recordings",
        ),
        pytest.param(media_usage, ["segments USING COVERING INDEX ix_segments_retention"], id="usage of all machines"),
        pytest.param(asked_clips, ["clips USING INDEX ix_clips_asked"], id="clips of no event"),
        pytest.param(feed, ["events USING INDEX ix_events_changed"], id="a filtered feed"),
        pytest.param(erase, ["ix_clips_event (event_id=?)"], id="clips of an identity"),
    ],
)
def test_how_it_is_read(database: Database, what: Callable[[Database], object], steps: list[str]) -> None:
    found = plans(database, what)
    for step in set(steps):
        assert sum(step in plan for plan in found) >= steps.count(step), found
    if what in {room_of_frames, asked_clips, feed}:
        assert not any("USE TEMP B-TREE" in plan for plan in found), found
