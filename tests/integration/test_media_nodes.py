"""Two machines, each with a media folder of its own, one database and one Redis: whoever is asked has every file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from obstore.store import MemoryStore

from core.clock import SystemClock
from storage.clips.manifest import verify
from storage.clips.store import ClipStore
from storage.events import EventStore
from storage.media import MANIFEST_SUFFIX, Media, clip_path, encode_jpeg
from storage.node_rows import adopt_node, forget_node
from storage.objects.archive import ObjectArchive
from storage.objects.store import ObjectStore
from storage.open_media import open_media
from storage.progress import Unit
from storage.retention.passes import RetentionPass
from storage.secrets import Secrets
from storage.segments import SegmentStore
from tests.support.api_client import ApiClient, code_of
from tests.support.machines import FRAME, JPEG, SEGMENTS, SNAPSHOT, Machines
from tests.support.processes import CAMREC
from tests.support.recordings import FPS, GOP_S
from tests.support.stored import an_event
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


def test_what_lies_on_another_machine_is_served_as_if_it_lay_here(machines: Machines) -> None:
    machines.serve()
    api = machines.api()
    assert api.get(f"/events/{machines.event.id}/snapshot").data == JPEG
    assert api.get(f"/events/{machines.event.id}/snapshot?box=false").data == JPEG
    frame = api.get(f"/cameras/{machines.camera.id}/frames?from={machines.start - 1}&to={machines.start + 1}")
    assert api.get(f"/frames/{frame.get_json()['items'][0]['id']}").data == JPEG
    whole = clip_path(machines.clip, machines.start).encode()
    part = api.get(f"/clips/{machines.clip}/download", headers={"Range": "bytes=3-8"})
    assert (part.status_code, part.data) == (206, whole[3:9])
    assert api.get(f"/clips/{machines.clip}/manifest").data == whole + MANIFEST_SUFFIX.encode()
    segment = SegmentStore(machines.database).files(machines.camera.id, machines.start, machines.start + 1)[0]
    content = (machines.there.media_dir / segment.path).read_bytes()
    part = api.get(f"/segments/{segment.id}.mp4", headers={"Range": f"bytes={segment.init_bytes}-"})
    assert (part.status_code, part.data) == (206, content[segment.init_bytes :])
    assert api.get(f"/segments/{segment.id}.mp4", headers={"Range": "bytes=99999999-"}).status_code == 416
    assert not list((machines.here.media_dir / "recordings").rglob("*.mp4")), "nothing but passing copies is here"


def test_a_picture_that_was_exchanged_is_read_anew(machines: Machines) -> None:
    machines.serve()
    api = machines.api()
    assert api.get(f"/events/{machines.event.id}/snapshot").data == JPEG
    better = encode_jpeg(np.full((24, 32, 3), 200, np.uint8))
    machines.media.write(SNAPSHOT, better)
    assert api.get(f"/events/{machines.event.id}/snapshot").data == better


def test_a_clip_is_cut_from_what_another_machine_recorded(machines: Machines) -> None:
    machines.serve()
    clip = machines.cut(machines.here)
    assert (clip.state, clip.node, clip.gaps) == ("done", "a", ()), clip.error
    file = machines.here.media_dir / (clip.path or "")
    with av.open(str(file)) as container:
        assert sum(1 for _ in container.decode(video=0)) == SEGMENTS * GOP_S * FPS
    manifest = verify(file, file.with_name(file.name + MANIFEST_SUFFIX).read_bytes())
    assert [s["name"] for s in manifest["segments"]] == [s.path for s in machines.segments]


def test_copies_stay_within_their_limit_while_a_clip_is_cut(machines: Machines) -> None:
    machines.serve()
    most = round(2.6 * max(s.size_bytes for s in machines.segments))
    assert sum(s.size_bytes for s in machines.segments) > most
    seen: list[int] = []
    is_cut = threading.Event()

    def watch() -> None:
        while not is_cut.wait(0.001):
            seen.append(machines.fetched_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    clip = machines.cut(machines.here.model_copy(update={"fetched_gb": most / 1e9}))
    is_cut.set()
    watcher.join()
    assert (clip.state, clip.gaps) == ("done", ()), clip.error
    assert 0 < max(seen) <= most


def test_a_file_that_is_too_large_to_be_copied_is_refused(machines: Machines) -> None:
    machines.serve()
    clip = machines.cut(machines.here.model_copy(update={"fetched_gb": 1e-6}))
    assert clip.state == "queued", "somebody may raise it"
    assert "raise CAMREC_FETCHED_GB" in (clip.error or "")


def test_a_machine_that_hangs_is_told_of_and_holds_nobody_up(machines: Machines) -> None:
    process = machines.serve()
    api = machines.api()
    paths = [f"/events/{machines.event.id}/snapshot"] * 20
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(len(paths)) as pool:
            began = time.monotonic()
            waiting = [pool.submit(machines_client(api).get, path) for path in paths]
            assert api.get("/cameras").status_code == 200
            assert time.monotonic() - began < 1.0, "other requests go on"
            answers = [one.result() for one in waiting]
            assert time.monotonic() - began < 7.0
        assert {code_of(answer) for answer in answers} == {(503, "unavailable")}
        assert any("Machine b " in answer.get_json()["message"] for answer in answers)
        began = time.monotonic()
        assert "b could not be reached a moment ago" in api.get(paths[0]).get_json()["message"]
        assert time.monotonic() - began < 0.5
    finally:
        os.killpg(process.pid, signal.SIGCONT)
    wait_until(lambda: api.get(paths[0]).status_code == 200, "it answers again", 15)


def machines_client(api: ApiClient) -> ApiClient:
    """One for each thread."""
    made = ApiClient(api.app)
    made.headers = dict(api.headers)
    return made


def test_a_machine_that_is_off_is_named_and_what_was_copied_is_still_served(machines: Machines) -> None:
    machines.serve()
    api = machines.api()
    assert api.get(f"/events/{machines.event.id}/snapshot").status_code == 200
    machines.end()
    assert api.get(f"/events/{machines.event.id}/snapshot").data == JPEG
    refused = api.get(f"/clips/{machines.clip}/download")
    assert code_of(refused) == (503, "unavailable")
    assert "b" in refused.get_json()["message"]
    machines.fall_silent()
    wait_until(lambda: "was heard of 6" in machines.api().get(f"/clips/{machines.clip}/download").text, "silence", 5)
    clip = machines.cut(machines.here)
    assert (clip.state, clip.attempts) == ("queued", 0), "it waits for the machine"
    assert "lies on machine b" in (clip.error or "")


def test_a_machine_with_another_key_is_told_of(machines: Machines, tmp_path: Path) -> None:
    machines.environ |= {"CAMREC_SECRET_KEY": "", "CAMREC_DATA": str(tmp_path / "c")}
    machines.serve()
    refused = machines.api().get(f"/events/{machines.event.id}/snapshot")
    assert code_of(refused) == (503, "unavailable")
    assert "the same secret.key" in refused.get_json()["message"]


def test_each_machine_deletes_its_own_files(machines: Machines) -> None:
    here, there = (
        RetentionPass(s, machines.database, Media(s.media_dir, s.node), s.node) for s in (machines.here, machines.there)
    )
    paths = [SNAPSHOT, FRAME, clip_path(machines.clip, machines.start), *(s.path for s in machines.segments)]

    def left() -> list[str]:
        return [path for path in paths if (machines.there.media_dir / path).is_file()]

    assert not any(here.run(machines.start + 1e8).values()), "rows of another machine's files stay"
    assert here.expire_events(machines.start + 1e8) == 1
    assert left() == paths, "its pictures are for b to delete"
    ClipStore(machines.database).remove(machines.clip)
    there.run(machines.start + 60)
    assert left() == [FRAME, *(s.path for s in machines.segments)]
    machines.cameras.remove(machines.camera.id, purge=True)
    there.run(machines.start + 60)
    assert left() == []


def test_media_of_a_machine_that_got_another_name_are_found(machines: Machines) -> None:
    machines.environ["CAMREC_NODE"] = "b-2"
    machines.serve()
    media = open_media(machines.here, Secrets.of(machines.here), SystemClock())
    assert media.read(SNAPSHOT, "b") == JPEG
    assert media.read(FRAME) == JPEG, "a row that does not say where"


def test_each_machine_copies_its_own_files_into_the_bucket(machines: Machines) -> None:
    bucket = ObjectStore(cast(Any, MemoryStore()), "memory")
    away = {"s3_segments_days": 0.0, "s3_local_days": 0.0}
    here, there = (
        ObjectArchive(s.model_copy(update=away), machines.database, Media(s.media_dir, s.node), bucket)
        for s in (machines.here, machines.there)
    )
    now = time.time()
    assert (here.backlog(now), here.upload(now, 100), here.evict(now + 1, 100)) == (0, 0, 0), "none of it is a's"
    assert there.backlog(now) == SEGMENTS + 2
    assert there.upload(now, 100) == SEGMENTS + 4
    assert here.evict(now + 1, 100) == 0
    assert there.evict(now + 1, 100) == SEGMENTS + 4
    assert not [f for f in (machines.there.media_dir / "recordings").rglob("*") if f.is_file()]
    media = Media(machines.here.media_dir, "a", bucket=bucket)
    assert media.read(SNAPSHOT, "b") == JPEG


def test_what_a_machine_alone_had_is_forgotten_with_it_and_what_the_bucket_has_stays(machines: Machines) -> None:
    bucket = ObjectStore(cast(Any, MemoryStore()), "memory")
    ObjectArchive(machines.there, machines.database, machines.media, bucket).upload(time.time(), 100)
    lost = forget_node(machines.database, "b", "a")
    assert lost == {"recordings": SEGMENTS, "kept frames": 1, "clips": 0, "events' pictures": 0}
    assert forget_node(machines.database, "b", "a") == dict.fromkeys(lost, 0)
    clip = ClipStore(machines.database).get(machines.clip)
    event = EventStore(machines.database).get(machines.event.id)
    assert clip is not None
    assert event is not None
    assert (clip.node, event.node, event.snapshot) == ("a", "a", SNAPSHOT)
    media = Media(machines.here.media_dir, "a", bucket=bucket)
    assert media.read(SNAPSHOT, "a") == JPEG
    archive = ObjectArchive(machines.here, machines.database, media, bucket)
    assert (archive.backlog(time.time()), archive.evict(time.time() + 1e8, 100)) == (0, 0)
    other = an_event(machines.camera.id, machines.start + 20)
    EventStore(machines.database).put([(other, "events/other.jpg")], 1, "b")
    assert forget_node(machines.database, "b", "a")["events' pictures"] == 1
    bare = EventStore(machines.database).get(other.id)
    assert bare is not None
    assert (bare.node, bare.snapshot) == (None, None)


def test_a_machine_adopts_what_lies_on_its_disk_under_another_name(machines: Machines) -> None:
    ClipStore(machines.database).remove(machines.clip)
    told: list[tuple[str, int, int, Unit]] = []

    def tell(step: str, done: int, total: int, unit: Unit = "bytes") -> None:
        told.append((step, done, total, unit))

    assert adopt_node(machines.database, "b", "b-2", tell) == SEGMENTS + 2
    assert ("recordings to b-2", SEGMENTS, SEGMENTS, "rows") in told
    assert adopt_node(machines.database, "b", "b-2") == 0
    media = Media(machines.there.media_dir, "b-2")
    removed = RetentionPass(machines.there, machines.database, media, "b-2").run(machines.start + 1e8)
    assert (removed["continuous"], removed["frame"]) == (SEGMENTS, 1)
    assert [f for f in machines.there.media_dir.rglob("*.mp4") if f.is_file()] == [], "noted removals, too"


def test_nodes_are_listed_and_only_those_that_are_gone_can_be_forgotten(machines: Machines) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run([*CAMREC, "nodes", *arguments], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    machines.serve()
    listed = {node["name"]: node for node in json.loads(run("list", "--json")[1])}
    assert {name: node["state"] for name, node in listed.items()} == {"a": "this machine", "b": "alive"}
    assert listed["b"]["held_bytes"] > sum(s.size_bytes for s in machines.segments)
    assert listed["b"]["url"] == machines.environ["CAMREC_NODE_URL"]
    assert run("forget", "b", "--yes") == (
        1,
        "Error: Machine b is alive: stop its `camrec media` first, or leave it.\n",
    )
    assert machines.api().get("/health").get_json()["parts"]["media"] == {
        "status": "ok",
        "nodes": 1,
        "silent": [],
        "unknown": [],
    }
    machines.fall_silent()
    assert "silent for 6" in run("list")[1]
    part = machines.api().get("/health").get_json()["parts"]["media"]
    assert (part["status"], part["silent"]) == ("degraded", ["b"])
    status, said = run("forget", "b", "--yes")
    assert (status, f"{SEGMENTS} recordings" in said) == (0, True), said
    assert [node["name"] for node in json.loads(run("list", "--json")[1])] == ["a"]
