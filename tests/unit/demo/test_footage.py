"""The encoder helper and the numbers in its pictures."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import pytest

from app.demo.footage import write_video
from core.errors import CamrecError
from tests.support.numbered import numbered_frames, read_counter


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_every_number_survives_encoding(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, numbered_frames(40), fps=20, codec=codec, gop_s=0.5)
    with av.open(path) as container:
        stream = container.streams.video[0]
        keys = [i for i, packet in enumerate(p for p in container.demux(stream) if p.size) if packet.is_keyframe]
        assert stream.average_rate == 20
    with av.open(path) as container:
        numbers = [read_counter(frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]
    assert keys == [0, 10, 20, 30]
    assert numbers == list(range(40))


@pytest.mark.parametrize("size", [(320, 240), (160, 120), (640, 360), (1920, 1080)])
def test_numbers_are_read_at_any_size(size: tuple[int, int]) -> None:
    for number, picture in enumerate(numbered_frames(300)):
        if number % 37 == 0:
            assert read_counter(cv2.resize(picture, size)) == number


def test_no_frames_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CamrecError, match="no frames"):
        write_video(tmp_path / "clip.mp4", [], fps=10)
    assert list(tmp_path.iterdir()) == []
