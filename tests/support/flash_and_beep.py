"""Films that flash and beep at the same moments, and how far apart the two are in what became of them."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.stream import AudioStream

FPS = 25
RATE_HZ = {"pcm_mulaw": 8000, "pcm_alaw": 8000, "aac": 16000, "libopus": 48000}
"""Sample rates that cameras use, by encoder."""
_BEEP_HZ = 1000
_BEEP_S = 0.12
_OFFSET_S = 0.48
"""Of a flash from the whole second."""


def write_flash_and_beep(path: Path, codec: str, seconds: int) -> None:
    """One flash and one beep a second, 0.48 s after the whole second; a key frame each second.

    Args:
        path: its suffix names the container, which must take the codec.
        codec: encoder of the sound, one of `RATE_HZ`.
        seconds: length.
    """
    rate = RATE_HZ[codec]
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt, video.codec_context.gop_size = 320, 240, "yuv420p", FPS
        video.codec_context.max_b_frames = 0
        video.codec_context.thread_type = "FRAME"  # else libx264 makes slices
        audio = cast(AudioStream, container.add_stream(codec, rate=rate))
        audio.layout = "mono"
        resampler = av.AudioResampler(audio.format, "mono", rate, frame_size=audio.frame_size or rate // FPS)
        for number in range(seconds * FPS):
            is_flash = number % FPS == round(_OFFSET_S * FPS)
            picture = np.full((240, 320, 3), 230 if is_flash else 20, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
            at_s = np.arange(number * rate // FPS, (number + 1) * rate // FPS) / rate
            is_loud = (at_s % 1 >= _OFFSET_S) & (at_s % 1 < _OFFSET_S + _BEEP_S)
            tone = (12_000 * np.sin(at_s * 2 * np.pi * _BEEP_HZ) * is_loud).astype(np.int16)[None, :]
            sound = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = rate, number * rate // FPS, Fraction(1, rate)
            for part in resampler.resample(sound):
                container.mux(audio.encode(part))
        for part in resampler.resample(None):
            container.mux(audio.encode(part))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def flashes_s(path: Path) -> list[float]:
    """When the film flashes, by its own time. All of it is decoded."""
    with av.open(str(path)) as container:
        bright = [
            (frame.time or 0.0, frame.to_ndarray(format="gray").mean() > 120) for frame in container.decode(video=0)
        ]
    return [time_s for (_, before), (time_s, now) in pairwise([(0.0, False), *bright]) if now and not before]


def beeps_s(path: Path) -> list[float]:
    """When a beep begins, by the film's own time. All of it is decoded."""
    times_s, loud = [], []
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono")
        for decoded in container.decode(audio=0):
            for frame in resampler.resample(decoded):
                samples = np.abs(frame.to_ndarray()[0])
                times_s.append((frame.time or 0.0) + np.arange(samples.size) / frame.sample_rate)
                loud.append(samples > 0.1)
    at_s = np.concatenate(times_s)[np.concatenate(loud)]
    return [float(b) for a, b in pairwise([-1.0, *at_s]) if b - a > _BEEP_S]


def worst_offset_s(path: Path) -> float:
    """The largest distance of a flash from the beep next to it.

    Raises:
        AssertionError: it flashes or beeps less than twice.
    """
    flashes, beeps = flashes_s(path), beeps_s(path)
    assert min(len(flashes), len(beeps)) > 1, (flashes, beeps)
    # What is cut at the edges may have one without the other.
    inner = [f for f in flashes if beeps[0] - 0.5 < f < beeps[-1] + 0.5]
    return max(min(abs(flash - beep) for beep in beeps) for flash in inner)
