"""What cameras show: now, live, and what was kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence

from flask import Response

from app.api import mjpeg
from app.api.auth.gate import rights_check
from app.api.blueprint import send_jpeg
from app.api.errors import ApiError
from app.api.pictures import draw_zones, narrow, narrow_jpeg
from app.api.playback.kept_jpegs import kept_jpegs
from app.api.services import Services
from app.api.streams import Stream
from core.clock import iso_utc
from core.errors import UnavailableError
from core.types import JpegFrame, Zone
from storage.camera import Camera
from storage.kept_frames import KeptFrame
from storage.media import encode_jpeg

REPEAT_S = 5.0
"""A picture is sent again after this time without a new one: only sending shows that the viewer has gone."""

LONGEST_PAUSE_S = 2.0
"""A slide show leaves out longer gaps."""

SLIDES_AT_ONCE = 100

_log = logging.getLogger(__name__)


def snapshot(services: Services, camera_id: int, width: int | None, zones: bool) -> Response:
    """The camera's newest frame.

    Raises:
        CameraNotFoundError: there is no such camera.
        ApiError: 404, there is no frame.
    """
    camera = services.cameras.get(camera_id)
    frame = newest(services, camera, width, camera.zones if zones else ())
    return send_jpeg(frame.jpeg, X_Captured_At=iso_utc(frame.ref.captured_at))


def newest(services: Services, camera: Camera, width: int | None, zones: Sequence[Zone] = ()) -> JpegFrame:
    """The camera's newest frame, however old, at most ``width`` pixels wide, with these zones drawn.

    Raises:
        ApiError: 404, the camera is disabled or has shown nothing yet.
    """
    if not camera.enabled:
        raise ApiError(404, "no_frame", "The camera is disabled.")
    frame = _newest(services, camera.id, width, zones)
    if frame is None:
        raise ApiError(404, "no_frame", f"No frame yet; /api/v1/cameras/{camera.id}/status says why.")
    return frame


def _newest(
    services: Services, camera_id: int, width: int | None, zones: Sequence[Zone] = (), seen: int = 0
) -> JpegFrame | None:
    """None: there is none, or its seq is ``seen``. Decoded only where the picture changes."""
    if width is None and not zones:
        return services.frames.newest_jpeg(camera_id, seen)
    frame = services.frames.newest(camera_id, seen)
    if frame is None:
        return None
    pixels = draw_zones(frame.pixels, zones) if zones else frame.pixels
    return JpegFrame(frame.ref, encode_jpeg(narrow(pixels, width)))


def stream(services: Services, camera_id: int, fps: float, width: int | None) -> Response:
    """The camera's frames as they come, at most ``fps`` of them a second.

    Raises:
        CameraNotFoundError: there is no such camera.
        ApiError: 404, there is no frame; 503, too many streams.
    """
    first = newest(services, services.cameras.get(camera_id), width)

    def chunks(stream: Stream) -> Iterator[bytes]:
        return _parts((f.jpeg, f.ref.captured_at) for f in _live(services, first, 1 / fps, width, stream))

    return services.streams.answer(chunks, mjpeg.MIMETYPE, rights_check())


def slideshow(
    services: Services, camera_id: int, at: float, seconds: float, speed: float, width: int | None
) -> Response:
    """Kept frames around a time, one after another as they were captured, ``speed`` times as fast.

    Raises:
        CameraNotFoundError: there is neither such a camera nor a frame of it then.
        ApiError: 404, nothing was kept then; 503, too many streams.
    """
    from_s, to_s = at - seconds / 2, at + seconds / 2
    if not services.kept_frames.between(camera_id, from_s, to_s, limit=1):
        services.cameras.get(camera_id)
        raise ApiError(404, "no_frame", f"No frames were kept between {iso_utc(max(0, from_s))} and {iso_utc(to_s)}.")

    def chunks(stream: Stream) -> Iterator[bytes]:
        frames = _paced(_kept(services, camera_id, from_s, to_s), speed, stream)
        found = kept_jpegs(services.media, frames)
        return _parts((narrow_jpeg(data, width), captured_at) for data, captured_at in found)

    return services.streams.answer(chunks, mjpeg.MIMETYPE, rights_check())


def _parts(pictures: Iterator[tuple[bytes, float]]) -> Iterator[bytes]:
    yield mjpeg.START
    for jpeg, captured_at in pictures:
        yield mjpeg.part(jpeg, captured_at)


def _live(
    services: Services, first: JpegFrame, interval_s: float, width: int | None, stream: Stream
) -> Iterator[JpegFrame]:
    last, sent_at, frame = first, float("-inf"), None
    while True:
        started_at = time.monotonic()
        if frame is not None or started_at - sent_at > REPEAT_S:
            last, sent_at = frame or last, started_at
            yield last
        if stream.pause(max(0.0, interval_s - (time.monotonic() - started_at))):
            return
        frame = _newest_or_none(services, last, width)


def _newest_or_none(services: Services, last: JpegFrame, width: int | None) -> JpegFrame | None:
    """A frame other than the last; a store that is away for a while does not end the stream."""
    try:
        return _newest(services, last.ref.camera_id, width, seen=last.ref.seq)
    except UnavailableError as error:
        _log.debug("No live frame: %s", error)
        return None


def _kept(services: Services, camera_id: int, from_s: float, to_s: float) -> Iterator[KeptFrame]:
    after = (0.0, 0)
    while frames := services.kept_frames.between(camera_id, from_s, to_s, SLIDES_AT_ONCE, after):
        yield from frames
        after = (frames[-1].captured_at, frames[-1].id)


def _paced(frames: Iterator[KeptFrame], speed: float, stream: Stream) -> Iterator[KeptFrame]:
    before: float | None = None
    for frame in frames:
        if before is not None and stream.pause(min(LONGEST_PAUSE_S, (frame.captured_at - before) / speed)):
            return
        before = frame.captured_at
        yield frame
