"""A video file with its sound, demuxed and packetised once, ready to be sent any number of times."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from app.demo.rtsp.messages import TRACK
from app.demo.rtsp.rtp import CLOCK_HZ, PAYLOAD_TYPE, Codec, nal_type, packetise, split_annex_b
from app.demo.rtsp.sound import Sound
from core.errors import CamrecError
from core.redact import redact

MAX_CLIP_BYTES = 512 * 1024 * 1024
"""Clips are held in memory."""

_PARAMETER_SETS: dict[Codec, dict[int, str]] = {
    "h264": {7: "sps", 8: "pps"},
    "hevc": {32: "vps", 33: "sps", 34: "pps"},
}
_CODECS: dict[str, Codec] = {"h264": "h264", "hevc": "hevc"}
_ACCESS_UNIT_DELIMITER: dict[Codec, int] = {"h264": 9, "hevc": 35}


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture, or a packet of sound."""

    payloads: tuple[bytes, ...]
    """RTP payloads, without headers."""
    is_key: bool
    presented_at: int
    """Ticks of the track's RTP clock since the clip's first picture; not monotonic where there are B-frames."""
    sent_at_s: float
    """Decode time since the clip's first picture."""
    track: int = 0
    """0: pictures, 1: sound."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A file's video in decode order, from its first key frame on, with its sound if that is one that cameras send."""

    codec: Codec
    units: tuple[AccessUnit, ...]
    length_ticks: int
    """Of one round, in ticks of the RTP clock."""
    parameter_sets: dict[str, bytes]
    starts_at_s: float
    """Of its first picture, by the file's own time."""
    sound: Sound | None = None

    @property
    def length_s(self) -> float:
        """Of one round."""
        return self.length_ticks / CLOCK_HZ

    @classmethod
    def load(cls, path: Path) -> Clip:
        """Demux a file.

        Raises:
            CamrecError: it cannot be read, or holds no H.264 or H.265 video with timestamps.
        """
        try:
            with av.open(str(path)) as container:
                clip = _load(path, container)
            with av.open(str(path)) as container:
                return _with_sound(clip, container)
        except (av.error.FFmpegError, OSError) as error:
            raise CamrecError(f"{path}: cannot be read as a video: {redact(str(error))}") from error

    def sdp(self) -> str:
        """Session description (RFC 8866) with the parameters of RFC 6184 or RFC 7798."""
        sets = {name: base64.b64encode(nal).decode() for name, nal in self.parameter_sets.items()}
        if self.codec == "hevc":
            name = "H265"
            parameters = f"sprop-vps={sets['vps']};sprop-sps={sets['sps']};sprop-pps={sets['pps']}"
        else:
            name = "H264"
            profile = self.parameter_sets["sps"][1:4].hex()
            parameters = (
                f"packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sets['sps']},{sets['pps']}"
            )
        lines = [
            "v=0",
            "o=- 1 1 IN IP4 0.0.0.0",
            "s=camrec",
            "c=IN IP4 0.0.0.0",
            "t=0 0",
            "a=control:*",
            f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
            f"a=rtpmap:{PAYLOAD_TYPE} {name}/{CLOCK_HZ}",
            f"a=fmtp:{PAYLOAD_TYPE} {parameters}",
            f"a=control:{TRACK}1",
            *([] if self.sound is None else self.sound.sdp(f"{TRACK}2")),
        ]
        return "".join(f"{line}\r\n" for line in lines)


def _load(path: Path, container: InputContainer) -> Clip:
    if not container.streams.video:
        raise CamrecError(f"{path}: holds no video; expected H.264 or H.265")
    stream = container.streams.video[0]
    codec = _CODECS.get(stream.codec_context.name)
    if codec is None:
        raise CamrecError(f"{path}: its video is {stream.codec_context.name}; expected H.264 or H.265")
    units: list[AccessUnit] = []
    parameter_sets: dict[str, bytes] = {}
    times: list[tuple[float, float]] = []
    for packet in _key_frame_first(path, stream, container, codec):
        nals = split_annex_b(bytes(packet))
        for nal in nals:
            if name := _PARAMETER_SETS[codec].get(nal_type(nal, codec)):
                parameter_sets.setdefault(name, nal)
        if packet.pts is None or packet.dts is None:
            raise CamrecError(f"{path}: its pictures have no times; expected a container such as MP4, MKV or MPEG-TS")
        times.append((float(packet.pts * packet.time_base), float(packet.dts * packet.time_base)))
        kept = (nal for nal in nals if nal_type(nal, codec) != _ACCESS_UNIT_DELIMITER[codec])
        payloads = tuple(payload for nal in kept for payload in packetise(nal, codec))
        units.append(AccessUnit(payloads, bool(packet.is_keyframe), 0, 0.0))
    if missing := set(_PARAMETER_SETS[codec].values()) - set(parameter_sets):
        raise CamrecError(f"{path}: no key frame with the parameter sets {', '.join(sorted(missing))}")
    return _timed(codec, units, times, parameter_sets)


def _key_frame_first(
    path: Path, stream: VideoStream, container: InputContainer, codec: Codec
) -> Iterator[Packet[VideoStream]]:
    """Packets with start codes; what precedes the first key frame cannot be decoded when the loop comes round."""
    to_annex_b = BitStreamFilterContext(f"{codec}_mp4toannexb", stream)
    size, started = 0, False
    for packet in container.demux(stream):
        if not packet.size:
            continue
        size += packet.size
        if size > MAX_CLIP_BYTES:
            raise CamrecError(f"{path}: holds more than {MAX_CLIP_BYTES >> 20} MiB of video; expected a shorter clip")
        for converted in to_annex_b.filter(packet):
            started = started or bool(converted.is_keyframe)
            if started:
                yield converted


def _timed(
    codec: Codec, units: list[AccessUnit], times: list[tuple[float, float]], parameter_sets: dict[str, bytes]
) -> Clip:
    first_pts = min(pts for pts, _ in times)
    first_dts = times[0][1]
    span_s = times[-1][1] - first_dts
    # The last picture is shown as long as the others on average, or one second where it is the only one.
    length_s = span_s * len(times) / (len(times) - 1) if span_s > 0 else 1.0
    timed = tuple(
        AccessUnit(unit.payloads, unit.is_key, round((pts - first_pts) * CLOCK_HZ), max(0.0, dts - first_dts))
        for unit, (pts, dts) in zip(units, times, strict=True)
    )
    return Clip(codec, timed, round(length_s * CLOCK_HZ), parameter_sets, first_pts)


def _with_sound(clip: Clip, container: InputContainer) -> Clip:
    """What is heard while the clip's pictures are seen, each packet before the picture that follows it."""
    stream = next(iter(container.streams.audio), None)
    sound = None if stream is None else Sound.of(stream)
    if stream is None or sound is None:
        return clip
    units = list(clip.units)
    for packet in container.demux(stream):
        at_s = float((packet.pts or 0) * packet.time_base) - clip.starts_at_s
        if packet.size and packet.pts is not None and 0 <= at_s < clip.length_s:
            payload = sound.payload(bytes(packet))
            units.append(AccessUnit((payload,), False, round(at_s * sound.clock_hz), at_s, track=1))
    return replace(clip, units=tuple(sorted(units, key=lambda unit: unit.sent_at_s)), sound=sound)
