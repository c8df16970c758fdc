"""Decoding by hardware: asked for once by each node, by decoding a picture with it.

`python -m capture.hardware KIND` tries that kind: exit status 0 where it works.
"""

from __future__ import annotations

import logging
import sys
from base64 import b64decode

import av
import numpy as np
from av.codec.context import CodecContext
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from core.trial import Trial

log = logging.getLogger(__name__)

AUTO, NONE = "auto", "none"
KINDS = ("cuda", "vaapi", "videotoolbox")
"""Which decode the video of cameras to pictures that the rest can read, the likeliest first."""
PROBE_TIMEOUT_S = 10.0
"""A driver that takes longer hangs."""

_GREY_PICTURE = b64decode(
    "AAAAAWdNQA3cEAhoQAAAAwBAAAAMg8UK4AAAAAFo7g8sgAAAAAFliIQEv/73sz1a7qEcWl5j1ES6dYAHOVxMkBXOFMPX+cK94fvQAAAqYFJwi1oociJQgQE="
)
"""H.264, Annex B: parameter sets and one key frame of 256x256, level 128 all over."""


def find_hardware(wanted: str) -> str | None:
    """What is to decode, for `accelerator`, tried out just now; None: software. Logged either way.

    Each kind is tried in a process of its own, all at once: a driver may crash or hang.

    Args:
        wanted: ``auto``, ``none``, or a kind, perhaps with a device: ``cuda``, ``cuda:1``, ``vaapi:/dev/dri/x``.
    """
    if wanted == NONE:
        return None
    there = hwdevices_available()
    names = [kind for kind in KINDS if kind in there] if wanted == AUTO else [wanted]
    trials = {name: Trial(__name__, name) for name in names if name.partition(":")[0] in there}
    found, faults = None, []
    for name in names:
        if found is not None:
            trials[name].stop()
        elif name not in trials:
            faults.append(f"{name}: this FFmpeg does not know it")
        elif (fault := trials[name].fault(PROBE_TIMEOUT_S)) is not None:
            faults.append(f"{name}: {fault}")
        else:
            found = name
    if found is not None:
        log.info("Video is decoded by %s", found)
        return found
    level = logging.INFO if wanted == AUTO else logging.WARNING
    log.log(level, "Video is decoded by software (%s)", "; ".join(faults) or "no hardware is known")
    return None


def accelerator(name: str, *, may_fall_back: bool = True) -> HWAccel:
    """What PyAV is told: a kind, perhaps with its device.

    Args:
        name: e.g. ``cuda:1``.
        may_fall_back: whether a stream that the hardware cannot decode is decoded by software.
    """
    kind, _, device = name.partition(":")
    # A CUDA context of its own for each camera would take a hundred megabytes of the GPU each.
    options: dict[str, object] = {"primary_ctx": "1"} if kind == "cuda" else {}
    return HWAccel(kind, device or None, allow_software_fallback=may_fall_back, options=options)


def context_for(stream_context: VideoCodecContext, hardware: HWAccel) -> VideoCodecContext:
    """A decoder by hardware for the stream of another decoder.

    Raises:
        FFmpegError: the device cannot be had.
        NotImplementedError: it decodes no such codec.
    """
    context = CodecContext.create(stream_context.codec, "r", hardware)
    if not context.is_hwaccel:  # PyAV would decode by software, and say nothing
        raise NotImplementedError(f"it decodes no {stream_context.name}")
    assert isinstance(context, VideoCodecContext)  # noqa: S101 - for mypy
    if stream_context.extradata:
        context.extradata = stream_context.extradata
    context.thread_type, context.thread_count = "NONE", 1
    return context


def _fault_of(name: str) -> str | None:
    """Why it cannot be used; None: it can. Its driver is loaded into this process."""
    try:
        context = CodecContext.create("h264", "r", accelerator(name, may_fall_back=False))
        assert isinstance(context, VideoCodecContext)  # noqa: S101 - for mypy
        if not context.is_hwaccel:
            return "it decodes no H.264"
        frames = [*context.decode(Packet(_GREY_PICTURE)), *context.decode(None)]
    except (FFmpegError, NotImplementedError, RuntimeError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)
    return None if len(frames) == 1 and _is_grey(frames[0]) else "it decoded another picture than it was given"


def _is_grey(frame: VideoFrame) -> bool:
    grey = av.VideoFrame.to_ndarray(frame, format="gray")
    return grey.shape == (256, 256) and bool(np.abs(grey.astype(int) - 128).max() <= 2)


if __name__ == "__main__":
    sys.exit(_fault_of(sys.argv[1]))
