"""Two machines of one installation: each has a media folder of its own; database and Redis are the same."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from subprocess import Popen

import numpy as np

from app.api.factory import create_app
from app.ports import free_port
from core import keys
from core.redis_client import connect_redis
from core.settings import Settings, load_settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.clips.maker import ClipMaker
from storage.clips.store import Clip, ClipStore, new_clip_id
from storage.database import Database
from storage.events import EventStore
from storage.kept_frames import KeptFrame, KeptFrameStore
from storage.media import Media, clip_files, clip_path, encode_jpeg, snapshot_files
from storage.media_nodes import MediaNodes
from storage.secrets import Secrets
from storage.segments import Segment, SegmentStore
from storage.users import UserStore
from tests.support.api_client import ApiClient, password_of
from tests.support.manual_clock import ManualClock
from tests.support.processes import Children
from tests.support.recordings import GOP_S, write_segments
from tests.support.stored import a_clip, an_event
from tests.support.waiting import wait_until

SEGMENTS = 6
SNAPSHOT = "events/20261124/one.jpg"
FRAME = "frames/1/one.jpg"
JPEG = encode_jpeg(np.zeros((24, 32, 3), np.uint8))


class Machines:
    """Machine ``a``, whose API and jobs the tests ask, and ``b``, on whose disk everything lies."""

    def __init__(self, settings: Settings, folder: Path, processes: Children) -> None:
        self.here = settings
        self.processes = processes
        self._serving: list[Popen[bytes]] = []
        self.database = Database(settings)
        self.database.migrate()
        self.start = time.time() - 60
        self.cameras = CameraStore(self.database, Secrets.of(settings))
        self.camera = self.cameras.add(Camera(0, "gate", "rtsp://gate.example/"))
        self.environ = {
            "CAMREC_DATA": str(folder / "b"),
            "CAMREC_NODE": "b",
            "CAMREC_NODE_URL": f"http://127.0.0.1:{free_port()}",
            "CAMREC_DATABASE_URL": settings.resolve_database_url(),
            "CAMREC_SECRET_KEY": (settings.data / "secret.key").read_text(),
        }
        self.there = load_settings({**os.environ, **self.environ}, folder / "no.env")
        self.media = Media(self.there.media_dir, "b")
        self.event = an_event(self.camera.id, self.start)
        self.clip = new_clip_id()
        self.segments = self._fill()
        UserStore(self.database).add("operator", password_of("operator"), "operator")

    def _fill(self) -> list[Segment]:
        for path in (*snapshot_files(SNAPSHOT), FRAME):
            self.media.write(path, JPEG)
        EventStore(self.database).put([(self.event, SNAPSHOT)], 1, "b")
        KeptFrameStore(self.database).add([KeptFrame(self.camera.id, self.start, FRAME, 32, 24, len(JPEG), node="b")])
        path = clip_path(self.clip, self.start)
        for file in clip_files(path):
            self.media.write(file, file.encode())
        clip = Clip(self.clip, self.camera.id, self.start, self.start + 4)
        a_clip(ClipStore(self.database), clip, path, len(path), "b")
        segments = [
            replace(s, node="b") for s in write_segments(self.there.media_dir, self.camera.id, self.start, SEGMENTS)
        ]
        SegmentStore(self.database).add(segments)
        return segments

    def serve(self) -> Popen[bytes]:
        """Machine ``b`` serves its media from now on."""
        process = self.processes.start("media", "--host", "127.0.0.1", environ=self.environ)
        self._serving.append(process)
        wait_until(lambda: self.environ["CAMREC_NODE"] in MediaNodes(self.here).all(), "it serves its media", 20)
        assert process.poll() is None, self.processes.logs()
        return process

    def fall_silent(self) -> None:
        """Machine ``b`` is off, and has been for a minute as far as Redis knows."""
        self.end()
        with connect_redis(self.here) as client:
            said = {"url": self.environ["CAMREC_NODE_URL"], "at": time.time() - 60}
            client.hset(keys.MEDIA_NODES, "b", json.dumps(said))

    def end(self) -> None:
        """Leave nobody who goes on giving signs of life."""
        for process in self._serving:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def api(self) -> ApiClient:
        """That of machine ``a``."""
        return ApiClient(create_app(self.here)).log_in("operator", password_of("operator"))

    def cut(self, settings: Settings) -> Clip:
        """A clip of all segments, made on machine ``a``."""
        # Its waits cost no time; the time of day is right, for tokens.
        maker = ClipMaker.of(settings, self.database, ManualClock(time.time()))
        asked = maker.clips.ask(Clip(new_clip_id(), self.camera.id, self.start, self.start + SEGMENTS * GOP_S))
        made = maker.make(asked.id)
        assert made is not None
        return made

    def fetched_bytes(self) -> int:
        """What copies take on machine ``a``."""
        files = (self.here.media_dir / ".fetched").rglob("*")
        return sum(file.stat().st_size for file in files if file.is_file())
