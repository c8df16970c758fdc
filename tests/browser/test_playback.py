"""A recording in a real browser."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, TimeoutError

from app.demo.footage import write_video
from app.ports import free_port
from core.settings import get_settings
from storage.database import Database
from storage.segments import SegmentStore
from tests.support.numbered import numbered_frames, read_counter
from tests.support.processes import children
from tests.support.recorded_day import DAY_S, SEGMENT_S, write_day
from tests.support.recordings import write_segments
from tests.support.running_system import running_system
from tests.support.served_api import ServedApi
from tests.support.waiting import wait_until

pytestmark = pytest.mark.browser

HLS_PAGE = """<video muted width=320 height=240></video><script src="/hls.js"></script><script>
const hls = new Hls({liveSyncDurationCount: 2});
window.failures = [];
hls.on(Hls.Events.ERROR, (_, data) => { if (data.fatal) window.failures.push(data.type + " " + data.details); });
hls.loadSource(new URLSearchParams(location.search).get("source"));
hls.attachMedia(document.querySelector("video"));
document.querySelector("video").play();
</script>"""

V = "const v = document.querySelector('video');"


@dataclass
class HlsPage:
    """A page of the site with hls.js and a video on it, and nothing else."""

    page: Page

    @classmethod
    def open(cls, browser: Browser, site: str, source: str, hls_js: str) -> HlsPage:
        """Open it; it plays at once."""
        page = browser.new_page()
        page.route("**/player?*", lambda route: route.fulfill(content_type="text/html", body=HLS_PAGE))
        page.route("**/hls.js", lambda route: route.fulfill(content_type="text/javascript", body=hls_js))
        page.goto(f"{site}/player?{urlencode({'source': source})}")
        return cls(page)

    def wait_until(self, condition: str) -> None:
        """Until a condition on the video ``v`` holds."""
        try:
            self.page.wait_for_function(f"() => {{ {V} return {condition}; }}", timeout=30_000)
        except TimeoutError as error:
            raise AssertionError(f"not yet: {condition}; {self.say('v.currentTime')} s; {self.failures()}") from error

    def say(self, expression: str) -> float:
        """What an expression on the video ``v`` says now."""
        found: float = self.page.evaluate(f"() => {{ {V} return {expression}; }}")
        return found

    def failures(self) -> list[str]:
        """Of hls.js, that it did not get over."""
        found: list[str] = self.page.evaluate("window.failures")
        return found

    def shows_number(self, number: int) -> bool:
        """Whether that picture of `numbered_frames` is on the screen."""
        screenshot = np.frombuffer(self.page.locator("video").screenshot(), np.uint8)
        picture = cv2.imdecode(screenshot, cv2.IMREAD_COLOR)
        assert picture is not None
        return read_counter(picture) == number

    def shows_a_moving_picture(self) -> bool:
        """Whether the video looks different two seconds of it later."""
        self.wait_until("v.readyState >= 2 && v.currentTime > 0")
        before, at_s = self.page.locator("video").screenshot(), self.say("v.currentTime")
        self.wait_until(f"v.currentTime > {at_s + 2}")
        return self.page.locator("video").screenshot() != before and self.failures() == []


def test_hls_js_plays_cameras_live_and_what_they_recorded(
    browser: Browser, hls_js: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole system, with a camera that moves, recorded all the time, and one that waits for events."""
    write_video(tmp_path / "gate.mp4", numbered_frames(600), fps=15, gop_s=1)
    port = free_port()
    (tmp_path / "cameras").mkdir()
    with (
        children(tmp_path / "cameras") as started,
        running_system(tmp_path, monkeypatch, frame_dir=str(tmp_path)) as system,
    ):
        started.start("serve-rtsp", str(tmp_path / "gate.mp4"), "--port", str(port))
        url = f"rtsp://127.0.0.1:{port}/gate"

        def add(name: str, mode: str) -> int:
            camera = {"name": name, "url": url, "recording": {"mode": mode}}
            return int(system.api.call("POST", "/cameras", camera)["id"])

        def open_page(path: str) -> HlsPage:
            access = system.api.call("POST", "/auth/stream-token")["access"]
            return HlsPage.open(
                browser, system.site, f"/api/v1{path}{'&' if '?' in path else '?'}access={access}", hls_js
            )

        recorded, armed = add("recorded", "continuous"), add("armed", "events")
        started_s = time.time()
        for camera_id in (recorded, armed):
            live = open_page(f"/cameras/{camera_id}/live.m3u8")
            assert live.shows_a_moving_picture()
            live.page.close()

        def spans() -> list[Any] | None:
            timeline = f"/cameras/{recorded}/timeline?from={started_s - 60}&to={time.time() + 60}"
            found: list[Any] = system.api.call("GET", timeline)["recorded"]
            return found

        wait_until(spans, "something is indexed", 30)
        past = open_page(f"/cameras/{recorded}/playback.m3u8?from={started_s - 60}&to={time.time() + 60}")
        assert past.shows_a_moving_picture()
        past.page.close()


def test_hls_js_seeks_in_a_day(browser: Browser, hls_js: str, api: ServedApi) -> None:
    """17 h 23 min into a playlist of 10 800 segments; the picture says by its number that it is the right one."""
    status, camera = api.call("POST", "/cameras", {"name": "gate", "url": "rtsp://192.0.2.1/"})
    assert status == 201, camera
    get_settings.cache_clear()
    settings, start = get_settings(), time.time() - 2 * DAY_S
    database = Database(settings)
    SegmentStore(database).add(write_day(settings.media_dir, camera["id"], start))
    database.close()
    get_settings.cache_clear()
    _, token = api.call("POST", "/auth/stream-token")
    source = f"/api/v1/cameras/{camera['id']}/playback.m3u8?from={start}&to={start + DAY_S}&access={token['access']}"
    player = HlsPage.open(browser, f"http://127.0.0.1:{api.port}", source, hls_js)
    player.wait_until("v.readyState >= 2")
    assert player.say("v.duration") == pytest.approx(DAY_S, abs=1)
    assert player.shows_number(0)
    player.say("v.pause()")
    for at_s in (17 * 3600 + 23 * 60, 60, DAY_S - 60):
        player.say(f"v.currentTime = {at_s}")
        wait_until(partial(player.shows_number, at_s // SEGMENT_S), f"the picture of {at_s} s", 10)
    assert player.failures() == []
    player.page.close()


@pytest.mark.parametrize("gap_s", [0, 30], ids=["one run", "two runs with a gap"])
def test_chromium_plays_a_recording(browser: Browser, api: ServedApi, gap_s: int) -> None:
    """Without any script: Chromium knows HLS by itself."""
    status, camera = api.call("POST", "/cameras", {"name": "gate", "url": "rtsp://192.0.2.1/"})
    assert status == 201, camera
    get_settings.cache_clear()
    settings, start = get_settings(), time.time() - 120
    assert settings.data == Path(os.environ["CAMREC_DATA"])
    segments = write_segments(settings.media_dir, camera["id"], start, 2, run="one")
    segments += write_segments(settings.media_dir, camera["id"], start + 4 + gap_s, 2, run="two")
    database = Database(settings)
    SegmentStore(database).add(segments)
    database.close()
    get_settings.cache_clear()
    _, token = api.call("POST", "/auth/stream-token")
    url = f"/api/v1/cameras/{camera['id']}/playback.m3u8?from={start}&to={start + 60}&access={token['access']}"
    page = browser.new_page()
    # A page of the same site, with nothing but a player on it.
    page.route(
        "**/player", lambda route: route.fulfill(content_type="text/html", body=f'<video muted src="{url}"></video>')
    )
    page.goto(f"http://127.0.0.1:{api.port}/player")
    page.wait_for_function("document.querySelector('video').readyState >= 2", timeout=20_000)
    video = page.locator("video")
    duration_s = page.evaluate("document.querySelector('video').duration")
    assert duration_s == pytest.approx(8, abs=0.3)
    before = video.screenshot()
    page.evaluate("document.querySelector('video').play()")
    page.wait_for_function("document.querySelector('video').currentTime > 0.8", timeout=20_000)
    page.evaluate("document.querySelector('video').pause()")
    after = video.screenshot()
    assert before != after
    page.evaluate("document.querySelector('video').currentTime = 6.5")  # behind the gap
    page.wait_for_function(
        "!document.querySelector('video').seeking && document.querySelector('video').readyState >= 2"
    )
    assert video.screenshot() not in {before, after}
    assert page.evaluate("document.querySelector('video').error") is None
    page.close()
