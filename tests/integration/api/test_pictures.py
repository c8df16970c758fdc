"""What cameras show: now, and what was kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from core.clock import iso_utc
from core.settings import Settings, get_settings
from storage.database import Database
from storage.frames.store import FrameStore, open_frame_store
from storage.kept_frames import KeptFrame, KeptFrameStore
from storage.media import Media, decode_jpeg, encode_jpeg, kept_frame_path
from tests.support.api_client import ApiClient, code_of

NOON = 1_795_521_600.0
ZONE = {"name": "yard", "kind": "include", "points": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]}


@pytest.fixture(params=["shm", "redis"])
def settings(request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """However frames reach the API."""
    monkeypatch.setenv("CAMREC_FRAME_TRANSPORT", request.param)
    get_settings.cache_clear()
    return get_settings()


@pytest.fixture
def frames(settings: Settings) -> Iterator[FrameStore]:
    store = open_frame_store(settings)
    yield store
    store.close()


def noise(width: int = 320, height: int = 240) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def size_of(data: bytes) -> tuple[int, int]:
    picture = decode_jpeg(data)
    assert picture is not None
    return picture.shape[1], picture.shape[0]


def test_a_snapshot_is_the_newest_frame(viewer: ApiClient, frames: FrameStore, camera_id: int) -> None:
    url = f"/cameras/{camera_id}/snapshot"
    assert code_of(viewer.get(url)) == (404, "no_frame")
    at = time.time()
    for value, captured_at in ((10, at - 1), (200, at)):
        frames.write(camera_id, np.full((240, 320, 3), value, np.uint8), captured_at)
    answer = viewer.get(url)
    assert (answer.status_code, answer.mimetype) == (200, "image/jpeg")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Captured-At"] == iso_utc(at)
    picture = decode_jpeg(answer.data)
    assert picture is not None
    assert picture.mean() == pytest.approx(200, abs=2)
    assert [size_of(viewer.get(f"{url}?width={w}").data) for w in (160, 320, 5000)] == [
        (160, 120),
        (320, 240),
        (320, 240),
    ]


def test_zones_are_drawn_on_request(viewer: ApiClient, operator: ApiClient, frames: FrameStore, camera_id: int) -> None:
    frames.write(camera_id, np.full((240, 320, 3), 100, np.uint8), time.time())
    operator.put(f"/cameras/{camera_id}/zones", [ZONE])
    without, drawn = (
        decode_jpeg(viewer.get(f"/cameras/{camera_id}/snapshot{query}").data) for query in ("", "?zones=true")
    )
    assert without is not None
    assert drawn is not None
    assert without.std() < 1
    assert drawn.std() > 5


def test_a_disabled_camera_shows_nothing(
    viewer: ApiClient, operator: ApiClient, frames: FrameStore, camera_id: int
) -> None:
    frames.write(camera_id, noise(), time.time())
    operator.patch(f"/cameras/{camera_id}", {"enabled": False})
    for what in ("snapshot", "stream"):
        answer = viewer.get(f"/cameras/{camera_id}/{what}")
        assert code_of(answer) == (404, "no_frame")
        assert "disabled" in answer.get_json()["message"]
        assert code_of(viewer.get(f"/cameras/999/{what}")) == (404, "camera_not_found")


def test_a_live_stream_begins_with_the_newest_frame(viewer: ApiClient, frames: FrameStore, camera_id: int) -> None:
    frames.write(camera_id, noise(), time.time())
    answer = viewer.get(f"/cameras/{camera_id}/stream?width=160&fps=30", buffered=False)
    assert answer.mimetype == "multipart/x-mixed-replace"
    chunks = iter(answer.response)
    assert next(chunks) == b"--frame\r\n"
    head, _, rest = bytes(next(chunks)).partition(b"\r\n\r\n")  # type: ignore[arg-type]
    assert b"Content-Type: image/jpeg" in head
    assert size_of(rest.removesuffix(b"\r\n--frame\r\n")) == (160, 120)
    frames.write(camera_id, noise(), time.time())
    assert b"image/jpeg" in bytes(next(chunks))  # type: ignore[arg-type]
    answer.close()


@pytest.fixture
def kept(database: Database, settings: Settings, camera_id: int) -> list[KeptFrame]:
    media, store = Media(settings.media_dir), KeptFrameStore(database)
    frames = [
        KeptFrame(camera_id, NOON + n, kept_frame_path(camera_id, NOON + n), 320, 240, 100, id=n + 1) for n in range(5)
    ]
    for frame in frames:
        media.write(frame.path, encode_jpeg(noise()))
    store.add(frames)
    return frames


def test_kept_frames_are_listed_in_pages(viewer: ApiClient, kept: list[KeptFrame], camera_id: int) -> None:
    seen: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 2, "from": iso_utc(NOON), "to": NOON + 4}
    while True:
        page = viewer.get(f"/cameras/{camera_id}/frames", query_string=query).get_json()
        seen += page["items"]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert [item["captured_at"] for item in seen] == [iso_utc(frame.captured_at) for frame in kept[:4]]
    picture = viewer.get(seen[0]["picture"].removeprefix("/api/v1"))
    assert (picture.status_code, picture.mimetype) == (200, "image/jpeg")
    assert size_of(viewer.get(f"/frames/{seen[0]['id']}?width=160").data) == (160, 120)
    assert code_of(viewer.get("/cameras/999/frames")) == (404, "camera_not_found")


def test_a_kept_frame_whose_file_is_gone(viewer: ApiClient, kept: list[KeptFrame], settings: Settings) -> None:
    Media(settings.media_dir).remove([kept[0].path])
    assert code_of(viewer.get(f"/frames/{kept[0].id}")) == (404, "frame_not_found")


def test_a_slide_show_is_paced_and_ends(viewer: ApiClient, kept: list[KeptFrame], camera_id: int) -> None:
    # Frames 1, 2 and 3 s after noon, 20 times as fast: 0.1 s of pauses in all.
    query = {"at": NOON + 2, "seconds": 3, "speed": 20, "width": 64}
    started_at = time.monotonic()
    shown = viewer.get(f"/cameras/{camera_id}/slideshow", query_string=query).data
    took_s = time.monotonic() - started_at
    assert shown.count(b"X-Captured-At") == 3
    assert iso_utc(NOON + 1).encode() in shown
    assert 0.1 <= took_s < 2
    assert len(kept) == 5


def test_a_slide_show_of_nothing(viewer: ApiClient, camera_id: int) -> None:
    assert code_of(viewer.get(f"/cameras/{camera_id}/slideshow?at=2026-11-24T12:00:00Z")) == (404, "no_frame")
    assert code_of(viewer.get("/cameras/999/slideshow?at=0")) == (404, "camera_not_found")
