"""Recordings to put into an installation: real segment files, as the recorder cuts them, with their rows."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import av
from av.packet import Packet
from av.video.stream import VideoStream

from app.demo.footage import write_video
from storage.segment_files import header_bytes
from storage.segments import Segment
from tests.support.numbered import numbered_frames, read_counter

FPS = 25
GOP_S = 2
FRAGMENTED = {
    "movflags": "+frag_keyframe+empty_moov+default_base_moof+frag_discont",
    "use_editlist": "0",
    "avoid_negative_ts": "disabled",
}


def write_segments(
    media: Path,
    camera_id: int,
    started_at: float,
    count: int,
    *,
    codec: str = "libx264",
    run: str = "run",
    width: int = 320,
) -> list[Segment]:
    """``count`` files of two seconds each. Frame n of the whole recording shows the number n."""
    media.mkdir(parents=True, exist_ok=True)
    whole = media / f"whole-{codec}-{run}.mp4"
    write_video(whole, numbered_frames(count * FPS * GOP_S, width), FPS, codec, gop_s=GOP_S)
    segments = []
    with av.open(str(whole)) as source:
        stream = source.streams.video[0]
        packets = [p for p in source.demux(stream) if p.size]
        for number in range(count):
            at = started_at + number * GOP_S
            path = f"recordings/{camera_id}/{run}/{number:04d}.mp4"
            part = packets[number * FPS * GOP_S : (number + 1) * FPS * GOP_S]
            size_bytes = _write(media / path, stream, part)
            segments.append(
                Segment(
                    camera_id=camera_id,
                    started_at=at,
                    ended_at=at + GOP_S,
                    duration_s=GOP_S,
                    path=path,
                    size_bytes=size_bytes,
                    codec=stream.codec_context.name,
                    width=width,
                    height=240,
                    has_audio=False,
                    run=run,
                    key_times=(0.0,),
                    retention_class="continuous",
                    init_bytes=header_bytes(media / path),
                )
            )
    whole.unlink()
    return segments


def numbers_in(data: bytes) -> list[int]:
    """Which frames a film shows."""
    with av.open(BytesIO(data), "r") as container:
        return [read_counter(f.to_ndarray(format="bgr24")) for f in container.decode(video=0)]


def _write(path: Path, stream: VideoStream, packets: list[Packet[VideoStream]]) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4", options=FRAGMENTED) as target:
        copied = target.add_stream_from_template(stream)
        if stream.codec_context.name == "hevc":
            copied.codec_context.codec_tag = "hvc1"
        for packet in packets:
            packet.stream = copied
            target.mux(packet)
    return path.stat().st_size
