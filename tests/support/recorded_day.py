"""A day of a camera: real segments, each with one picture that shows its number."""

from __future__ import annotations

from pathlib import Path

import av

from app.demo.footage import write_video
from storage.fragments import fragments_from
from storage.segment_files import header_bytes_of
from storage.segments import Segment
from tests.support.numbered import numbered_frames
from tests.support.recordings import FRAGMENTED

DAY_S = 86_400
SEGMENT_S = 8
SIZE = (160, 120)


def write_day(media: Path, camera_id: int, started_at: float) -> list[Segment]:
    """Write 10 800 files of one run; the picture of number n stands from 8 n to 8 n + 8 seconds.

    All are muxed into one file, a fragment for each picture, which is then taken apart: 10 800 muxers would take long.
    """
    media.mkdir(parents=True, exist_ok=True)
    encoded, whole = media / "encoded.mp4", media / "whole.mp4"
    write_video(encoded, numbered_frames(DAY_S // SEGMENT_S, *SIZE), 1, gop_s=1, options={"preset": "ultrafast"})
    _stretch(encoded, whole)
    segments = []
    with whole.open("rb") as file:
        head_bytes = header_bytes_of(file)
        file.seek(0)
        head = file.read(head_bytes)
        for number, fragment in enumerate(fragments_from(file, head_bytes, track_id=1)):
            file.seek(fragment.offset)
            path = f"recordings/{camera_id}/day/{number * SEGMENT_S // 3600:02}/{number:05}.mp4"
            (media / path).parent.mkdir(parents=True, exist_ok=True)
            (media / path).write_bytes(head + file.read(fragment.size_bytes))
            at = started_at + number * SEGMENT_S
            segments.append(
                Segment(
                    camera_id=camera_id,
                    started_at=at,
                    ended_at=at + SEGMENT_S,
                    duration_s=float(SEGMENT_S),
                    path=path,
                    size_bytes=len(head) + fragment.size_bytes,
                    codec="h264",
                    width=SIZE[0],
                    height=SIZE[1],
                    has_audio=False,
                    run="day",
                    key_times=(0.0,),
                    retention_class="continuous",
                    init_bytes=len(head),
                )
            )
    encoded.unlink()
    whole.unlink()
    return segments


def _stretch(source: Path, target: Path) -> None:
    """A picture a second → one in `SEGMENT_S` seconds."""
    with av.open(str(source)) as read, av.open(str(target), "w", format="mp4", options=FRAGMENTED) as written:
        stream = read.streams.video[0]
        copied = written.add_stream_from_template(stream)
        for packet in read.demux(stream):
            if packet.pts is not None and packet.dts is not None:
                packet.pts, packet.dts = packet.pts * SEGMENT_S, packet.dts * SEGMENT_S
                packet.duration = (packet.duration or 0) * SEGMENT_S
                packet.stream = copied
                written.mux(packet)
