"""Why a camera shows no picture, as a short fixed list for its status."""

from __future__ import annotations

import errno
from enum import StrEnum

from av import error as av_error


class Reason(StrEnum):
    """What is wrong with a camera."""

    AUTH_FAILED = "auth_failed"
    """It wants other credentials (401, 403)."""
    NOT_FOUND = "not_found"
    """Its host has no such name, or its server no such path."""
    TIMEOUT = "timeout"
    """Nobody answers, or a running stream stalled."""
    REFUSED = "refused"
    """The host is there and does not serve: closed port, RTSP over TCP refused, too many viewers."""
    TLS = "tls"
    """No trusted encrypted connection comes about."""
    UNSUPPORTED_CODEC = "unsupported_codec"
    """What comes is no video that this FFmpeg decodes."""
    NO_FRAMES = "no_frames"
    """The connection stands, or ended, without pictures."""


_BY_TYPE: tuple[tuple[type[BaseException], Reason], ...] = (
    (av_error.HTTPUnauthorizedError, Reason.AUTH_FAILED),
    (av_error.HTTPForbiddenError, Reason.AUTH_FAILED),
    (av_error.HTTPTooManyRequestsError, Reason.REFUSED),
    (av_error.HTTPClientError, Reason.NOT_FOUND),
    (av_error.HTTPServerError, Reason.NO_FRAMES),
    (av_error.ExitError, Reason.TIMEOUT),  # FFmpeg's interrupt callback: PyAV's own time limit
    (av_error.TimeoutError, Reason.TIMEOUT),
    (av_error.ConnectionRefusedError, Reason.REFUSED),
    (av_error.PermissionError, Reason.REFUSED),
    (av_error.FileNotFoundError, Reason.NOT_FOUND),
    (av_error.IsADirectoryError, Reason.NOT_FOUND),
    (av_error.NotADirectoryError, Reason.NOT_FOUND),
    (av_error.InvalidDataError, Reason.UNSUPPORTED_CODEC),
    (av_error.LookupError, Reason.UNSUPPORTED_CODEC),  # no demuxer, no decoder, no such protocol
    (av_error.PatchWelcomeError, Reason.UNSUPPORTED_CODEC),
    (av_error.NotImplementedError, Reason.UNSUPPORTED_CODEC),
)

_BY_NUMBER: dict[int | None, Reason] = {
    errno.EHOSTUNREACH: Reason.TIMEOUT,
    errno.ENETUNREACH: Reason.TIMEOUT,
    errno.EHOSTDOWN: Reason.TIMEOUT,
    errno.EPROTONOSUPPORT: Reason.REFUSED,  # RTSP status 461: the camera does not do TCP
}


def classify(
    error: BaseException, *, scheme: str, opening: bool, timed_out: bool = False, host_known: bool = True
) -> Reason:
    """The reason that an error of FFmpeg means.

    FFmpeg says "Input/output error" for an unknown host as well as for a refused certificate, and "Invalid data" for a
    server that is silent, hangs up or sends no video, so the circumstances decide:

    - unknown host → ``not_found``; another input/output error while a TLS connection is opened → ``tls``;
    - invalid data after the whole open time limit → ``timeout``; at once over RTSP (it accepted and hung up, or does
      not speak RTSP) → ``no_frames``; at once over HTTP or from a file (it sent something else) →
      ``unsupported_codec``.

    Args:
        error: an `av.error.FFmpegError`.
        scheme: of the camera's URL.
        opening: it came from opening, not from reading a running stream.
        timed_out: opening took its whole time limit.
        host_known: the host's name resolves.
    """
    if isinstance(error, av_error.InvalidDataError) and timed_out:
        return Reason.TIMEOUT
    if isinstance(error, av_error.InvalidDataError) and opening and scheme in {"rtsp", "rtsps"}:
        return Reason.NO_FRAMES
    number = getattr(error, "errno", None)
    if number == errno.EIO and opening and not host_known:
        return Reason.NOT_FOUND
    if number == errno.EIO and opening and scheme in {"rtsps", "https"}:
        return Reason.TLS
    by_type = next((reason for kind, reason in _BY_TYPE if isinstance(error, kind)), None)
    return by_type or _BY_NUMBER.get(number, Reason.NO_FRAMES)
