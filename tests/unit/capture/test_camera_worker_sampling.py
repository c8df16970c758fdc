"""What a camera's worker hands on of somebody who crosses the picture between two frames that were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from app.demo.footage import write_video
from capture.camera_worker import CameraWorker
from capture.decoder import Decoder
from capture.drops import Drops
from capture.rates import KEEP
from core.types import FrameRef, Picture
from storage.camera import Camera, CameraRecognition

FPS = 15
SECONDS = 15
START_S = 1_795_500_000.0
CROSSES_S = (10.05, 10.85)
"""Frames that are due come at 10.0 and 10.9 s: by then the worker knows when key frames come."""
RATES = {"plates": 1.0, KEEP: 0.5}


def pictures() -> Iterator[Picture]:
    for number in range(SECONDS * FPS):
        picture = np.full((180, 320, 3), 90, np.uint8)
        at_s = number / FPS
        if CROSSES_S[0] <= at_s <= CROSSES_S[1]:
            left = round(350 * (at_s - CROSSES_S[0]))
            picture[60:150, left : left + 40] = 220
        yield picture


class Observer:
    """Is the frame store, the dispatcher and the motion log of one worker, and notes what they get."""

    def __init__(self) -> None:
        self.frames: dict[str, list[tuple[float, bool]]] = {"plates": [], KEEP: []}
        """Consumer → seconds after the start, and whether somebody is in the picture."""
        self.looks: list[tuple[float, bool]] = []
        self.decoded = 0

    def write(self, camera_id: int, pixels: Picture, captured_at: float) -> FrameRef:
        height, width, _ = pixels.shape
        return FrameRef(camera_id, int(captured_at * 1e6), captured_at, width, height)

    def offer(self, consumer: str, ref: FrameRef, pixels: Picture) -> None:
        self.frames[consumer].append((round(ref.captured_at - START_S, 2), bool(pixels.max() > 180)))

    def note(self, camera_id: int, at_s: float, *, moves: bool) -> None:
        assert camera_id == 1
        self.looks.append((at_s - START_S, moves))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("crossing") / "crossing.mp4"
    write_video(path, pictures(), FPS)
    return path


def watch(clip: Path, *, motion_gate: bool = True, without_keys: range = range(0)) -> Observer:
    """Without keys: numbers of packets of which those of key frames do not come."""
    observer = Observer()
    camera = Camera(
        1, "door", "rtsp://192.0.2.1/1", recognitions=(CameraRecognition("plates", 1.0),), motion_gate=motion_gate
    )
    worker = CameraWorker(camera, RATES, store=observer, sink=observer, drops=Drops(), motion=observer)
    worker.seen_at = {}
    with av.open(str(clip)) as container:
        video = container.streams.video[0]
        decoder = Decoder(video)
        for number, packet in enumerate(container.demux(video)):
            if packet.pts is None or packet.time_base is None or (packet.is_keyframe and number in without_keys):
                continue
            for frame in worker._decode(decoder, packet, START_S + float(packet.pts * packet.time_base)):
                worker._sample(decoder, frame, START_S + frame.time)
    observer.decoded = worker.figures.decoded
    return observer


def test_who_crosses_between_two_frames_is_handed_on_at_once(clip: Path) -> None:
    seen = [at_s for at_s, is_there in watch(clip).frames["plates"] if is_there]
    assert seen, "nobody was handed on"
    assert seen[0] <= CROSSES_S[0] + 0.3


def test_the_rate_goes_on_from_that_frame(clip: Path) -> None:
    times = [at_s for at_s, _ in watch(clip).frames["plates"] if at_s > CROSSES_S[0]]
    assert np.diff(times) == pytest.approx([0.53, 1.0, 1.27, 1.0, 1.0], abs=0.04), (
        "in step with key frames from 12 s on"
    )


def test_kept_frames_come_as_ever(clip: Path) -> None:
    kept, others = (watch(clip, motion_gate=gated).frames[KEEP] for gated in (True, False))
    assert [at_s for at_s, _ in kept] == pytest.approx([at_s for at_s, _ in others], abs=0.5)


def test_every_decoded_frame_may_be_looked_at(clip: Path) -> None:
    looks = watch(clip).looks
    still = [at_s for at_s, _ in looks if at_s < CROSSES_S[0]]
    assert np.diff(still) == pytest.approx(4 / FPS, abs=0.01), "the first picture after a quarter of a second"
    assert [moves for at_s, moves in looks if CROSSES_S[0] <= at_s < CROSSES_S[0] + 0.55][-1]


def test_without_the_gate_nobody_looks(clip: Path) -> None:
    observer = watch(clip, motion_gate=False)
    assert observer.looks == []
    assert [is_there for _, is_there in observer.frames["plates"]] == [False] * (SECONDS + 1)


def test_what_nobody_wants_before_the_next_key_frame_is_not_decoded(clip: Path) -> None:
    observer = watch(clip, motion_gate=False)
    assert observer.decoded == pytest.approx((8 + 7 * 0.55) * FPS, abs=4), "all until key frames are known, then half"
    assert [at_s for at_s, _ in observer.frames["plates"]][-6:] == pytest.approx(
        [10.0, 10.93, 12.0, 12.93, 14.0, 14.93], abs=0.01
    ), "at each key frame, and a second later"


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody walks to and fro all the time."""
    path = tmp_path_factory.mktemp("busy") / "busy.mp4"
    frames = []
    for number in range(40 * FPS):
        picture = np.full((180, 320, 3), 90, np.uint8)
        left = abs((number * 7) % 560 - 280)
        picture[60:150, left : left + 40] = 220
        frames.append(picture)
    write_video(path, iter(frames), FPS)
    return path


def test_the_decoder_rests_while_something_moves(busy: Path) -> None:
    observer = watch(busy)
    assert [moves for _, moves in observer.looks][-20:] == [True] * 20
    times = [at_s for at_s, _ in observer.frames["plates"] if at_s > 20]
    assert np.diff(times) == pytest.approx(1.0, abs=0.14)
    assert observer.decoded < (12 + 28 * 0.6) * FPS, "all until key frames are known, then little more than half"


def test_a_key_frame_that_does_not_come_loses_nothing(busy: Path) -> None:
    whole, without = watch(busy), watch(busy, without_keys=range(30 * FPS, 30 * FPS + 1))
    times, others = ([round(at_s) for at_s, _ in o.frames["plates"] if 24 < at_s < 32.5] for o in (without, whole))
    assert times == others
