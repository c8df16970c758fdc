"""A worker that is killed while it makes a clip, again and again: something in the clip may be what kills it."""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import redis
from celery import Celery
from sqlalchemy import update

from core.recognitions import JOBS_QUEUE, MAKE_CLIP_TASK
from core.settings import Settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.clips.store import MOST_ATTEMPTS, SILENT_S, Clip, ClipStore, new_clip_id
from storage.database import Database
from storage.models import ClipRow
from storage.secrets import Secrets
from storage.segments import SegmentStore
from tests.support.processes import children
from tests.support.recordings import write_segments
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

WORKER = [sys.executable, "-P", "-m", "celery", "-A", "tasks", "worker", "-Q", JOBS_QUEUE]


def test_fails_after_some_attempts_and_may_be_asked_for_again(
    settings: Settings, redis_client: redis.Redis, tmp_path: Path
) -> None:
    database = Database(settings)
    database.migrate()
    camera = CameraStore(database, Secrets(settings.data)).add(Camera(0, "gate", "rtsp://gate.example/"))
    start = time.time() - 60
    segments = write_segments(settings.media_dir, camera.id, start, 3)
    SegmentStore(database).add(segments)
    clips = ClipStore(database)
    clip = clips.ask(Clip(new_clip_id(), camera.id, start + 1, start + 5))
    app = Celery("test", broker=settings.resolve_redis_url(), set_as_current=False)

    def send() -> None:
        app.send_task(MAKE_CLIP_TASK, args=(clip.id,), queue=JOBS_QUEUE)

    def drafts() -> list[Path]:
        return list((settings.media_dir / "clips").rglob(f".{clip.id}.*"))

    def now() -> Clip:
        found = clips.get(clip.id)
        assert found is not None
        return found

    def a_minute_passes() -> None:
        with database.write() as session:
            session.execute(update(ClipRow).values(changed_at=time.time() - SILENT_S - 1))

    def has_drafts(count: int) -> bool:
        return len(drafts()) == count

    second = settings.media_dir / segments[1].path
    content = second.read_bytes()
    second.unlink()
    os.mkfifo(second)  # whoever reads it waits, and can be killed in the midst of the work
    with children(tmp_path) as processes:
        for attempt in range(1, MOST_ATTEMPTS + 1):
            worker = processes.start(command=WORKER)
            send()
            wait_until(partial(has_drafts, attempt), f"attempt {attempt} has begun to write", 30)
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait(10)
            assert (now().state, now().attempts) == ("running", attempt)
            assert ClipStore(database).begin(clip.id) is None, "nobody knows yet that it is dead"
            a_minute_passes()
        for draft in drafts():
            os.utime(draft, (start, start))  # a minute later
        processes.start(command=WORKER)
        send()
        wait_until(lambda: now().state == "failed", "given up", 30)
        assert now().error == f"Its worker ended {MOST_ATTEMPTS} times while making it; the log may say why."
        assert clips.stalled(time.time() + 1, 10) == [], "nobody wakes it again"
        wait_until(lambda: has_drafts(0), "nothing half-written is left", 10)

        second.unlink()
        second.write_bytes(content)
        clips.ask(now())
        send()
        wait_until(lambda: now().state == "done", "made", 30)
    assert now().gaps == ()
    made = [path for path in (settings.media_dir / "clips").rglob("*") if path.is_file()]
    assert sorted(path.suffix for path in made if clip.id in path.name) == [".json", ".mp4"]
