"""Rows of clips, where several ask at once."""

from __future__ import annotations

import threading
from dataclasses import asdict, replace

from sqlalchemy import text

from storage.clips.store import Clip, ClipStore
from storage.database import Database
from storage.models import ClipRow
from tests.integration.database.conftest import emptied
from tests.support.waiting import wait_until

ASKED = Clip("one", 1, 10.0, 20.0, created_by="viewer")


def test_a_clip_that_somebody_else_asks_for_meanwhile_keeps_its_file(pg_migrated: Database) -> None:
    database, answers = emptied(pg_migrated), list[Clip]()
    clips = ClipStore(database, lambda: 100.0)
    made = replace(ASKED, state="done", path="clips/one.mp4", size_bytes=7, node="a")
    with database.write() as session:
        session.add(ClipRow(**{**asdict(made), "gaps": []}))
        session.flush()
        asking = threading.Thread(target=lambda: answers.append(clips.ask(replace(ASKED, to_s=30.0))))
        asking.start()
        wait_until(lambda: _waiting(database), "who asks waits for the row", 10.0)
    asking.join(10.0)
    expected = replace(made, to_s=30.0, state="queued", created_at=100.0, changed_at=100.0)
    assert answers == [clips.get("one")] == [expected]


def _waiting(database: Database) -> int:
    with database.read() as session:
        return session.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")) or 0
