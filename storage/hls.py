"""Playlists of recorded segments (HTTP Live Streaming, RFC 8216)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from core.clock import iso_utc
from storage.segments import MAX_SPAN_GAP_S, SegmentFile


def vod_playlist(
    segments: Sequence[SegmentFile], header_bytes: Callable[[SegmentFile], int], url: Callable[[SegmentFile], str]
) -> str:
    """A finished playlist. A new run of segments begins with a discontinuity, its parameters and its time of day.

    Args:
        segments: Of one camera, oldest first.
        header_bytes: How many bytes ``ftyp`` and ``moov`` take at the start of the first segment of a run.
        url: Where a segment is to be had, byte ranges and all.
    """
    longest_s = max((s.duration_s for s in segments), default=1.0)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f"#EXT-X-TARGETDURATION:{max(1, math.ceil(longest_s))}",
    ]
    before: SegmentFile | None = None
    for segment in segments:
        if before is None or not _goes_on(before, segment):
            if before is not None:
                lines.append("#EXT-X-DISCONTINUITY")
            if before is None or before.run != segment.run:
                lines.append(f'#EXT-X-MAP:URI="{url(segment)}",BYTERANGE="{header_bytes(segment)}@0"')
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{iso_utc(segment.started_at)}")
        lines.append(f"#EXTINF:{segment.duration_s:.3f},\n{url(segment)}")
        before = segment
    lines.append("#EXT-X-ENDLIST\n")
    return "\n".join(lines)


def _goes_on(before: SegmentFile, segment: SegmentFile) -> bool:
    return before.run == segment.run and abs(segment.started_at - before.ended_at) <= MAX_SPAN_GAP_S
