"""Playlists of recorded segments (HTTP Live Streaming, RFC 8216)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from core.clock import iso_utc
from storage.live import LiveWindow
from storage.segments import SegmentFile
from storage.spans import MAX_SPAN_GAP_S


def vod_playlist(
    segments: Sequence[SegmentFile], init_bytes: Callable[[SegmentFile], int | None], url: Callable[[SegmentFile], str]
) -> str:
    """A finished playlist. A new run of segments begins with a discontinuity, its parameters and its time of day.

    Args:
        segments: Of one camera, oldest first.
        init_bytes: How many bytes stand before the first fragment of one whose row does not say so; None: it is gone,
            and left out.
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
        init = segment.init_bytes or init_bytes(segment)
        if init is None:
            continue
        address = url(segment)
        if before is None or not _goes_on(before, segment):
            if before is not None:
                lines.append("#EXT-X-DISCONTINUITY")
            if before is None or before.run != segment.run:
                lines.append(f'#EXT-X-MAP:URI="{address}",BYTERANGE="{init}@0"')
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{iso_utc(segment.started_at)}")
        lines.append(
            f"#EXTINF:{segment.duration_s:.3f},\n#EXT-X-BYTERANGE:{segment.size_bytes - init}@{init}\n{address}"
        )
        before = segment
    lines.append("#EXT-X-ENDLIST\n")
    return "\n".join(lines)


def live_playlist(window: LiveWindow, url: Callable[[str], str]) -> str:
    """A playlist that goes on, of a window that is not empty.

    Args:
        window: What there is.
        url: Where a file of that name is to be had, while it grows and afterwards.
    """
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, round(window.longest_s))}",
        f"#EXT-X-MEDIA-SEQUENCE:{window.number}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{window.discontinuities}",
    ]
    name = ""
    for part in window.parts:
        if part.is_discontinuity:
            lines.append("#EXT-X-DISCONTINUITY")
        if part.name != name:
            name, address = part.name, url(part.name)
            lines.append(f'#EXT-X-MAP:URI="{address}",BYTERANGE="{part.header_bytes}@0"')
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{iso_utc(part.started_at)}")
        lines.append(f"#EXTINF:{part.duration_s:.3f},\n#EXT-X-BYTERANGE:{part.size_bytes}@{part.offset}\n{address}")
    return "\n".join(lines) + "\n"


def live_entrance(url: str, bits_per_s: int) -> str:
    """A multivariant playlist (RFC 8216, 4.3.4) with one variant, for which players ask from then on."""
    return f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH={bits_per_s}\n{url}\n"


def _goes_on(before: SegmentFile, segment: SegmentFile) -> bool:
    return before.run == segment.run and abs(segment.started_at - before.ended_at) <= MAX_SPAN_GAP_S
