"""Video files made of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.video.stream import VideoStream

from core.errors import CamrecError
from core.types import Picture

_CAMERA_LIKE: dict[str, dict[str, str]] = {
    "libx264": {"preset": "veryfast", "sc_threshold": "0"},
    "libx265": {"preset": "ultrafast", "x265-params": "scenecut=0:open-gop=0:log-level=none"},
}


def write_video(
    path: Path,
    frames: Iterable[Picture],
    fps: int,
    codec: str = "libx264",
    gop_s: float = 2,
    options: Mapping[str, str] | None = None,
) -> None:
    """Encode pictures as a camera does: one slice for each, no B-frames, a key frame every ``gop_s`` seconds.

    Args:
        path: replaced when all is written; its suffix names the container.
        frames: BGR, all of one size, whose sides are even.
        fps: frames per second.
        codec: name of an FFmpeg encoder.
        gop_s: seconds from one key frame to the next.
        options: of the encoder, over the ones set here, e.g. ``{"crf": "28"}`` or ``{"bf": "2"}``.

    Raises:
        CamrecError: there are no frames.
    """
    unfinished = path.with_stem(f"{path.stem}.unfinished")
    container_options = {"movflags": "+faststart"} if path.suffix == ".mp4" else {}
    pictures = iter(frames)
    first = next(pictures, None)
    if first is None:
        raise CamrecError(f"{path}: no frames to write")
    with av.open(str(unfinished), "w", options=container_options) as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=fps))
        context = stream.codec_context
        context.height, context.width = first.shape[:2]
        context.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        context.time_base = Fraction(1, fps)
        context.gop_size = round(fps * gop_s)
        context.max_b_frames = 0
        # PyAV's default thread type makes libx264 cut a frame into several slices.
        context.thread_type = "FRAME"
        context.thread_count = 1
        context.options = {**_CAMERA_LIKE.get(codec, {}), **(options or {})}
        for number, picture in enumerate(_chain(first, pictures)):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = number
            frame.time_base = context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    unfinished.replace(path)


def _chain(first: Picture, rest: Iterator[Picture]) -> Iterator[Picture]:
    yield first
    yield from rest
