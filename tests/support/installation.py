"""An installation with something of everything in it, and all that its API answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from app.api.factory import create_app
from core.settings import Settings, load_settings
from storage.database import Database
from storage.events import EventStore
from storage.media import Media, encode_jpeg
from storage.motion_spans import MOTION_KINDS, MotionSpan, MotionSpanStore
from storage.segments import SegmentStore
from storage.users import UserStore
from tests.support.api_client import BASE, ApiClient, password_of
from tests.support.recordings import write_segments
from tests.support.stored import an_event

START = 1_795_435_200.0
CAMERA_URL = "rtsp://user:s3cretW0rd@192.0.2.1/"

SNAPSHOT = "events/20261123/picture.jpg"

_RANGE = f"?from={START}&to={START + 60}"
_QUERIES = {"timeline": _RANGE, "contact-sheet": _RANGE, "frames": _RANGE, "slideshow": f"?at={START}"}
_CHANGING = ("/health", "/metrics", "stream", "live", "playback.m3u8", "/docs", "status", "/models")
"""Parts of paths whose answers are of this moment, bear tokens, or tell of models that no backup holds."""


def fill(settings: Settings) -> Settings:
    """A camera with a zone, retention and a lock, events, a plate list, recordings, models of the user's own."""
    database = Database(settings)
    database.migrate()
    UserStore(database).add("admin", password_of("admin"), "admin")
    client = client_of(settings)
    client.post("/cameras", {"name": "gate", "url": CAMERA_URL})
    zone = {"name": "yard", "kind": "include", "points": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]}
    for answer in (
        client.put("/cameras/1/zones", [zone]),
        client.put("/cameras/1/retention", {"limits": {"clip": {"days": 5}}}),
        client.post("/plates/lists", {"name": "guests", "kind": "allow"}),
        client.post("/plates/lists/1/entries", {"plate": "AB123CD"}),
        client.post("/keep-locks", {"camera_id": 1, "from": START, "to": START + 1, "note": "accident"}),
    ):
        assert answer.status_code < 300, answer.text
    SegmentStore(database).add(write_segments(settings.media_dir, 1, START, 2))
    MotionSpanStore(database).put([MotionSpan(1, kind, START, START + 8) for kind in MOTION_KINDS])
    Media(settings.media_dir).write(SNAPSHOT, encode_jpeg(np.zeros((24, 32, 3), np.uint8)))
    EventStore(database).put([(an_event(1, START + n), SNAPSHOT) for n in range(20)], epoch=1)
    models = settings.models_dir / "models.d"
    models.mkdir(parents=True)
    (models / "mine.yaml").write_text("file: mine.onnx\n")
    (settings.models_dir / "mine.onnx").write_bytes(b"own model")
    (settings.models_dir / "public.onnx").write_bytes(b"model that can be pulled again")
    database.close()
    return settings


def client_of(settings: Settings) -> ApiClient:
    """Logged in as the administrator."""
    return ApiClient(create_app(settings)).log_in("admin", password_of("admin"))


def health_parts(settings: Settings) -> dict[str, dict[str, Any]]:
    """What health says now: by an application of its own, since one remembers it for a second."""
    found: dict[str, dict[str, Any]] = ApiClient(create_app(settings)).get("/health").get_json()["parts"]
    return found


def answers(settings: Settings) -> dict[str, tuple[int, bytes]]:
    """Path → status and content, of all that can be asked of what `fill` put in, whatever the time."""
    client = client_of(settings)
    newest = client.get("/events").get_json()["items"][0]["id"]
    lock = client.get("/keep-locks").get_json()["items"][0]["id"]
    ids = {"camera_id": 1, "segment_id": 1, "list_id": 1, "event_id": newest, "lock_id": lock}
    found = {}
    for rule in client.app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or not rule.arguments <= ids.keys() or not rule.rule.startswith(BASE):
            continue
        if any(part in rule.rule for part in _CHANGING):
            continue
        _, path = rule.build({name: ids[name] for name in rule.arguments}) or ("", "")
        path = path.removeprefix(BASE) + _QUERIES.get(path.rpartition("/")[2], "")
        answer = client.get(path)
        # Errors bear an id of their own.
        found[path] = (answer.status_code, answer.data if answer.status_code == 200 else b"")
    return found


def settings_on(data: Path, like: Settings, database_url: str = "") -> Settings:
    """Of another machine with that data folder, and SQLite in it unless told otherwise."""
    environ = {"CAMREC_DATA": str(data), "CAMREC_FRAME_DIR": str(like.frame_dir), "CAMREC_DATABASE_URL": database_url}
    return load_settings(environ, env_file=data / "no.env")
