"""Sound of a file as RTP payloads: AAC (RFC 3640), Opus (RFC 7587) and G.711 (RFC 3551)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from av.audio.stream import AudioStream

PAYLOAD_TYPE = 97

_NAMES = {"aac": "MPEG4-GENERIC", "opus": "opus", "pcm_mulaw": "PCMU", "pcm_alaw": "PCMA"}
_AAC = "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config="


@dataclass(frozen=True, slots=True)
class Sound:
    """How a file's sound is sent."""

    codec: str
    clock_hz: int
    channels: int
    config: bytes
    """AAC's AudioSpecificConfig (ISO/IEC 14496-3)."""

    @classmethod
    def of(cls, stream: AudioStream) -> Sound | None:
        """None: cameras send no such sound, or it lacks what RTP needs (AAC its configuration)."""
        context = stream.codec_context
        config = bytes(context.extradata or b"")
        if context.name not in _NAMES or (context.name == "aac" and not config):
            return None
        is_opus = context.name == "opus"  # whose RTP clock and channels are always said to be these
        rate, channels = (48_000, 2) if is_opus else (context.sample_rate, context.layout.nb_channels)
        return cls(context.name, rate, channels, config)

    def payload(self, data: bytes) -> bytes:
        """Of one packet of the file; interleaved into RTSP it need not fit into a datagram."""
        if self.codec != "aac":
            return data
        return struct.pack("!HH", 16, len(data) << 3) + data

    def sdp(self, control: str) -> list[str]:
        """Its lines of the session description."""
        parameters = [f"a=fmtp:{PAYLOAD_TYPE} {_AAC}{self.config.hex()}"] if self.codec == "aac" else []
        return [
            f"m=audio 0 RTP/AVP {PAYLOAD_TYPE}",
            f"a=rtpmap:{PAYLOAD_TYPE} {_NAMES[self.codec]}/{self.clock_hz}/{self.channels}",
            *parameters,
            f"a=control:{control}",
        ]
