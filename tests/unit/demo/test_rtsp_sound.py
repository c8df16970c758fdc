"""Sound of files that are played as RTSP cameras."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from app.demo.rtsp.clip import Clip
from app.demo.rtsp.messages import Request
from tests.support.flash_and_beep import write_flash_and_beep

SECONDS = 2
SDP = {
    "aac.mp4": ("aac", "a=rtpmap:97 MPEG4-GENERIC/16000/1", 1024),
    "opus.mp4": ("libopus", "a=rtpmap:97 opus/48000/2", 960),
    "mulaw.mov": ("pcm_mulaw", "a=rtpmap:97 PCMU/8000/1", None),
    "alaw.mov": ("pcm_alaw", "a=rtpmap:97 PCMA/8000/1", None),
}


@pytest.mark.parametrize("file", SDP)
def test_sound_goes_beside_the_pictures(tmp_path: Path, file: str) -> None:
    encoder, line, frame_ticks = SDP[file]
    write_flash_and_beep(tmp_path / file, encoder, SECONDS)
    clip = Clip.load(tmp_path / file)
    assert line in clip.sdp().splitlines()
    assert clip.sdp().rstrip().endswith("a=control:track2")
    sent = [unit.sent_at_s for unit in clip.units]
    assert sent == sorted(sent), "in the order of time, both tracks"
    sound = [unit for unit in clip.units if unit.track == 1]
    assert not any(unit.is_key for unit in sound)
    assert clip.sound is not None
    times_s = [unit.presented_at / clip.sound.clock_hz for unit in sound]
    assert times_s == pytest.approx([unit.sent_at_s for unit in sound], abs=1e-4)
    assert times_s[-1] == pytest.approx(SECONDS, abs=0.15)
    if frame_ticks is not None:
        steps = {b.presented_at - a.presented_at for a, b in pairwise(sound)}
        assert steps == {frame_ticks}


def test_aac_has_its_header_and_configuration(tmp_path: Path) -> None:
    """RFC 3640, 3.2.1: 16 bits of headers, one of them: 13 bits of size, 3 of index."""
    write_flash_and_beep(tmp_path / "aac.mp4", "aac", SECONDS)
    clip = Clip.load(tmp_path / "aac.mp4")
    assert "mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408" in clip.sdp()
    for unit in clip.units:
        if unit.track == 1:
            (payload,) = unit.payloads
            assert payload[:2] == b"\x00\x10"
            assert int.from_bytes(payload[2:4]) == (len(payload) - 4) << 3


@pytest.mark.parametrize(
    ("url", "mount", "track"),
    [
        ("rtsp://h/gate", "gate", 0),
        ("rtsp://h/gate/", "gate", 0),
        ("rtsp://h/gate/track1", "gate", 0),
        ("rtsp://h/gate/track2", "gate", 1),
        ("rtsp://h/track2", "track2", 0),
        ("rtsp://h/the%20gate/track2/", "the gate", 1),
        ("rtsp://h", "", 0),
    ],
)
def test_urls_name_a_mount_and_a_track(url: str, mount: str, track: int) -> None:
    request = Request("SETUP", url, {})
    assert (request.mount_name, request.track) == (mount, track)
