"""Small segment files, as the recorder writes them."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from io import BytesIO

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet

from storage.segment_files import SegmentNote

TICKS_PER_S = 90_000
FPS = 5
_OPTIONS = {
    "movflags": "+frag_keyframe+empty_moov+default_base_moof+frag_discont+skip_trailer",
    "use_editlist": "0",
    "avoid_negative_ts": "disabled",
}


@cache
def _second() -> tuple[InputContainer, list[bytes]]:
    """A group of pictures of a second, and the container that it is from."""
    target = BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", FPS, options={"g": str(FPS), "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for n in range(FPS):
            picture = np.full((48, 64, 3), 40 * n, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    source = av.open(BytesIO(target.getvalue()), "r")
    return source, [bytes(packet) for packet in source.demux(video=0) if packet.size]


@cache
def segment_bytes(note: SegmentNote, first_s: float, groups: int) -> bytes:
    """A file of groups of a second each, the first of which is at a place of its run."""
    target, (source, pictures) = BytesIO(), _second()
    with av.open(target, "w", format="mp4", options=_OPTIONS) as container:
        container.metadata["comment"] = note.to_text()
        stream = container.add_stream_from_template(source.streams.video[0])
        stream.time_base = Fraction(1, TICKS_PER_S)
        for n in range(groups * FPS):
            packet = Packet(pictures[n % FPS])
            packet.stream, packet.is_keyframe, packet.duration = stream, n % FPS == 0, TICKS_PER_S // FPS
            packet.time_base = stream.time_base
            packet.dts = packet.pts = round(first_s * TICKS_PER_S) + n * TICKS_PER_S // FPS
            container.mux(packet)
    return target.getvalue()
