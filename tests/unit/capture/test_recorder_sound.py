"""Sound: copied where MP4 takes it, made AAC where it is G.711."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream

from capture.recorder.arrival import Arrival, Connection
from capture.recorder.track import Track
from tests.support.numbered import numbered_frames
from tests.unit.capture.recorder_support import AT_S, Collected


def film_with_sound(path: Path, codec: str, rate: int) -> None:
    """Six seconds of pictures and of a tone."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=15)
        video.width, video.height, video.pix_fmt, video.codec_context.gop_size = 320, 240, "yuv420p", 15
        video.codec_context.max_b_frames = 0
        audio = cast(AudioStream, container.add_stream(codec, rate=rate))
        audio.layout = "mono"
        resampler = av.AudioResampler(audio.format, "mono", rate, frame_size=audio.frame_size or rate // 50)
        for number, picture in enumerate(numbered_frames(90)):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 15)
            container.mux(video.encode(frame))
            samples = np.arange(number * rate // 15, (number + 1) * rate // 15)
            tone = (8000 * np.sin(samples * 2 * np.pi * 440 / rate)).astype(np.int16)[None, :]
            sound = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = rate, int(samples[0]), Fraction(1, rate)
            for part in resampler.resample(sound):
                container.mux(audio.encode(part))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


@pytest.mark.parametrize(
    ("name", "codec", "rate", "recorded"),
    [
        pytest.param("film.mov", "pcm_mulaw", 8000, "aac", id="G.711 mu-law"),
        pytest.param("film.mov", "pcm_alaw", 8000, "aac", id="G.711 A-law"),
        pytest.param("film.ts", "aac", 48000, "aac", id="AAC with ADTS headers"),
        pytest.param("film.mp4", "aac", 16000, "aac", id="AAC"),
        pytest.param("film.mkv", "libopus", 48000, "opus", id="Opus"),
        pytest.param("film.mkv", "mp3", 44100, None, id="a codec that is left out"),
    ],
)
def test_sound_is_recorded_in_step(tmp_path: Path, name: str, codec: str, rate: int, recorded: str | None) -> None:
    film_with_sound(tmp_path / name, codec, rate)
    said = Collected()
    track = Track(7, tmp_path, "node", said.finished.append, said.lost.append)
    with av.open(str(tmp_path / name), "r") as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        connection = Connection(video, audio)
        for packet in container.demux(video, audio):
            if packet.size:
                is_video = packet.stream_index == video.index
                track.take(Arrival(packet, AT_S + float((packet.pts or 0) * packet.time_base), connection, is_video))
        track.end()
    assert [round(f.segment.duration_s) for f in said.finished] == [4, 2]
    for finished in said.finished:
        assert finished.segment.has_audio is (recorded is not None)
        with av.open(str(tmp_path / finished.open_path), "r") as container:
            assert [s.codec_context.name for s in container.streams.audio] == ([recorded] if recorded else [])
            if recorded is None:
                continue
            start_s = next((p.pts or 0) * p.time_base for p in container.demux(container.streams.video[0]) if p.size)
        with av.open(str(tmp_path / finished.open_path), "r") as container:
            frames = list(container.decode(container.streams.audio[0]))
            heard_s = sum(f.samples / f.sample_rate for f in frames)
            assert heard_s == pytest.approx(finished.segment.duration_s, abs=0.5)
            assert frames[0].time == pytest.approx(float(start_s), abs=0.35)
            loudness = np.abs(np.concatenate([f.to_ndarray().ravel() for f in frames[3:-3]])).max()
            assert loudness > (0.1 if frames[0].format.name.startswith("flt") else 3000)
