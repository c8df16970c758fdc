"""RTP and RTCP packets of H.264 (RFC 6184) and H.265 (RFC 7798), interleaved into RTSP (RFC 2326, section 10.12)."""

from __future__ import annotations

import re
import secrets
import struct
import time
from collections.abc import Iterable, Sequence
from typing import Literal

CLOCK_HZ = 90_000
PAYLOAD_TYPE = 96
MAX_PAYLOAD_BYTES = 1400
NTP_EPOCH_OFFSET_S = 2_208_988_800
"""From 1900, where NTP time starts, to 1970."""

Codec = Literal["h264", "hevc"]

_START_CODE = re.compile(rb"\x00\x00\x01")
_H264_FU_A = 28
_H265_FU = 49


def split_annex_b(access_unit: bytes) -> list[bytes]:
    """NAL units of a byte stream with start codes (ITU-T H.264 and H.265, Annex B)."""
    # A NAL unit never ends in a zero byte, so that zeros there belong to the next start code.
    return [nal for nal in (part.rstrip(b"\x00") for part in _START_CODE.split(access_unit)) if nal]


def nal_type(nal: bytes, codec: Codec) -> int:
    """The ``nal_unit_type`` of the header."""
    return (nal[0] >> 1) & 0x3F if codec == "hevc" else nal[0] & 0x1F


def packetise(nal: bytes, codec: Codec) -> list[bytes]:
    """RTP payloads of one NAL unit: itself where it fits, else fragmentation units (FU-A, or FU of H.265)."""
    if len(nal) <= MAX_PAYLOAD_BYTES:
        return [nal]
    kind = nal_type(nal, codec)
    if codec == "hevc":
        header, body = bytes([(nal[0] & 0x81) | (_H265_FU << 1), nal[1]]), nal[2:]
    else:
        header, body = bytes([(nal[0] & 0xE0) | _H264_FU_A]), nal[1:]
    step = MAX_PAYLOAD_BYTES - len(header) - 1
    starts = range(0, len(body), step)
    return [
        header + bytes([kind | (0x80 if at == 0 else 0) | (0x40 if at == starts[-1] else 0)]) + body[at : at + step]
        for at in starts
    ]


def rtp_packets(
    payloads: Sequence[bytes], sequence: int, timestamp: int, ssrc: int, payload_type: int = PAYLOAD_TYPE
) -> list[bytes]:
    """RTP packets (RFC 3550) of one access unit; the marker bit is set on its last."""
    last = len(payloads) - 1
    return [
        struct.pack(
            "!BBHII",
            0x80,
            payload_type | (0x80 if i == last else 0),
            (sequence + i) & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            ssrc,
        )
        + payload
        for i, payload in enumerate(payloads)
    ]


class RtpStream:
    """What one RTP stream has sent so far."""

    def __init__(self, payload_type: int, clock_hz: int) -> None:
        """Begin at random numbers, as RFC 3550 wants it."""
        self.ssrc = secrets.randbits(32)
        self._payload_type, self._clock_hz = payload_type, clock_hz
        self._first_timestamp, self._sequence = secrets.randbits(32), secrets.randbits(16)
        self._packets = self._octets = 0

    def packets(self, payloads: Sequence[bytes], rounds_s: float, presented_at: int) -> list[bytes]:
        """Of one access unit, ``presented_at`` ticks of this clock into the round that began after ``rounds_s``."""
        timestamp = self._first_timestamp + round(rounds_s * self._clock_hz) + presented_at
        packets = rtp_packets(payloads, self._sequence, timestamp, self.ssrc, self._payload_type)
        self._sequence = (self._sequence + len(packets)) & 0xFFFF
        self._packets += len(packets)
        self._octets += sum(map(len, payloads))
        return packets

    def report(self, played_s: float) -> bytes:
        """The sender report of now."""
        timestamp = self._first_timestamp + round(played_s * self._clock_hz)
        return sender_report(self.ssrc, time.time(), timestamp, self._packets, self._octets)


def sender_report(ssrc: int, epoch_s: float, timestamp: int, packets: int, octets: int) -> bytes:
    """An RTCP sender report (RFC 3550, section 6.4.1): which wall clock time an RTP timestamp means."""
    ntp = int((epoch_s + NTP_EPOCH_OFFSET_S) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
    return struct.pack(
        "!BBHIQIII", 0x80, 200, 6, ssrc, ntp, timestamp & 0xFFFFFFFF, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF
    )


def interleave(packets: Iterable[bytes], channel: int) -> bytes:
    """Packets framed for the RTSP connection itself."""
    return b"".join(struct.pack("!BBH", 0x24, channel, len(packet)) + packet for packet in packets)
