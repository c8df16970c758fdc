"""A decoder that rests before key frames, on real streams: what it shows is what one shows that decodes all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app.demo.footage import write_video
from capture.decoder import Decoder
from capture.sampler import Sampler
from core.types import Picture

FPS, SECONDS, GOP = 15, 30, 30
ALWAYS, ONCE = range(10 * (SECONDS * FPS // GOP - 6), SECONDS * FPS), range(1, GOP)
"""Packets left out: ten at least of each group, once a stream counts as regular; or those of one group."""


def pictures() -> Iterator[Picture]:
    base = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (96, 160, 3), dtype=np.uint8), (0, 0), 3)
    for number in range(SECONDS * FPS):
        yield np.roll(base, 2 * number, axis=1)


def played(path: Path, *, rests: bool) -> tuple[dict[float, Picture], int]:
    """Time → picture taken, or every picture where the decoder never rests; and how many were decoded."""
    sampler, taken, decoded = Sampler({"reid": 1.0}), {}, 0
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        decoder = Decoder(video)
        for packet in container.demux(video):
            at_s = float((packet.pts if packet.dts is None else packet.dts) * packet.time_base) if packet.size else 0.0
            # Who looks at every picture keeps the decoder from resting.
            if not packet.size or not sampler.wants(packet.is_keyframe, at_s, at_s + (1e9 if rests else 0.0)):
                continue
            if sampler.has_rested:
                decoder.begin_anew(packet)
            frames = decoder.decode(packet)
            if frames and decoder.begun_pts is not None:
                sampler.resumed(is_key_shown=frames[0].pts <= decoder.begun_pts)
            for frame in frames:
                decoded += 1
                if sampler.take(frame.time) or not rests:
                    taken[round(frame.time, 3)] = decoder.to_picture(frame)
    return taken, decoded


@pytest.mark.parametrize(
    ("codec", "parameters", "left_out"),
    [
        pytest.param("libx264", "bframes=0", ALWAYS, id="as cameras send it"),
        pytest.param("libx264", "bframes=3", ALWAYS, id="B-frames"),
        pytest.param("libx264", "bframes=3:open-gop=1", ALWAYS, id="groups that refer to the ones before"),
        pytest.param("libx264", "bframes=0:intra-refresh=1", ONCE, id="no key frames, a column at a time"),
        pytest.param("libx265", "bframes=0", ALWAYS, id="H.265"),
        pytest.param("libx265", "bframes=3:open-gop=1", ALWAYS, id="H.265, groups that refer to the ones before"),
    ],
)
def test_what_is_taken_is_what_the_whole_stream_shows(
    codec: str, parameters: str, left_out: range, tmp_path: Path
) -> None:
    path, name = tmp_path / "stream.ts", codec.removeprefix("lib")
    always = f"keyint={GOP}:min-keyint={GOP}:scenecut=0:log-level=0"
    write_video(path, pictures(), FPS, codec, options={f"{name}-params": f"{always}:{parameters}"})
    whole, all_decoded = played(path, rests=False)
    taken, decoded = played(path, rests=True)
    assert len(taken) == pytest.approx(SECONDS, abs=2)
    for at_s, picture in taken.items():
        assert np.array_equal(picture, whole[at_s]), f"the picture at {at_s} s is another one"
    assert all_decoded - decoded in left_out
