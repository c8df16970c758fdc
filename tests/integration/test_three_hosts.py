"""Three hosts, each in a network namespace of its own: one is cut off and comes back, and another one dies.

Every camera is covered within 15 seconds, none is captured twice once all hosts are connected, no event is lost or
doubled, and what either host recorded is read through the API on the third; while a host is dead, it is named.
"""

from __future__ import annotations

import math
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.demo.footage import write_video
from app.demo.rtsp import RtspServer
from core.types import Picture
from storage.kept_frames import KeptFrameStore
from storage.segments import SegmentFile, SegmentStore
from tests.support.capture_nodes import StreamWatch
from tests.support.three_hosts import CAMERAS_ADDRESS, ThreeHosts, three_hosts
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

FPS = 6
PLATES = ("KL428MN", "RT907XB")
SHOWN_S, HIDDEN_S = 2.5, 2.0
ROUND_S = len(PLATES) * (SHOWN_S + HIDDEN_S)
NAMES = ("gate 1", "gate 2", "yard 1", "yard 2")
ANALYSED = NAMES[:2]
MOVE_S = 15.0
LATE_S = 1.5
"""By which a plate may be read after it came into view, on a machine with a lot to do."""


def show(plate: str | None) -> Picture:
    """(240, 416, 3): a wall, with a plate before it."""
    picture = np.full((240, 416, 3), 90, np.uint8)
    if plate is not None:
        cv2.rectangle(picture, (100, 120), (320, 180), (250, 250, 250), -1)
        cv2.rectangle(picture, (100, 120), (320, 180), (20, 20, 20), 2)
        cv2.putText(picture, plate, (112, 163), cv2.FONT_HERSHEY_DUPLEX, 1.35, (10, 10, 10), 2, cv2.LINE_AA)
    return picture


@contextmanager
def cameras(folder: Path) -> Iterator[RtspServer]:
    """Before each of which every plate stands for a moment, again and again."""
    shown = [(plate, SHOWN_S) if is_shown else (None, HIDDEN_S) for plate in PLATES for is_shown in (True, False)]
    pictures = (show(plate) for plate, duration_s in shown for _ in range(round(duration_s * FPS)))
    write_video(folder / "clip.mp4", pictures, FPS, gop_s=1)
    with RtspServer(dict.fromkeys(NAMES, folder / "clip.mp4"), host=CAMERAS_ADDRESS) as server:
        yield server


class Events:
    """What was read before the analysed cameras, and when it may have been missed."""

    def __init__(self, found: ThreeHosts) -> None:
        self._found = found
        self._faults: list[tuple[float, float]] = []
        self._since = math.inf

    def expect(self) -> None:
        """From now on."""
        self._since = time.time()

    @contextmanager
    def fault(self) -> Iterator[None]:
        """While this lasts, cameras may go unwatched."""
        began_at = time.time()
        yield
        self._faults.append((began_at - SHOWN_S, time.time() + LATE_S))

    def times(self) -> dict[tuple[int, str], list[float]]:
        """Camera and plate → when it came into view."""
        times: dict[tuple[int, str], list[float]] = {}
        for event in self._found.api.call("GET", "/events?limit=500")["items"]:
            at = datetime.fromisoformat(event["started_at"]).timestamp()
            times.setdefault((event["camera_id"], event["text"]), []).append(at)
        return times

    def missing(self, until: float) -> list[tuple[int, str, float]]:
        """Appearances since then that have no event, though no fault excuses it."""
        missing = []
        for (camera, text), seen in self.times().items():
            # The last one tells when the others were: the first may have been in view before the stream was open.
            last = max(seen)
            rounds = {round((at - last) / ROUND_S) for at in seen}
            for number in range(math.ceil((self._since - last) / ROUND_S), int((until - last) / ROUND_S) + 1):
                at = last + number * ROUND_S
                if number not in rounds and not any(began <= at <= ended for began, ended in self._faults):
                    missing.append((camera, text, at))
        return missing

    def doubled(self) -> list[tuple[int, str, float]]:
        """Events that tell of one appearance again."""
        pairs = [(key, pair) for key, seen in self.times().items() for pair in pairwise(sorted(seen))]
        return [(*key, later) for key, (earlier, later) in pairs if later - earlier < ROUND_S / 2]


def test_no_camera_and_no_event_is_lost_or_doubled(tmp_path: Path) -> None:
    with three_hosts(tmp_path) as found, cameras(tmp_path) as rtsp, StreamWatch(rtsp) as watch:
        found.start()
        ids = [_add(found, rtsp, name) for name in NAMES]
        wait_until(lambda: found.counts() == {"b": 2, "c": 2}, "each node has its share", MOVE_S)
        wait_until(lambda: watch.now() == {1}, "every camera is captured", MOVE_S)
        events = Events(found)
        every_one = {(camera, plate) for camera in ids[:2] for plate in PLATES}
        wait_until(lambda: events.times().keys() == every_one, "both plates are read before both cameras", 40.0)
        events.expect()
        watch.restart()

        with events.fault():
            cut_off_at = time.time()
            found.b.set_lan(up=False)
            wait_until(lambda: found.counts() == {"c": 4}, "c takes the cameras of b", MOVE_S)
            wait_until(lambda: sorted(watch.now()) == [1, 2], "c captures all, and b still what it had", 5.0)
        wait_for_events(events, time.time() + ROUND_S)
        with events.fault():
            back_at = time.time()
            found.b.set_lan(up=True)
            wait_until(lambda: found.counts() == {"b": 2, "c": 2}, "each node has its share again", MOVE_S)
            wait_until(lambda: watch.now() == {1}, "no camera is captured twice", 5.0)
        watch.restart()
        wait_for_events(events, time.time() + ROUND_S)
        with events.fault():
            found.kill(found.c)
            wait_until(lambda: found.counts() == {"b": 4}, "b takes the cameras of c", MOVE_S)
            wait_until(lambda: watch.now() == {1}, "b captures all", 5.0)
        assert watch.longest_gap_s() < MOVE_S
        assert watch.most() == 1
        wait_for_events(events, time.time() + ROUND_S)

        assert events.doubled() == []
        assert events.times().keys() == every_one, "and nothing else was read"
        recorded = [segment for camera in ids for segment in _segments(found, camera)]
        assert {segment.node for segment in recorded} == {"b", "c"}
        assert any(s.node == "b" and cut_off_at + 5 < s.started_at < back_at for s in recorded), (
            "recorded while cut off"
        )
        media = _media_of_nodes(found, ids, recorded)
        for path, size_bytes in media["b"].items():
            assert len(found.read(path)) == size_bytes
        for path in media["c"]:
            assert _refusal(found, path) == (503, True), "c is named"
        found.start_media(found.c)
        wait_until(lambda: not any(_refusal(found, path) for path in media["c"]), "c serves its media again", 15.0)
        for path, size_bytes in media["c"].items():
            assert len(found.read(path)) == size_bytes
        event = found.api.call("GET", "/events?limit=1")["items"][0]
        assert found.read(f"/events/{event['id']}/snapshot").startswith(b"\xff\xd8")


def wait_for_events(events: Events, until: float) -> None:
    """Until everything that was shown up to then has its event."""
    wait_until(lambda: time.time() > until + SHOWN_S and not events.missing(until), "all events", 2 * ROUND_S)


def _add(found: ThreeHosts, rtsp: RtspServer, name: str) -> int:
    plates = {"kind": "plates", "fps": 3, "settings": {"gone_s": 1.0, "again_s": 3.0}}
    body = {
        "name": name,
        "url": rtsp.url(name),
        "motion_gate": False,
        "recording": {"mode": "continuous"},
        "recognitions": [plates] if name in ANALYSED else [],
    }
    return int(found.api.call("POST", "/cameras", body)["id"])


def _segments(found: ThreeHosts, camera_id: int) -> list[SegmentFile]:
    return SegmentStore(found.database).files(camera_id, 0.0, time.time())


def _media_of_nodes(found: ThreeHosts, camera_ids: list[int], recorded: list[SegmentFile]) -> dict[str, dict[str, int]]:
    """Node → path in the API of a segment and of a kept frame that lie there, and their bytes."""
    kept = [frame for camera in camera_ids for frame in KeptFrameStore(found.database).between(camera, 0, 1e12, 1000)]
    media = {}
    for node in ("b", "c"):
        segment = next(s for s in recorded if s.node == node)
        frame = next(f for f in kept if f.node == node)
        media[node] = {
            f"/segments/{segment.id}.mp4": segment.size_bytes,
            f"/frames/{frame.id}": frame.size_bytes,
        }
    return media


def _refusal(found: ThreeHosts, path: str) -> tuple[int, bool] | None:
    """The status with which it is refused, and whether host c is named; None: it is not refused."""
    try:
        found.read(path)
    except urllib.error.HTTPError as error:
        return error.code, "machine c" in error.read().decode()
    return None
