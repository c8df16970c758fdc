from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.database import Database
from storage.kept_frames import KeptFrame, KeptFrameStore


@pytest.fixture
def frames(database: Database) -> KeptFrameStore:
    store = KeptFrameStore(database)
    store.add([KeptFrame(1, 100.0 + n // 3, f"frames/1/{n}.jpg", 1920, 1080, 1000 + n) for n in range(30)])
    store.add([KeptFrame(2, 100.0, "frames/2/0.jpg", 640, 360, 500)])
    return store


def paths(found: list[KeptFrame]) -> list[str]:
    return [f.path for f in found]


def test_comes_back_as_it_was_stored(frames: KeptFrameStore) -> None:
    (found,) = frames.between(2, 0.0, 1000.0, 10)
    assert found == KeptFrame(2, 100.0, "frames/2/0.jpg", 640, 360, 500, found.id)
    assert frames.get(found.id) == found
    assert frames.get(10_000) is None


def test_from_is_in_and_to_is_out(frames: KeptFrameStore) -> None:
    assert paths(frames.between(1, 101.0, 102.0, 10)) == [f"frames/1/{n}.jpg" for n in (3, 4, 5)]


def test_pages_hold_every_frame_once(frames: KeptFrameStore) -> None:
    whole = frames.between(1, 0.0, 1000.0, 100)
    assert len(whole) == 30

    @settings(max_examples=15, deadline=None)
    @given(limit=st.integers(1, 35))
    def for_any_page_size(limit: int) -> None:
        found: list[KeptFrame] = []
        after = (0.0, 0)
        while page := frames.between(1, 0.0, 1000.0, limit, after):
            found += page
            after = (page[-1].captured_at, page[-1].id)
        assert found == whole

    for_any_page_size()


@pytest.mark.parametrize(
    ("at_s", "within_s", "captured_at"),
    [
        pytest.param(104.4, 1.0, 104.0, id="before"),
        pytest.param(104.6, 1.0, 105.0, id="after"),
        pytest.param(104.5, 0.4, None, id="too far"),
        pytest.param(300.0, 5.0, None, id="none"),
    ],
)
def test_nearest(frames: KeptFrameStore, at_s: float, within_s: float, captured_at: float | None) -> None:
    found = frames.nearest(1, at_s, within_s)
    assert (found and found.captured_at) == captured_at


def test_nothing_kept(database: Database) -> None:
    store = KeptFrameStore(database)
    store.add([])
    assert store.nearest(1, 100.0, 1e9) is None
