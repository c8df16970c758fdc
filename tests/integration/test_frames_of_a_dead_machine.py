"""Kept frames of two machines, one of which is off: the others are shown."""

from __future__ import annotations

import pytest

from storage.kept_frames import KeptFrame, KeptFrameStore
from storage.media import Media, decode_jpeg
from tests.support.api_client import code_of
from tests.support.machines import JPEG, Machines

pytestmark = pytest.mark.integration


def test_what_the_living_have_is_shown(machines: Machines) -> None:
    camera, start = machines.camera.id, machines.start
    machines.fall_silent()
    api = machines.api()
    sheet = f"/cameras/{camera}/contact-sheet?from={start - 1}&to={start + 20}"
    assert code_of(api.get(sheet)) == (503, "unavailable"), "none can be shown"
    here = [KeptFrame(camera, start + at, f"frames/1/{at}.jpg", 32, 24, len(JPEG), node="a") for at in (-0.5, 5, 10)]
    for frame in here:
        Media(machines.here.media_dir, "a").write(frame.path, JPEG)
    KeptFrameStore(machines.database).add(here)
    answer = api.get(f"{sheet}&count=21")
    assert answer.status_code == 200
    assert decode_jpeg(answer.data) is not None
    shown = api.get(f"/cameras/{camera}/slideshow?at={start}&seconds=30&speed=64")
    assert shown.data.count(JPEG) == len(here), "the one that is away, at 0 s, is left out"
