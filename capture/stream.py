"""The live connection to a camera."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import av
import av.logging
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from capture.reasons import Reason, classify
from capture.recorder.bitstream import FIRST_HEADER_BYTES, HEAD_BYTES, is_annex_b, is_of_other_codec
from capture.stream_options import HLS_READ_TIMEOUT_S, SOCKET_TIMEOUT_S, Opening, opening
from core.errors import CamrecError
from core.redact import redact

_NO_CLOCK_FORMATS = {"mpjpeg", "mjpeg"}
"""Motion JPEG carries no timestamps: FFmpeg makes up 25 frames a second."""
_TIMED_OUT_SHARE = 0.9


class StreamError(CamrecError):
    """A camera's stream cannot be opened, or broke. Its text is redacted."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(redact(message))
        self.reason = reason


def silence_ffmpeg() -> None:
    """Keep FFmpeg's own log lines, which carry URLs with passwords, off this process's output."""
    av.logging.set_level(None)


class Stream:
    """An open stream. Not safe for threads; no call blocks for much longer than the time limits of `stream_options`."""

    def __init__(self, url: str, *, tls_verify: bool = True, with_sound: bool = False) -> None:
        """Connect.

        Args:
            url: what to open.
            tls_verify: whether the server must show a certificate that is trusted.
            with_sound: `packets` gives those of the sound, too.

        Raises:
            StreamError: with the reason, in words of `Reason`.
        """
        self._scheme = urlsplit(url).scheme
        self._url = url
        plan = opening(url, tls_verify=tls_verify)
        self._container = self._open(plan)
        if self._container.format.name == "hls" and plan.timeout[1] < HLS_READ_TIMEOUT_S:
            self._container.close()
            self._container = self._open(opening(url, tls_verify=tls_verify, hls=True))
        try:
            self.video = self._find_video()
        except StreamError:
            self.close()
            raise
        audio = self._container.streams.audio
        self.sound: AudioStream | None = audio[0] if with_sound and audio and audio[0].codec_context else None
        self._got_packets = False
        self._has_clock = not self.is_still and (self.is_finite or self._container.format.name not in _NO_CLOCK_FORMATS)
        self._time_base_s = float(self.video.time_base or 0)
        self._video_index = self.video.index
        self._may_change_codec = self.video.codec_context.name in {"h264", "hevc"} and is_annex_b(
            self.video.codec_context.extradata
        )

    def seconds(self, timestamp: int | None) -> float | None:
        """A timestamp of a packet or frame in seconds; None where it has none, or the stream's mean nothing."""
        return timestamp * self._time_base_s if timestamp is not None and self._has_clock else None

    @property
    def is_still(self) -> bool:
        """The URL gives one picture at a time and is to be asked again and again."""
        name = self._container.format.name
        return name == "image2" or name.endswith("_pipe")

    @property
    def is_finite(self) -> bool:
        """A file: its end is no fault, and it is played in a loop."""
        return self._scheme == "file" or (self._scheme in {"http", "https"} and bool(self._container.duration))

    @property
    def frame_interval_s(self) -> float:
        """What lies between two frames by the container's word; 0 where it does not say."""
        rate = self.video.average_rate
        return float(1 / rate) if rate else 0.0

    @property
    def is_paced(self) -> bool:
        """It comes faster than real time (or in bursts), and its packets are due at their timestamps."""
        return self.is_finite or self._container.format.name == "hls"

    def packets(self) -> Iterator[Packet[Any]]:
        """The packets of the video and, where wanted, of the sound, as they come. They end only where a file or a
        still picture ends.

        Raises:
            StreamError: the stream broke: a camera's stream has no normal end.
        """
        wanted = [self.video] if self.sound is None else [self.video, self.sound]
        try:
            for packet in self._container.demux(*wanted):
                if packet.size:  # the empty one at the end would flush a decoder
                    if self._has_changed_codec(packet):
                        raise StreamError(Reason.NO_FRAMES, "The camera has changed its codec.")
                    self._got_packets = True
                    yield packet
        except FFmpegError as error:
            raise self._error(error, reading=True) from None
        if not (self._got_packets and (self.is_finite or self.is_still)):
            raise StreamError(Reason.NO_FRAMES, "The camera closed the connection.")

    def _has_changed_codec(self, packet: Packet[Any]) -> bool:
        if not self._may_change_codec or packet.stream_index != self._video_index:
            return False
        # The last picture before the change is glued to the first key frame after it.
        head_bytes = HEAD_BYTES if packet.is_keyframe else FIRST_HEADER_BYTES
        return is_of_other_codec(bytes(memoryview(packet)[:head_bytes]), self.video.codec_context.name)

    def close(self) -> None:
        """Disconnect."""
        self._container.close()

    def _open(self, plan: Opening) -> InputContainer:
        started_s = time.monotonic()
        try:
            return av.open(plan.location, options=plan.options, timeout=plan.timeout)
        except FFmpegError as error:
            timed_out = time.monotonic() - started_s > _TIMED_OUT_SHARE * min(plan.timeout[0], SOCKET_TIMEOUT_S)
            raise self._error(error, timed_out=timed_out) from None
        except ValueError as error:  # of PyAV itself, e.g. a NUL in the URL
            raise StreamError(Reason.NOT_FOUND, str(error)) from None

    def _find_video(self) -> VideoStream:
        if not self._container.streams.video:
            raise StreamError(Reason.UNSUPPORTED_CODEC, "What the camera sends has no video in it.")
        video = self._container.streams.video[0]
        if video.codec_context is None:
            raise StreamError(Reason.UNSUPPORTED_CODEC, "The camera's video has a codec that is not supported.")
        return video

    def _error(self, error: FFmpegError, *, reading: bool = False, timed_out: bool = False) -> StreamError:
        reason = classify(
            error,
            scheme=self._scheme,
            opening=not reading,
            timed_out=timed_out,
            host_known=reading or _is_known(self._url),
        )
        if reading and reason is Reason.TIMEOUT and not self._got_packets:
            reason = Reason.NO_FRAMES  # it promised a stream and sent nothing
        return StreamError(reason, _MESSAGES[reason] + f" ({error.strerror or type(error).__name__})")


_MESSAGES = {
    Reason.AUTH_FAILED: "The camera refuses the user name or password.",
    Reason.NOT_FOUND: "There is no such host or no such path.",
    Reason.TIMEOUT: "The camera does not answer, or stopped sending.",
    Reason.REFUSED: "The host refuses the connection.",
    Reason.TLS: "The encrypted connection failed: the certificate is not trusted, or the camera does not speak TLS.",
    Reason.UNSUPPORTED_CODEC: "What the camera sends is no video that can be decoded.",
    Reason.NO_FRAMES: "The camera sends no pictures.",
}


def _is_known(url: str) -> bool:
    host = urlsplit(url).hostname
    if not host:
        return True
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return False
    return True
