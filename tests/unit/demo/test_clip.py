"""Files as clips: what is kept, what is described, what is refused."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import av
import numpy as np
import pytest

from app.demo.footage import write_video
from app.demo.rtsp.clip import Clip
from app.demo.rtsp.rtp import nal_type
from core.errors import CamrecError
from tests.support.numbered import numbered_frames

FPS = 10
FRAMES = 20


def clip_of(folder: Path, codec: str = "libx264", options: dict[str, str] | None = None) -> Clip:
    path = folder / "clip.mp4"
    write_video(path, numbered_frames(FRAMES), FPS, codec, gop_s=1, options=options)
    return Clip.load(path)


def test_a_camera_like_file(tmp_path: Path) -> None:
    clip = clip_of(tmp_path)
    assert clip.codec == "h264"
    assert [i for i, unit in enumerate(clip.units) if unit.is_key] == [0, 10]
    assert [unit.presented_at for unit in clip.units] == [i * 9000 for i in range(FRAMES)]
    assert [unit.sent_at_s for unit in clip.units] == pytest.approx([i / FPS for i in range(FRAMES)])
    assert clip.length_s == FRAMES / FPS


def test_b_frames_are_sent_in_decode_order(tmp_path: Path) -> None:
    clip = clip_of(tmp_path, options={"bf": "2", "b_strategy": "0"})
    presented = [unit.presented_at for unit in clip.units]
    assert presented != sorted(presented)
    assert sorted(presented) == [i * 9000 for i in range(FRAMES)]
    sent = [unit.sent_at_s for unit in clip.units]
    assert sent == sorted(sent)
    assert clip.length_s == FRAMES / FPS


def test_slices_of_a_picture_stay_together(tmp_path: Path) -> None:
    clip = clip_of(tmp_path, options={"slices": "4"})
    assert len(clip.units) == FRAMES
    slices = [nal for nal in clip.units[-1].payloads if nal_type(nal, "h264") == 1]
    assert len(slices) == 4


def test_h264_description(tmp_path: Path) -> None:
    sdp = clip_of(tmp_path).sdp()
    assert "a=rtpmap:96 H264/90000\r\n" in sdp
    found = re.search(r"profile-level-id=([0-9a-f]{6});sprop-parameter-sets=([^,]+),(\S+)", sdp)
    assert found is not None
    sps, pps = base64.b64decode(found[2]), base64.b64decode(found[3])
    assert (nal_type(sps, "h264"), nal_type(pps, "h264")) == (7, 8)
    assert sps[1:4].hex() == found[1]


def test_h265_description(tmp_path: Path) -> None:
    sdp = clip_of(tmp_path, "libx265").sdp()
    assert "a=rtpmap:96 H265/90000\r\n" in sdp
    found = re.search(r"sprop-vps=([^;]+);sprop-sps=([^;]+);sprop-pps=(\S+)", sdp)
    assert found is not None
    assert [nal_type(base64.b64decode(group), "hevc") for group in found.groups()] == [32, 33, 34]


def test_what_precedes_the_first_key_frame_is_left_out(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.ts", tmp_path / "cut.ts"
    write_video(whole, numbered_frames(FRAMES), FPS, gop_s=1)
    with av.open(whole) as source, av.open(str(cut), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in list(source.demux(video=0))[4:]:
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    clip = Clip.load(cut)
    assert clip.units[0].is_key
    assert len(clip.units) == 10


def write_sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_raw(path: Path) -> None:
    write_video(path, numbered_frames(3), FPS)


@pytest.mark.parametrize(
    ("name", "write", "reason"),
    [
        pytest.param(
            "a.mp4", lambda p: write_video(p, numbered_frames(3), FPS, "mpeg4"), "is mpeg4; expected H", id="codec"
        ),
        pytest.param("a.m4a", write_sound, "holds no video", id="sound only"),
        pytest.param("a.h264", write_raw, "no times", id="no timestamps"),
        pytest.param("a.mp4", lambda p: p.write_bytes(b"no video" * 100), "cannot be read", id="not a video"),
        pytest.param("a.mp4", lambda p: p.touch(), "cannot be read", id="empty"),
        pytest.param("a.mp4", lambda _: None, "cannot be read", id="missing"),
    ],
)
def test_refused_files(tmp_path: Path, name: str, write: object, reason: str) -> None:
    path = tmp_path / name
    assert callable(write)
    write(path)
    with pytest.raises(CamrecError, match=reason) as caught:
        Clip.load(path)
    assert str(path) in str(caught.value)


def test_too_long_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.demo.rtsp.clip.MAX_CLIP_BYTES", 1 << 10)
    with pytest.raises(CamrecError, match="more than 0 MiB of video; expected a shorter clip"):
        clip_of(tmp_path)
