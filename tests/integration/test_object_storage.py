"""Copies of media in a bucket, on a real server that speaks S3."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import obstore
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from app.api.factory import create_app
from core.clock import SystemClock
from core.errors import BadSettingError, UnavailableError
from core.settings import Settings, get_settings, load_settings
from storage.backup.media_list import UnreadableMedia, list_media
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.clips.store import Clip, ClipStore
from storage.database import Database
from storage.events import EventStore
from storage.media import Media, clip_files, clip_path, plain_snapshot_path
from storage.media_removals import remove_noted
from storage.models import ClipRow, MediaObjectRow
from storage.objects.archive import ObjectArchive
from storage.objects.store import ObjectStore
from storage.open_media import open_media
from storage.recordings_check import check_recordings
from storage.retention import passes
from storage.retention.passes import RetentionPass
from storage.secrets import Secrets
from storage.segments import Segment, SegmentStore
from storage.users import UserStore
from tasks import objects as object_tasks
from tests.support.api_client import ApiClient, code_of, password_of
from tests.support.manual_clock import ManualClock
from tests.support.recordings import write_segments
from tests.support.stored import a_clip, an_event

pytestmark = pytest.mark.integration

DAY_S = 86_400.0
SECRET = "do-not-tell"


class Bucket:
    """A server, as a user sets it up."""

    def __init__(self, port: int = 0) -> None:
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
        self.server.start()
        self.port = self.server.get_host_and_port()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def make(self) -> None:
        """The bucket, empty."""
        for method, path in (("POST", "moto-api/reset"), ("PUT", "media")):
            request = urllib.request.Request(f"{self.url}/{path}", method=method)  # noqa: S310  # our own http:// address
            urllib.request.urlopen(request).close()  # noqa: S310

    def check_keys(self, after_requests: float) -> None:
        """Refuse unknown access keys, as buckets do outside of tests; infinity: let everybody in again."""
        request = urllib.request.Request(  # noqa: S310  # our own http:// address
            f"{self.url}/moto-api/reset-auth", str(after_requests).encode(), {"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(request).close()  # noqa: S310

    def names(self) -> list[str]:
        """Of all objects."""
        store = S3Store(
            "media", endpoint=self.url, skip_signature=True, region="us-east-1", client_options={"allow_http": True}
        )
        return sorted(found["path"] for page in obstore.list(store) for found in page)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    running = Bucket()
    running.make()
    yield running
    running.server.stop()


@pytest.fixture
def site(settings: Settings, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name, value in {
        "BUCKET": "media", "ENDPOINT": bucket.url, "KEY_ID": "me", "SECRET": SECRET, "PREFIX": "house 1",
        "SEGMENTS_DAYS": "1", "LOCAL_DAYS": "0",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"CAMREC_S3_{name}", value)
    get_settings.cache_clear()
    made = Site(get_settings())
    yield made
    made.database.close()


class Site:
    """An installation with a clip, an event with pictures and an old recording."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings)
        self.database.migrate()
        self.media = Media(settings.media_dir, settings.node)
        objects = ObjectStore.of(settings)
        assert objects is not None
        self.objects = objects
        self.archive = ObjectArchive(settings, self.database, self.media, objects)
        self.now = time.time() + 30  # later than the stamps of what is put in
        self.camera = CameraStore(self.database, Secrets(settings.data)).add(Camera(0, "gate", "rtsp://192.0.2.1/"))
        self.event = an_event(self.camera.id, self.now - 100)
        self.snapshot = f"events/{self.event.id}.jpg"
        self.clip_path = clip_path("a", self.now)
        self.segments = self._fill()

    def _fill(self) -> list[Segment]:
        for path in (self.snapshot, plain_snapshot_path(self.snapshot), *clip_files(self.clip_path)):
            self.media.write(path, path.encode() * 10)
        EventStore(self.database).put([(self.event, self.snapshot)], 1)
        clips = ClipStore(self.database, lambda: self.now - 40)
        a_clip(clips, Clip("a", self.camera.id, self.now - 50, self.now), self.clip_path, 1)
        segments = write_segments(self.settings.media_dir, self.camera.id, self.now - 2 * DAY_S, 3)
        SegmentStore(self.database).add([replace(s, node=os.uname().nodename) for s in segments])
        return segments

    @property
    def paths(self) -> list[str]:
        """Of all that is to be copied."""
        files = [self.snapshot, plain_snapshot_path(self.snapshot), *clip_files(self.clip_path)]
        return sorted([*files, *(s.path for s in self.segments)])

    def on_disk(self) -> list[str]:
        return [path for path in self.paths if (self.settings.media_dir / path).is_file()]


def in_bucket(paths: list[str]) -> list[str]:
    return sorted(f"house 1/{path}" for path in paths)


def test_files_are_copied_once_and_leave_the_disk_when_their_copy_is_seen(site: Site, bucket: Bucket) -> None:
    assert site.archive.backlog(site.now) == 5
    assert site.archive.upload(site.now, 100) == 7
    assert bucket.names() == in_bucket(site.paths)
    assert site.archive.upload(site.now, 100) == 0, "twice is as once"
    assert site.archive.backlog(site.now) == 0
    assert site.on_disk() == site.paths
    assert site.archive.evict(site.now + 1, 100) == 7
    assert site.on_disk() == []
    assert site.archive.evict(site.now + 1, 100) == 0
    assert site.archive.stored_bytes() == sum(
        len(path.encode()) * 10 for path in site.paths if "recordings" not in path
    ) + sum(s.size_bytes for s in site.segments)


def test_what_waits_is_counted_in_full(site: Site) -> None:
    events = [an_event(site.camera.id, site.now - 200 - n) for n in range(1100)]
    EventStore(site.database).put([(event, f"events/{event.id}.jpg") for event in events], 1)
    assert site.archive.backlog(site.now) == 5 + len(events)


def test_the_api_serves_what_is_in_the_bucket_only(site: Site) -> None:
    before = {path: (site.settings.media_dir / path).read_bytes() for path in site.paths}
    site.archive.upload(site.now, 100)
    site.archive.evict(site.now + 1, 100)
    UserStore(site.database).add("viewer", password_of("viewer"), "viewer")
    viewer = ApiClient(create_app(site.settings)).log_in("viewer", password_of("viewer"))
    assert viewer.get(f"/events/{site.event.id}/snapshot").data == before[site.snapshot]
    clip = "00000000-0000-0000-0000-00000000000a"
    with site.database.write() as session:
        session.query(ClipRow).update({"id": clip})
        session.query(MediaObjectRow).filter_by(kind="clip").update({"owner": clip})
    part = viewer.get(f"/clips/{clip}/download", headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.data) == (206, before[site.clip_path][5:10])
    first = SegmentStore(site.database).files(site.camera.id, 0, site.now)[0]
    playlist = viewer.get(
        f"/cameras/{site.camera.id}/playback.m3u8?from={site.now - 2 * DAY_S - 1}&to={site.now - 2 * DAY_S + 9}"
    ).text
    assert f"segments/{first.id}.mp4" in playlist
    assert viewer.get(f"/segments/{first.id}.mp4").data == before[first.path]
    assert site.on_disk() == [], "what was fetched is a passing copy"
    assert list_media(site.settings.media_dir, "backup", {}, UnreadableMedia()) == {}, "of no backup, either"
    site.media.forget_fetched(time.time() + 1)
    assert not list((site.settings.media_dir / ".fetched").rglob("*.mp4"))


def test_an_outage_loses_nothing_and_is_told(site: Site, bucket: Bucket) -> None:
    bucket.server.stop()
    with pytest.raises(UnavailableError, match=r"Bucket media at http://127\.0\.0\.1") as told:
        site.archive.upload(site.now, 100)
    assert SECRET not in str(told.value)
    assert "Debug source" not in str(told.value)
    assert (site.on_disk(), site.archive.backlog(site.now)) == (site.paths, 5)
    object_tasks.follow()
    UserStore(site.database).add("viewer", password_of("viewer"), "viewer")
    app = create_app(site.settings)
    part = ApiClient(app).get("/health").get_json()["parts"]["object_storage"]
    assert (part["status"], part["backlog"]) == ("degraded", 5)
    assert "Bucket media" in part["message"]
    back = Bucket(bucket.port)
    back.make()
    object_tasks.follow()
    assert back.names() == in_bucket(site.paths)
    part = ApiClient(create_app(site.settings)).get("/health").get_json()["parts"]["object_storage"]
    assert (part["status"], part["backlog"]) == ("ok", 0)
    assert site.on_disk() == [], "local files go at once here (CAMREC_S3_LOCAL_DAYS=0)"
    back.server.stop()
    viewer = ApiClient(app).log_in("viewer", password_of("viewer"))
    assert code_of(viewer.get(f"/events/{site.event.id}/snapshot")) == (503, "unavailable")


def test_copies_go_with_what_they_are_of(site: Site, bucket: Bucket) -> None:
    site.archive.upload(site.now, 100)
    site.archive.evict(site.now + 1, 100)
    assert site.archive.delete_orphans(100) == 0
    ClipStore(site.database).remove("a")
    assert site.archive.delete_orphans(100) == 2
    assert bucket.names() == in_bucket([p for p in site.paths if "clips/" not in p])
    CameraStore(site.database, Secrets(site.settings.data)).remove(site.camera.id, purge=True)
    assert site.archive.delete_orphans(100) == 5
    assert bucket.names() == []


def test_a_clip_that_is_made_anew_is_copied_anew_before_it_leaves_the_disk(site: Site) -> None:
    site.archive.upload(site.now, 100)
    clips = ClipStore(site.database, lambda: site.now + 10)
    clips.ask(Clip("a", site.camera.id, site.now - 50, site.now + 5))
    site.media.write(site.clip_path, b"longer" * 100)
    site.archive.evict(site.now + 1, 100)
    assert site.on_disk() == sorted(clip_files(site.clip_path))
    begun = clips.begin("a")
    assert begun is not None
    clips.done(begun, site.clip_path, 600, ())
    assert site.archive.upload(site.now + 20, 100) == 2
    assert site.archive.evict(site.now + 21, 100) == 2
    assert open_media(site.settings, Secrets.of(site.settings), SystemClock()).read(site.clip_path) == b"longer" * 100


def test_an_owner_half_of_whose_files_are_copied_is_due(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    put = site.objects.put

    def stop_before_manifests(path: str, file: Path) -> int:
        if path.endswith(".json"):
            raise UnavailableError("gone")
        return put(path, file)

    with monkeypatch.context() as patch:
        patch.setattr(site.objects, "put", stop_before_manifests)
        with pytest.raises(UnavailableError):
            site.archive.upload(site.now, 100)
    assert site.archive.backlog(site.now) == 5
    assert site.archive.upload(site.now, 100) == 7


def test_what_is_away_is_neither_missing_nor_room(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.archive.upload(site.now, 100)
    site.archive.evict(site.now + 1, 100)
    found = check_recordings(site.settings.media_dir, SegmentStore(site.database), os.uname().nodename, repairs=True)
    assert list(found) == []
    monkeypatch.setattr(passes, "missing_bytes", lambda *_: 10**9)
    removed = RetentionPass(site.settings, site.database, site.media, os.uname().nodename).run(site.now)
    assert removed == {"continuous": 0, "event": 0, "frame": 0, "clip": 0}


def test_an_upload_that_was_killed_is_done_again(site: Site, bucket: Bucket) -> None:
    bucket.server.stop()
    with socket.create_server(("127.0.0.1", bucket.port)) as silent:
        silent.settimeout(20)
        job = subprocess.Popen([sys.executable, "-c", "from tasks.objects import follow; follow()"])
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(16).startswith(b"PUT /media/house"), "it is in the middle of an upload"
            job.kill()
            job.wait()
    assert (site.on_disk(), site.archive.backlog(site.now)) == (site.paths, 5)
    back = Bucket(bucket.port)
    back.make()
    assert site.archive.upload(site.now, 100) == 7
    assert back.names() == in_bucket(site.paths)
    back.server.stop()


def test_a_wrong_key_is_told_and_nothing_counts_as_copied(site: Site, bucket: Bucket) -> None:
    bucket.check_keys(after_requests=0)
    try:
        with pytest.raises(UnavailableError, match="InvalidAccessKeyId: The AWS Access Key Id") as told:
            site.archive.upload(site.now, 100)
    finally:
        bucket.check_keys(after_requests=float("inf"))
    assert SECRET not in str(told.value)
    assert site.archive.backlog(site.now) == 5
    assert site.archive.upload(site.now, 100) == 7, "with the right key"


def test_a_bucket_that_is_not_there_is_no_bucket_without_the_files(site: Site, bucket: Bucket) -> None:
    site.archive.upload(site.now, 100)
    site.archive.evict(site.now + 1, 100)
    ClipStore(site.database).remove("a")
    wrong = ObjectStore.of(site.settings.model_copy(update={"s3_bucket": "absent"}))
    assert wrong is not None
    archive = ObjectArchive(site.settings, site.database, site.media, wrong)
    site.media.write("events/new.jpg", b"new")
    EventStore(site.database).put([(an_event(site.camera.id, site.now - 10), "events/new.jpg")], 1)
    said = "NoSuchBucket: The specified bucket does not exist"
    with pytest.raises(UnavailableError, match=said):
        archive.upload(site.now, 100)
    with pytest.raises(UnavailableError, match=said):
        archive.delete_orphans(100)
    with pytest.raises(UnavailableError, match=said):
        Media(site.settings.media_dir, bucket=wrong).fetch(site.snapshot)
    assert site.archive.delete_orphans(100) == 2, "copies to be deleted are not forgotten"
    assert site.archive.upload(site.now, 100) == 2, "new files are not taken for missing"
    assert in_bucket(["events/new.jpg"])[0] in bucket.names()


def test_a_file_that_is_gone_does_not_hold_up_the_others(site: Site, bucket: Bucket) -> None:
    (site.settings.media_dir / site.snapshot).unlink()
    site.archive.upload(site.now, 100)
    assert site.archive.backlog(site.now) == 0
    assert bucket.names() == in_bucket([p for p in site.paths if p != site.snapshot])


def test_a_file_that_cannot_be_read_holds_up_no_other_and_is_told(
    site: Site, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_tasks, "MOST_FILES", 1)
    bad = site.settings.media_dir / site.clip_path  # the first that is due
    content = bad.read_bytes()
    bad.unlink()
    bad.mkdir()
    object_tasks.follow()
    others = [path for path in site.paths if "clips/" not in path]
    assert bucket.names() == in_bucket(others)
    assert site.on_disk() == clip_files(site.clip_path)[1:], "the copied ones left the disk"
    part = ApiClient(create_app(site.settings)).get("/health").get_json()["parts"]["object_storage"]
    assert (part["status"], part["backlog"]) == ("degraded", 1)
    assert f"1 clips, events or recordings cannot be read here; the last: {site.clip_path}" in part["message"]
    bad.rmdir()
    bad.write_bytes(content)
    object_tasks.follow()
    assert bucket.names() == in_bucket(site.paths)


def test_what_cannot_be_copied_keeps_nothing_from_leaving(
    site: Site, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.archive.upload(site.now, 100)
    monkeypatch.setattr(object_tasks, "SystemClock", lambda: ManualClock(site.now + 1))
    path = site.settings.media_dir / "events/new.jpg"
    path.write_bytes(b"new")
    EventStore(site.database).put([(an_event(site.camera.id, site.now - 10), "events/new.jpg")], 1)
    bucket.server.stop()
    object_tasks.follow()
    assert site.on_disk() == []
    assert path.exists()


def test_a_file_that_cannot_be_deleted_holds_up_no_other_and_is_tried_again(site: Site) -> None:
    site.archive.upload(site.now, 100)
    stuck = site.settings.media_dir / site.paths[0]
    content = stuck.read_bytes()
    stuck.unlink()
    stuck.mkdir()
    assert site.archive.evict(site.now + 1, 100) == 7
    assert site.on_disk() == []
    stuck.rmdir()
    stuck.write_bytes(content)
    assert remove_noted(site.database, site.media, site.settings.node) == 1
    assert not stuck.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"S3_SECRET": ""}, "belong together", id="half a key"),
        pytest.param({"S3_ENDPOINT": "ftp://x"}, "S3_ENDPOINT", id="no http"),
        pytest.param({"S3_ENDPOINT": "http://me:secret@x"}, "S3_ENDPOINT", id="a secret in the address"),
        pytest.param({"S3_BUCKET": "x"}, "S3_BUCKET", id="no name of a bucket"),
    ],
)
def test_wrong_settings_are_said(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    given = {"S3_BUCKET": "media", "S3_KEY_ID": "me", "S3_SECRET": SECRET, **changes}
    environ = {f"CAMREC_{name}": value for name, value in given.items()}
    with pytest.raises(BadSettingError, match=message) as told:
        ObjectStore.of(load_settings(environ, tmp_path / "no.env"))
    assert SECRET not in str(told.value)
