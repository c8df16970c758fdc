"""A recording in a real browser."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from core.settings import get_settings
from storage.database import Database
from storage.segments import SegmentStore
from tests.support.recordings import write_segments
from tests.support.served_api import ServedApi

pytestmark = pytest.mark.browser


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
