"""What stands at the beginning of a packet of H.264 (ITU-T H.264, 7.3.1) or H.265 (ITU-T H.265, 7.3.1)."""

from __future__ import annotations

from collections.abc import Iterator

HEAD_BYTES = 4096
"""Parameter sets and the first slice stand within so much, or are not looked for."""
_START = b"\x00\x00\x01"
FIRST_HEADER_BYTES = len(_START) + 3
"""A start code, maybe with a zero before it, and the header of H.265."""
_H264_PARAMETERS = frozenset({7, 8})
_H264_SLICES = frozenset(range(1, 6))
_HEVC_PARAMETERS = frozenset({32, 33, 34})
_HEVC_HEADS = frozenset({b"\x40", b"\x42", b"\x44", b"\x46"})
"""First bytes of VPS, SPS, PPS and access unit delimiter; the second is 1."""
_H264_HEADS = frozenset({b"\x09", b"\x27", b"\x47", b"\x67"})
"""First bytes of access unit delimiter and SPS."""


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


def is_of_other_codec(head: bytes, codec: str) -> bool:
    """Whether in the head of an Annex B packet that a demuxer takes for ``codec`` a unit of the other codec begins.

    MPEG-TS may change from one to the other, which FFmpeg does not say. Parameter sets and delimiters of H.265 would be
    reserved, partitioned or referenced units in H.264; those of H.264 would be of another layer in H.265.
    """
    start = head.find(_START) + 3
    while start > 2:
        first, second = head[start : start + 1], head[start + 1 : start + 2]
        if (first in _HEVC_HEADS and second == b"\x01") if codec == "h264" else first in _H264_HEADS:
            return True
        start = head.find(_START, start) + 3
    return False


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
