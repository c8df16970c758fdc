"""Errors of FFmpeg → reasons of the design, section 7."""

from __future__ import annotations

import errno

import pytest
from av import error as av_error

from capture.reasons import Reason, classify


def ffmpeg_error(kind: type[av_error.FFmpegError], number: int = 0) -> av_error.FFmpegError:
    return kind(number, "text", "rtsp://user:secret@camera/1")


@pytest.mark.parametrize(
    ("error", "circumstances", "expected"),
    [
        pytest.param(ffmpeg_error(av_error.HTTPUnauthorizedError), {}, Reason.AUTH_FAILED, id="401"),
        pytest.param(ffmpeg_error(av_error.HTTPForbiddenError), {}, Reason.AUTH_FAILED, id="403"),
        pytest.param(ffmpeg_error(av_error.HTTPNotFoundError), {}, Reason.NOT_FOUND, id="404"),
        pytest.param(ffmpeg_error(av_error.HTTPOtherClientError), {}, Reason.NOT_FOUND, id="410"),
        pytest.param(ffmpeg_error(av_error.HTTPTooManyRequestsError), {}, Reason.REFUSED, id="429"),
        pytest.param(ffmpeg_error(av_error.HTTPServerError), {}, Reason.NO_FRAMES, id="503"),
        pytest.param(
            ffmpeg_error(av_error.ConnectionRefusedError, errno.ECONNREFUSED), {}, Reason.REFUSED, id="closed"
        ),
        pytest.param(ffmpeg_error(av_error.OSError, errno.EPROTONOSUPPORT), {}, Reason.REFUSED, id="461: not over TCP"),
        pytest.param(ffmpeg_error(av_error.ExitError), {}, Reason.TIMEOUT, id="PyAV's time limit is no OSError"),
        pytest.param(ffmpeg_error(av_error.TimeoutError, errno.ETIMEDOUT), {}, Reason.TIMEOUT, id="socket time-out"),
        pytest.param(ffmpeg_error(av_error.OSError, errno.EHOSTUNREACH), {}, Reason.TIMEOUT, id="host is off"),
        pytest.param(
            ffmpeg_error(av_error.InvalidDataError), {"timed_out": True}, Reason.TIMEOUT, id="accepts, is mute"
        ),
        pytest.param(ffmpeg_error(av_error.InvalidDataError), {}, Reason.NO_FRAMES, id="accepts and hangs up"),
        pytest.param(
            ffmpeg_error(av_error.InvalidDataError), {"scheme": "http"}, Reason.UNSUPPORTED_CODEC, id="a web page"
        ),
        pytest.param(
            ffmpeg_error(av_error.InvalidDataError), {"opening": False}, Reason.UNSUPPORTED_CODEC, id="garbage later"
        ),
        pytest.param(ffmpeg_error(av_error.DemuxerNotFoundError), {}, Reason.UNSUPPORTED_CODEC, id="no demuxer"),
        pytest.param(ffmpeg_error(av_error.OSError, errno.EIO), {"host_known": False}, Reason.NOT_FOUND, id="no host"),
        pytest.param(ffmpeg_error(av_error.OSError, errno.EIO), {"scheme": "rtsps"}, Reason.TLS, id="bad certificate"),
        pytest.param(ffmpeg_error(av_error.OSError, errno.EIO), {}, Reason.NO_FRAMES, id="hung up in plain text"),
        pytest.param(
            ffmpeg_error(av_error.OSError, errno.EIO), {"scheme": "rtsps", "opening": False}, Reason.NO_FRAMES, id="cut"
        ),
        pytest.param(
            ffmpeg_error(av_error.FileNotFoundError, errno.ENOENT), {"scheme": "file"}, Reason.NOT_FOUND, id="file"
        ),
        pytest.param(ffmpeg_error(av_error.UnknownError), {}, Reason.NO_FRAMES, id="anything else"),
    ],
)
def test_error_has_reason(error: av_error.FFmpegError, circumstances: dict[str, object], expected: Reason) -> None:
    assert classify(error, **{"scheme": "rtsp", "opening": True, **circumstances}) is expected  # type: ignore[arg-type]
