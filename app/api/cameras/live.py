"""What cameras show: now, live, and what was kept."""

from __future__ import annotations

import time
from collections.abc import Iterator

from flask import Response

from app.api import mjpeg
from app.api.auth.gate import rights_check
from app.api.blueprint import send_jpeg
from app.api.errors import ApiError
from app.api.pictures import draw_zones, narrow, narrow_jpeg
from app.api.services import Services
from app.api.streams import Stream
from core.clock import iso_utc
from core.types import Frame
from storage.camera import Camera
from storage.kept_frames import KeptFrame
from storage.media import encode_jpeg

REPEAT_S = 5.0
"""A picture is sent again after this time without a new one: only sending shows that the viewer has gone."""

LONGEST_PAUSE_S = 2.0
"""A slide show leaves out longer gaps."""

SLIDES_AT_ONCE = 100


def snapshot(services: Services, camera_id: int, width: int | None, zones: bool) -> Response:
    """The camera's newest frame.

    Raises:
        CameraNotFoundError: there is no such camera.
        ApiError: 404, there is no frame.
    """
    camera = services.cameras.get(camera_id)
    frame = newest(services, camera)
    pixels = draw_zones(frame.pixels, camera.zones) if zones else frame.pixels
    return send_jpeg(encode_jpeg(narrow(pixels, width)), X_Captured_At=iso_utc(frame.ref.captured_at))


def newest(services: Services, camera: Camera) -> Frame:
    """The camera's newest frame, however old.

    Raises:
        ApiError: 404, the camera is disabled or has shown nothing yet.
    """
    if not camera.enabled:
        raise ApiError(404, "no_frame", "The camera is disabled.")
    frame = services.frames.newest(camera.id)
    if frame is None:
        raise ApiError(404, "no_frame", f"No frame yet; /api/v1/cameras/{camera.id}/status says why.")
    return frame


def stream(services: Services, camera_id: int, fps: float, width: int | None) -> Response:
    """The camera's frames as they come, at most ``fps`` of them a second.

    Raises:
        CameraNotFoundError: there is no such camera.
        ApiError: 404, there is no frame; 503, too many streams.
    """
    first = newest(services, services.cameras.get(camera_id))

    def chunks(stream: Stream) -> Iterator[bytes]:
        frames = _live(services, camera_id, first, 1 / fps, stream)
        return _parts((encode_jpeg(narrow(frame.pixels, width)), frame.ref.captured_at) for frame in frames)

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
        files = ((services.media.read(frame.path), frame.captured_at) for frame in frames)
        return _parts((narrow_jpeg(data, width), captured_at) for data, captured_at in files if data is not None)

    return services.streams.answer(chunks, mjpeg.MIMETYPE, rights_check())


def _parts(pictures: Iterator[tuple[bytes, float]]) -> Iterator[bytes]:
    yield mjpeg.START
    for jpeg, captured_at in pictures:
        yield mjpeg.part(jpeg, captured_at)


def _live(services: Services, camera_id: int, first: Frame, interval_s: float, stream: Stream) -> Iterator[Frame]:
    frame: Frame | None = first
    last, sent_at = first, 0.0
    while True:
        started_at = time.monotonic()
        if frame is not None and (frame.ref.seq != last.ref.seq or started_at - sent_at > REPEAT_S):
            yield frame
            last, sent_at = frame, started_at
        if stream.pause(max(0.0, interval_s - (time.monotonic() - started_at))):
            return
        frame = services.frames.newest(camera_id) or last


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
