"""The clips of a video, as a camera's would be cut: a window that slides over the sampled frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from app.cli.media_files import VideoFrame
from capture.clips import scaled
from core.recognitions import ClipShape
from core.types import Clip, Picture

_USUAL_INTERVAL_S = 0.125


def clips_of(frames: Iterable[VideoFrame], shape: ClipShape) -> Iterator[tuple[VideoFrame, Clip]]:
    """Each clip with its newest frame. A video shorter than a window is one clip, padded if it is very short."""
    window: deque[tuple[float, Picture]] = deque(maxlen=shape.frames)
    newest: VideoFrame | None = None
    told_at_s: float | None = None
    for frame in frames:
        newest = frame
        window.append((frame.at_s, scaled(frame.picture, shape.width)))
        is_due = told_at_s is None or frame.at_s - told_at_s >= shape.stride_s - 1e-3
        if len(window) == shape.frames and is_due:
            told_at_s = frame.at_s
            yield frame, _clip(window, shape)
    if newest is not None and told_at_s is None:
        yield newest, _clip(window, shape)


def _clip(window: deque[tuple[float, Picture]], shape: ClipShape) -> Clip:
    pictures = [picture for _, picture in window]
    span_s = window[-1][0] - window[0][0]
    interval_s = span_s / (len(window) - 1) if span_s > 0 else _USUAL_INTERVAL_S
    pictures += [pictures[-1]] * (shape.least_frames - len(pictures))
    return Clip(tuple(pictures), interval_s)
