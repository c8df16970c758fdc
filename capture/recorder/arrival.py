"""What a recorder is given: packets of a connection, with the time at which they were taken."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, NamedTuple

import av
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.stream import VideoStream

RECORDABLE = frozenset({"h264", "hevc"})
G711_CODECS = frozenset({"pcm_mulaw", "pcm_alaw"})


@dataclass(frozen=True, slots=True)
class G711:
    """Sound that MP4 does not take, and that is recoded (ITU-T G.711)."""

    codec: str
    sample_rate: int
    layout: str


class Connection:
    """The streams of one connection, apart from it: what is left when the connection is closed.

    PyAV makes an output's stream from another stream only, and a stream's memory goes with its container. So a
    container that is never written holds copies.
    """

    def __init__(self, video: VideoStream, audio: AudioStream | None = None) -> None:
        """Copy what the demuxer knows of the streams; call it in the thread that reads them."""
        self._holder = av.open(io.BytesIO(), "w", format="mp4")
        self.codec = video.codec_context.name
        self.frame_interval_s = float(1 / video.average_rate) if video.average_rate else None
        self.video: VideoStream | None = None
        self.audio: AudioStream | G711 | None = None
        if self.is_recordable:
            self.video = self._holder.add_stream_from_template(video, opaque=True)
            self.audio = None if audio is None else self._copied(audio)

    @property
    def is_recordable(self) -> bool:
        """MP4 takes the codec, and browsers play it."""
        return self.codec in RECORDABLE

    def _copied(self, audio: AudioStream) -> AudioStream | G711 | None:
        context = audio.codec_context
        if context.name in G711_CODECS:
            return G711(context.name, context.sample_rate, context.layout.name)
        try:
            return self._holder.add_stream_from_template(audio, opaque=True)
        except ValueError:  # MP4 does not take this codec
            return None


class Arrival(NamedTuple):
    """A packet that came. It is shared with the decoder: nobody changes it."""

    packet: Packet[Any]
    at_s: float
    """When its picture was taken, in seconds since the epoch; for sound, the time of the last picture."""
    connection: Connection
    is_video: bool = True

    @property
    def starts_group(self) -> bool:
        """A key frame."""
        return self.is_video and self.packet.is_keyframe
