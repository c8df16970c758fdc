"""The packetiser against a depacketiser written from the RFCs alone."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.demo.rtsp.rtp import (
    MAX_PAYLOAD_BYTES,
    Codec,
    interleave,
    packetise,
    rtp_packets,
    sender_report,
    split_annex_b,
)

CODECS: tuple[Codec, ...] = ("h264", "hevc")


def depacketise(payloads: Sequence[bytes], codec: Codec) -> list[bytes]:
    """RFC 6184, sections 5.6 and 5.8; RFC 7798, sections 4.4.1 and 4.4.3."""
    header_bytes, fragment_type = (1, 28) if codec == "h264" else (2, 49)
    nals: list[bytes] = []
    open_nal: bytearray | None = None
    for payload in payloads:
        kind = payload[0] & 31 if codec == "h264" else payload[0] >> 1 & 63
        if kind != fragment_type:
            assert open_nal is None, "a fragmented unit was not ended"
            nals.append(payload)
            continue
        fragment_header, data = payload[header_bytes], payload[header_bytes + 1 :]
        starts, ends, original = fragment_header >> 7, fragment_header >> 6 & 1, fragment_header & 0x3F
        assert not (starts and ends), "a unit in one fragment must not be fragmented"
        assert data, "an empty fragment"
        if starts:
            assert open_nal is None
            if codec == "h264":
                open_nal = bytearray([payload[0] & 0xE0 | original & 0x1F])
            else:
                open_nal = bytearray([payload[0] & 0x81 | original << 1, payload[1]])
        assert open_nal is not None, "a fragment before the first"
        open_nal += data
        if ends:
            nals.append(bytes(open_nal))
            open_nal = None
    assert open_nal is None
    return nals


@st.composite
def nal_units(draw: st.DrawFn, codec: Codec) -> bytes:
    """A NAL unit of any size around the limits of a packet."""
    size = draw(st.one_of(st.integers(1, 40), st.integers(1370, 1430), st.integers(2760, 2830), st.integers(1, 9000)))
    if codec == "h264":
        header = bytes([draw(st.integers(0, 3)) << 5 | draw(st.integers(1, 23))])
    else:
        layer, temporal = draw(st.integers(0, 63)), draw(st.integers(1, 7))
        header = bytes([draw(st.integers(0, 47)) << 1 | layer >> 5, (layer & 31) << 3 | temporal])
    return header + draw(st.randoms(use_true_random=False)).randbytes(size)


@pytest.mark.parametrize("codec", CODECS)
@given(data=st.data())
def test_depacketised_units_are_those_packetised(codec: Codec, data: st.DataObject) -> None:
    nals = data.draw(st.lists(nal_units(codec), min_size=1, max_size=4))
    payloads = [payload for nal in nals for payload in packetise(nal, codec)]
    assert max(map(len, payloads)) <= MAX_PAYLOAD_BYTES
    assert depacketise(payloads, codec) == nals


@pytest.mark.parametrize(
    ("size", "packets"),
    [
        pytest.param(MAX_PAYLOAD_BYTES, 1, id="just fits"),
        pytest.param(MAX_PAYLOAD_BYTES + 1, 2, id="one byte too long"),
        pytest.param(1 + 2 * (MAX_PAYLOAD_BYTES - 2), 2, id="fills two"),
        pytest.param(2 + 2 * (MAX_PAYLOAD_BYTES - 2), 3, id="one byte into the third"),
    ],
)
def test_number_of_h264_packets(size: int, packets: int) -> None:
    assert len(packetise(b"\x65" + b"\x01" * (size - 1), "h264")) == packets


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=5), st.booleans())
def test_byte_stream_is_split_at_start_codes(bodies: list[bytes], long_codes: bool) -> None:
    # As encoders write them: no start code within, no zero byte at the end.
    nals = [b"\x41" + body.replace(b"\x00", b"\x07") for body in bodies]
    code = b"\x00\x00\x00\x01" if long_codes else b"\x00\x00\x01"
    assert split_annex_b(b"".join(code + nal for nal in nals)) == nals


def test_rtp_headers_of_an_access_unit() -> None:
    packets = rtp_packets([b"first", b"second"], sequence=65535, timestamp=2**32 + 7, ssrc=0xCAFEBABE)
    fields = [struct.unpack("!BBHII", packet[:12]) for packet in packets]
    assert fields == [(0x80, 96, 65535, 7, 0xCAFEBABE), (0x80, 96 | 0x80, 0, 7, 0xCAFEBABE)]
    assert [packet[12:] for packet in packets] == [b"first", b"second"]


def test_sender_report_tells_the_wall_clock() -> None:
    report = sender_report(ssrc=5, epoch_s=0.5, timestamp=90_000, packets=3, octets=1000)
    first, kind, words, ssrc, seconds, fraction, timestamp, packets, octets = struct.unpack("!BBHIIIIII", report)
    assert (first, kind, 4 * (words + 1)) == (0x80, 200, len(report))
    assert (ssrc, timestamp, packets, octets) == (5, 90_000, 3, 1000)
    assert (seconds, fraction) == (2_208_988_800, 1 << 31)


def test_packets_are_framed_for_their_channel() -> None:
    assert interleave([b"abc", b"de"], channel=3) == b"$\x03\x00\x03abc$\x03\x00\x02de"
