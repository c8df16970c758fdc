"""Makers of clips that lose one another's tracks, and what stands in their way for a while only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from core.errors import UnavailableError
from core.settings import Settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.clips import maker as making
from storage.clips.maker import LONGEST_RETRY_S, ClipMaker
from storage.clips.manifest import manifest_path, verify
from storage.clips.store import SILENT_S, Clip, ClipStore, new_clip_id
from storage.database import Database
from storage.models import ClipRow
from storage.secrets import Secrets
from storage.segments import Segment, SegmentStore
from tests.support.manual_clock import ManualClock
from tests.support.recordings import write_segments
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

NOW = time.time()


class Site:
    """An installation with six seconds of recording, and one clip of it that is wanted."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings)
        self.database.migrate()
        camera = CameraStore(self.database, Secrets(settings.data)).add(Camera(0, "gate", "rtsp://gate.example/"))
        self.segments: list[Segment] = write_segments(settings.media_dir, camera.id, NOW - 60, 3)
        SegmentStore(self.database).add(self.segments)
        self.clips = ClipStore(self.database)
        self.id = new_clip_id()
        self.clips.ask(Clip(self.id, camera.id, NOW - 60, NOW - 54))

    def maker(self, clock: ManualClock | None = None) -> ClipMaker:
        return ClipMaker.of(self.settings, self.database, clock or ManualClock(NOW))

    def now(self) -> Clip:
        found = self.clips.get(self.id)
        assert found is not None
        return found

    def a_silent_minute_passes(self) -> None:
        with self.database.write() as session:
            session.execute(update(ClipRow).values(changed_at=time.time() - SILENT_S - 1))

    def files(self) -> list[Path]:
        return [path for path in (self.settings.media_dir / "clips").rglob("*") if path.is_file()]

    def assert_whole(self) -> None:
        made = self.now()
        assert (made.state, made.error, made.gaps) == ("done", None, ())
        file = self.settings.media_dir / (made.path or "")
        verify(file, manifest_path(file).read_bytes())
        assert made.size_bytes == file.stat().st_size
        assert sorted(self.files()) == [file, manifest_path(file)], "no draft is left"


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    made = Site(settings)
    yield made
    made.database.close()


def interrupted(monkeypatch: pytest.MonkeyPatch, name: str, meanwhile: Callable[[], object]) -> None:
    """The next time that a maker calls that, something happens before."""
    real = getattr(making, name)

    def call(*args: Any) -> Any:
        monkeypatch.setattr(making, name, real)
        meanwhile()
        return real(*args)

    monkeypatch.setattr(making, name, call)


@pytest.mark.parametrize("step", ["cut", "make_manifest", "signed"])
def test_who_was_thought_dead_spoils_nothing(site: Site, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def another_takes_over() -> None:
        site.a_silent_minute_passes()
        site.maker().make(site.id)
        assert site.now().state == "done"

    interrupted(monkeypatch, step, another_takes_over)
    site.maker().make(site.id)
    site.assert_whole()
    assert site.now().attempts == 2


def test_who_was_thought_dead_ends_first(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    late: list[Clip | None] = []

    def another_begins() -> None:
        site.a_silent_minute_passes()
        late.append(site.clips.begin(site.id))

    interrupted(monkeypatch, "make_manifest", another_begins)
    site.maker().make(site.id)
    assert (site.now().state, site.now().attempts) == ("running", 2), "it is the other's to end it"
    assert late[0] is not None
    assert site.clips.put_back(late[0], "tried")
    site.maker().make(site.id)
    site.assert_whole()


def test_a_clip_that_was_asked_for_anew_is_not_ended_by_who_made_it_before(site: Site) -> None:
    begun = site.clips.begin(site.id)
    assert begun is not None
    site.clips.ask(replace(begun, to_s=NOW - 56))
    again = site.clips.begin(site.id)
    assert again is not None
    assert again.attempts == begun.attempts
    assert not site.clips.done(begun, "clips/old.mp4", 1, ())
    assert site.clips.progressed(again, 0.5)


def test_a_long_silent_step_gives_signs_of_life(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "ALIVE_S", 0.01)

    def hashing_takes_a_minute() -> None:
        site.a_silent_minute_passes()
        wait_until(lambda: site.now().changed_at > time.time() - SILENT_S, "a sign of life", 10)
        assert site.clips.stalled(time.time() - SILENT_S, 10) == []
        assert site.clips.begin(site.id) is None

    interrupted(monkeypatch, "make_manifest", hashing_takes_a_minute)
    site.maker().make(site.id)
    site.assert_whole()


def test_a_segment_that_goes_while_it_is_used_is_in_the_manifest(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real = making.cut  # type: ignore[attr-defined]

    def cut(sources: Any, *args: Any) -> Any:
        def taken_once_used() -> Iterator[Any]:
            for source in sources:
                yield source
                source.path.unlink()

        return real(taken_once_used(), *args)

    monkeypatch.setattr(making, "cut", cut)
    site.maker().make(site.id)
    site.assert_whole()


def test_a_segment_that_cannot_be_hashed_is_a_gap(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, real = site.settings.media_dir / site.segments[1].path, making.describe_segment  # type: ignore[attr-defined]

    def describe(source: Any, name: str) -> Any:
        if source.path == bad:
            raise OSError(5, "Input/output error")
        return real(source, name)

    monkeypatch.setattr(making, "describe_segment", describe)
    site.maker().make(site.id)
    made = site.now()
    assert (made.state, [gap.reason for gap in made.gaps]) == ("done", ["unreadable"]), made.error


@pytest.mark.parametrize("step", ["describe_segment", "make_manifest"])
def test_what_passes_costs_no_attempt_and_no_clip(site: Site, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fault() -> None:
        raise UnavailableError("The bucket cannot be used now: 503.")

    for _ in range(5):
        interrupted(monkeypatch, step, fault)
        site.maker().make(site.id)
        waiting = site.now()
        assert (waiting.state, waiting.attempts, waiting.error) == ("queued", 0, "The bucket cannot be used now: 503.")
        assert site.files() == []
        assert site.clips.stalled(time.time() - SILENT_S, 10) == [], "not at once"
        assert site.clips.stalled(time.time() + 1, 10) == [site.id], "a minute later"
    site.maker().make(site.id)
    site.assert_whole()


def test_what_lasts_is_tried_less_often(site: Site) -> None:
    clips = ClipStore(site.database, lambda: NOW + 3600)
    begun = clips.begin(site.id)
    assert begun is not None
    assert clips.put_back(begun, "Machine b is off.")
    due = [clips.stalled(NOW + 3600 + after_s - SILENT_S, 10) == [site.id] for after_s in (61, 300, 420)]
    assert due == [False, False, True], "after a tenth of an hour"


def test_what_does_not_pass_within_a_day_fails_with_its_reason(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault() -> None:
        raise UnavailableError("Machine b is off.")

    interrupted(monkeypatch, "make_manifest", fault)
    site.maker(ManualClock(time.time() + LONGEST_RETRY_S + 60)).make(site.id)
    assert (site.now().state, site.now().error) == ("failed", "Machine b is off.")


def test_a_database_that_breaks_off_costs_no_attempt(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ClipStore.put_back
    refused: list[str] = []

    def put_back(self: ClipStore, begun: Clip, reason: str) -> bool:
        if len(refused) < 3:
            refused.append(reason)
            raise UnavailableError("The database cannot be used now: locked")
        return real(self, begun, reason)

    def fault() -> None:
        raise UnavailableError("The database cannot be used now: locked")

    monkeypatch.setattr(ClipStore, "put_back", put_back)
    interrupted(monkeypatch, "make_manifest", fault)
    site.maker().make(site.id)
    assert (site.now().state, site.now().attempts, len(refused)) == ("queued", 0, 3)


def test_a_clip_waits_for_room(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "SPARE_BYTES", 10**18)
    site.maker().make(site.id)
    assert site.now().state == "queued"
    assert "No room for this clip" in (site.now().error or "")
