"""What stands at the beginning of a packet of H.264 (ITU-T H.264, 7.3.1) or H.265 (ITU-T H.265, 7.3.1)."""

from __future__ import annotations

from collections.abc import Iterator

HEAD_BYTES = 4096
"""Parameter sets and the first slice stand within so much, or are not looked for."""
_START = b"\x00\x00\x01"
_H264_PARAMETERS = frozenset({7, 8})
_H264_SLICES = frozenset(range(1, 6))
_HEVC_PARAMETERS = frozenset({32, 33, 34})


def is_annex_b(extradata: bytes | None) -> bool:
    """Whether packets are NAL units after start codes (RTSP, MPEG-TS); else lengths stand before them."""
    return not extradata or extradata.startswith((_START, b"\x00" + _START))


def parameter_sets(head: bytes, codec: str) -> bytes:
    """The parameter sets before the first slice of an Annex B packet, with their start codes; empty where none are."""
    wanted = _H264_PARAMETERS if codec == "h264" else _HEVC_PARAMETERS
    found = []
    for unit in _units(head):
        if _is_slice(unit[0], codec):
            break
        if _kind(unit[0], codec) in wanted:
            found.append(b"\x00" + _START + unit)
    return b"".join(found)


def starts_picture(head: bytes, codec: str) -> bool:
    """Whether an Annex B packet begins a new picture; false: its first slice continues the picture before.

    The first field of a slice header says so: ``first_mb_in_slice`` is 0 (one bit, set) in H.264,
    ``first_slice_segment_in_pic_flag`` in H.265.
    """
    header_bytes = 1 if codec == "h264" else 2
    # Done for every packet of every camera: no unit is copied, and only the beginnings are looked for.
    start = head.find(_START) + 3
    while start > 2 and start + header_bytes < len(head):
        if _is_slice(head[start], codec):
            return bool(head[start + header_bytes] & 0x80)
        start = head.find(_START, start) + 3
    return True


def _units(head: bytes) -> Iterator[bytes]:
    """NAL units, the last one maybe cut off."""
    start = head.find(_START)
    while start >= 0:
        end = head.find(_START, start + 3)
        # Zeros before a start code belong to it, or are padding.
        unit = head[start + 3 : end].rstrip(b"\x00") if end >= 0 else head[start + 3 :]
        if unit:
            yield unit
        start = end


def _kind(header: int, codec: str) -> int:
    return header & 0x1F if codec == "h264" else (header >> 1) & 0x3F


def _is_slice(header: int, codec: str) -> bool:
    return _kind(header, codec) in _H264_SLICES if codec == "h264" else _kind(header, codec) < 32
