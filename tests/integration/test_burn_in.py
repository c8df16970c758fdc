"""What is drawn on the pictures of a clip, and when it is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from app.demo.footage import write_video
from core.errors import CamrecError
from core.types import Picture
from storage.clips.burn_in import burn_in
from storage.clips.cut import Cut, Source, cut
from tests.support.numbered import numbered_frames
from tests.support.recordings import write_segments

pytestmark = pytest.mark.integration

AT = 1_795_435_200.0


def sources(media: Path, started_at: float, run: str) -> list[Source]:
    found = write_segments(media, 1, started_at, 3, run=run)
    return [Source(media / s.path, s.started_at, s.ended_at, s.run) for s in found]


@pytest.fixture
def with_gap(tmp_path: Path) -> tuple[Path, Cut]:
    """Six seconds, a gap of four, six seconds; asked for from the middle of the first group of pictures on."""
    plain = tmp_path / "plain.mp4"
    found = sources(tmp_path, AT, "one") + sources(tmp_path, AT + 10, "two")
    return plain, cut(found, AT + 1, AT + 16, plain)


def seconds_as_grey(picture: Picture, at_s: float) -> Picture:
    return np.full_like(picture, 40 + round((at_s - AT) * 10))


def decoded(path: Path, value: Callable[[Picture], float]) -> list[tuple[float, float]]:
    with av.open(str(path)) as container:
        return [(f.time or 0.0, value(f.to_ndarray(format="bgr24"))) for f in container.decode(video=0)]


def test_each_picture_knows_when_it_was_taken(with_gap: tuple[Path, Cut], tmp_path: Path) -> None:
    plain, result = with_gap
    shares: list[float] = []
    burn_in(plain, tmp_path / "drawn.mp4", result.parts, seconds_as_grey, shares.append)
    found = decoded(tmp_path / "drawn.mp4", lambda picture: float(picture.mean() - 40) / 10)
    assert len(found) == 275
    for at_s, taken_s in found:
        assert taken_s == pytest.approx(at_s + 1 if at_s < 5 - 0.02 else at_s + 5, abs=0.6)
    assert shares == sorted(shares)
    assert shares[-1] > 0.9
    times = [at for at, _ in found]
    assert times == pytest.approx([n / 25 for n in range(275)], abs=0.01)


def test_who_stops_it_leaves_nothing(with_gap: tuple[Path, Cut], tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(_: float) -> None:
        raise StoppedError

    plain, result = with_gap
    before = set(tmp_path.rglob("*"))
    with pytest.raises(StoppedError):
        burn_in(plain, tmp_path / "drawn.mp4", result.parts, seconds_as_grey, stop)
    assert set(tmp_path.rglob("*")) == before


def test_what_cannot_be_decoded_is_said(tmp_path: Path, with_gap: tuple[Path, Cut]) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video at all")
    with pytest.raises(CamrecError, match="cannot be"):
        burn_in(broken, tmp_path / "drawn.mp4", with_gap[1].parts, seconds_as_grey, lambda _: None)
    assert not (tmp_path / "drawn.mp4").exists()


def test_odd_sides_are_cut(tmp_path: Path) -> None:
    odd = tmp_path / "odd.mp4"
    write_video(odd, numbered_frames(10), 25)
    parts = cut([Source(odd, AT, AT + 0.4, "r")], AT, AT + 1, tmp_path / "plain.mp4").parts
    burn_in(tmp_path / "plain.mp4", tmp_path / "drawn.mp4", parts, lambda p, _: p[:239, :319], lambda _: None)
    assert len(decoded(tmp_path / "drawn.mp4", lambda _: 0.0)) == 10
