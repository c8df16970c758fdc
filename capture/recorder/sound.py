"""Sound of a camera, as MP4 takes it: AAC and Opus are copied, G.711 becomes AAC, other codecs are left out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from capture.recorder.access_units import TICKS_PER_S
from capture.recorder.arrival import G711

_ADTS_HEADER_BYTES = 7
_AAC_FRAME_SAMPLES = 1024


@dataclass(frozen=True, slots=True)
class Sound:
    """An encoded packet."""

    data: bytes
    dts: int
    """In ticks of the source's own clock."""
    duration: int


class SoundTrack(Protocol):
    """The sound of one connection."""

    def add_to(self, container: OutputContainer) -> AudioStream:
        """Make its stream in a file."""

    def convert(self, packet: Packet[AudioStream]) -> Iterator[Sound]:
        """What a packet of the camera becomes; nothing where it is damaged."""


def sound_track(source: AudioStream | G711 | None) -> SoundTrack | None:
    """How the sound of a connection is recorded; None: not at all."""
    if source is None:
        return None
    if isinstance(source, G711):
        return _EncodedSound(source)
    context = source.codec_context
    if context.name == "aac":
        # MPEG-TS and HLS carry what MP4 wants in its header before each packet instead.
        return _CopiedSound(source) if context.extradata else _AdtsSound(source)
    # MP4 needs the header that Opus has in every container but RTP's.
    return _CopiedSound(source) if context.name in {"opus", "libopus"} and context.extradata else None


class _CopiedSound:
    def __init__(self, source: AudioStream) -> None:
        self._source = source

    def add_to(self, container: OutputContainer) -> AudioStream:
        return container.add_stream_from_template(self._source, opaque=True)

    def convert(self, packet: Packet[AudioStream]) -> Iterator[Sound]:
        if packet.pts is not None:
            scale = float(packet.time_base) * TICKS_PER_S
            yield Sound(bytes(packet), round(packet.pts * scale), round((packet.duration or 0) * scale))


class _AdtsSound(_CopiedSound):
    """AAC with an ADTS header before each packet (ISO/IEC 13818-7, 6.2) → without it."""

    def add_to(self, container: OutputContainer) -> AudioStream:
        stream = super().add_to(container)
        context = stream.codec_context
        context.extradata = _audio_specific_config(context.sample_rate, context.layout.nb_channels)
        return stream

    def convert(self, packet: Packet[AudioStream]) -> Iterator[Sound]:
        for sound in super().convert(packet):
            data = sound.data
            if len(data) > _ADTS_HEADER_BYTES and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
                has_checksum = not data[1] & 1
                data = data[_ADTS_HEADER_BYTES + (2 if has_checksum else 0) :]
            yield Sound(data, sound.dts, sound.duration)


_SAMPLE_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


def _audio_specific_config(sample_rate: int, channels: int) -> bytes:
    """ISO/IEC 14496-3, 1.6.2.1, for AAC-LC: 5 bits of type, 4 of rate, 4 of channels, 3 zeros."""
    bits = 2 << 11 | _SAMPLE_RATES.index(sample_rate) << 7 | channels << 3
    return bits.to_bytes(2)


class _EncodedSound:
    """G.711 → AAC."""

    def __init__(self, source: G711) -> None:
        self._rate = rate = source.sample_rate
        self._decoder = cast(AudioCodecContext, av.CodecContext.create(source.codec, "r"))
        self._decoder.sample_rate, self._decoder.layout = rate, source.layout
        self._resampler = AudioResampler("fltp", source.layout, rate, frame_size=_AAC_FRAME_SAMPLES)
        self._holder = av.open(io.BytesIO(), "w", format="mp4")
        self._stream = self._holder.add_stream("aac", rate=rate)
        context = self._encoder = self._stream.codec_context
        context.layout = source.layout
        context.time_base = Fraction(1, rate)
        context.open()
        self._next: int | None = None

    def add_to(self, container: OutputContainer) -> AudioStream:
        stream = container.add_stream_from_template(self._stream, opaque=True)
        context = stream.codec_context
        context.extradata, context.layout = self._encoder.extradata, self._encoder.layout
        context.sample_rate = self._rate
        return stream

    def convert(self, packet: Packet[AudioStream]) -> Iterator[Sound]:
        ticks = TICKS_PER_S // self._rate if TICKS_PER_S % self._rate == 0 else TICKS_PER_S / self._rate
        if packet.pts is None:
            return
        pts = round(packet.pts * float(packet.time_base) * self._rate)
        if self._next is None or abs(pts - self._next) > self._rate:
            self._next = pts  # else counting samples is steadier than the camera's stamps
        try:
            for frame in self._decoder.decode(packet):
                frame.pts, frame.time_base = self._next, Fraction(1, self._rate)
                self._next += frame.samples
                for whole in self._resampler.resample(frame):
                    for encoded in self._encoder.encode(whole):
                        if encoded.dts is not None:
                            yield Sound(bytes(encoded), round(encoded.dts * ticks), round(_AAC_FRAME_SAMPLES * ticks))
        except FFmpegError:
            return
