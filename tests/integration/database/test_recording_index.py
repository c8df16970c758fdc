"""What was left on a disk of cameras that its machine records no more gets its rows, by the one process that looks."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from capture.drops import Drops
from capture.recorder.recorder import Recorder
from capture.recorder.track import Track
from storage.database import Database
from storage.segment_files import open_segment_paths, whole_segment_paths
from storage.segments import Segment, SegmentStore
from tests.integration.database.conftest import settings_for
from tests.unit.capture.recorder_support import AT_S, Collected, film

CAMERA = 7
HERE = socket.gethostname()
"""The name of a machine by default."""
HOUR_S = 3600.0


def leave(media: Path, film_path: Path) -> tuple[list[Segment], str]:
    """As a killed process does: whole files that have names and no rows, and a torn one."""
    said = Collected()
    track = Track(CAMERA, media, HERE, said.finished.append, said.lost.append)
    for arrival in film(film_path, 210).arrivals(range(210)):
        track.take(arrival)
    track.abandon()
    for whole in said.finished:
        target = media / whole.segment.path
        target.parent.mkdir(parents=True, exist_ok=True)
        (media / whole.open_path).rename(target)
    (torn,) = open_segment_paths(media, CAMERA)
    os.utime(media / torn, (0, 0))
    return [whole.segment for whole in said.finished], torn


@pytest.mark.parametrize("mends_all", [True, False])
def test_what_a_process_left_after_its_cameras_went_elsewhere(
    database: Database, tmp_path: Path, mends_all: bool
) -> None:
    settings = settings_for(tmp_path)
    recorder = Recorder(settings, database, Drops(), mends_all=mends_all)
    recorder._committer._pass()
    whole, torn = leave(settings.media_dir, tmp_path / "film.ts")
    store = SegmentStore(database)
    taken_over = Segment(
        CAMERA, AT_S + 3 * HOUR_S, AT_S + 3 * HOUR_S + 4, 4.0, "recordings/7/later.mp4", 1, "h264", 320, 240,
        has_audio=False, run="b", key_times=(0.0,), retention_class="continuous", node="the other one",
    )  # fmt: skip
    store.add([taken_over])
    recorder._committer._swept_s = float("-inf")  # the time of a sweep has come
    recorder._committer._pass()
    files = set(whole_segment_paths(settings.media_dir, CAMERA))
    assert (torn in open_segment_paths(settings.media_dir, CAMERA)) is not mends_all
    assert len(files) == len(whole) + mends_all
    assert set(store.paths(CAMERA, HERE)) == (files if mends_all else set())


def test_files_of_another_process_are_found_when_all_is_compared_again(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(tmp_path)
    recorder = Recorder(settings, database, Drops(), mends_all=True)
    whole, _ = leave(settings.media_dir, tmp_path / "film.ts")
    hidden = settings.data / "not yet there.mp4"
    (settings.media_dir / whole[-1].path).rename(hidden)
    recorder._committer._pass()
    store = SegmentStore(database)
    before = set(store.paths(CAMERA, HERE))
    assert before.issuperset(segment.path for segment in whole[:-1])
    hidden.rename(settings.media_dir / whole[-1].path)
    recorder._committer._pass()
    assert set(store.paths(CAMERA, HERE)) == before
    monkeypatch.setattr("capture.recorder.unindexed.AGAIN_S", 0.0)
    recorder._committer._pass()
    assert set(store.paths(CAMERA, HERE)) == {*before, whole[-1].path}
