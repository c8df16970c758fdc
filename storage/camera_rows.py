"""Between a camera and its row: credentials are encrypted, and known ones stand in for hidden ones."""

from __future__ import annotations

import contextlib

from core.errors import CamrecError
from core.redact import is_redacted, redact, without_userinfo
from core.types import Zone
from storage.camera import RECORDING_MODES, Camera, CameraRecognition, Recording, RecordingMode
from storage.models import CameraRow, RecognitionRow
from storage.secrets import Secrets


class CredentialsMissingError(CamrecError):
    """A URL with hidden credentials came for a camera whose credentials are not known."""


class CameraRows:
    """Reads and fills rows with the keys of this installation."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def fill(self, row: CameraRow, camera: Camera) -> None:
        """Make the row say what the camera is; its version grows where that is something new.

        Raises:
            CredentialsMissingError: a URL hides credentials that are not known.
        """
        before = self.camera(row) if row.version else None
        url = self._with_known_credentials(camera.url, row.url_encrypted)
        detect_url = camera.detect_url and self._with_known_credentials(
            camera.detect_url, row.detect_url_encrypted, row.url_encrypted
        )
        row.name = camera.name or row.name or ""
        row.url_encrypted, row.url_shown = self._secrets.encrypt(url), redact(url)
        row.detect_url_encrypted = self._secrets.encrypt(detect_url) if detect_url else None
        row.detect_url_shown = redact(detect_url) if detect_url else None
        row.enabled, row.tls_verify, row.keep_fps = camera.enabled, camera.tls_verify, camera.keep_fps
        row.motion_gate = camera.motion_gate
        recording = camera.recording
        row.recording_mode, row.recording_pre_s, row.recording_post_s = (
            recording.mode,
            recording.pre_s,
            recording.post_s,
        )
        known = {r.kind: r for r in row.recognitions}
        row.recognitions = [
            _filled(known.get(r.kind) or RecognitionRow(kind=r.kind), r)
            for r in sorted(camera.recognitions, key=lambda r: r.kind)
        ]
        # An unchanged camera keeps its version, so that capture does not touch its stream.
        if before is None or before != self.camera(row):
            row.version += 1

    def camera(self, row: CameraRow) -> Camera:
        """The camera of a row; where its URLs were encrypted with another key, with that `Camera.fault`."""
        fault = None
        try:
            url = self._secrets.decrypt(row.url_encrypted)
            detect_url = None if row.detect_url_encrypted is None else self._secrets.decrypt(row.detect_url_encrypted)
        except CamrecError as error:
            url, detect_url, fault = row.url_shown, row.detect_url_shown, str(error)
        return Camera(
            id=row.id,
            name=row.name,
            url=url,
            detect_url=detect_url,
            enabled=row.enabled,
            tls_verify=row.tls_verify,
            motion_gate=row.motion_gate,
            keep_fps=row.keep_fps,
            recognitions=tuple(
                CameraRecognition(r.kind, r.fps, dict(r.settings), dict(r.models)) for r in row.recognitions
            ),
            zones=tuple(
                Zone(
                    name=z.name,
                    kind="exclude" if z.kind == "exclude" else "include",
                    points=tuple((x, y) for x, y in z.points),
                    recognitions=tuple(z.recognitions),
                )
                for z in row.zones
            ),
            recording=Recording(_mode(row.recording_mode), row.recording_pre_s, row.recording_post_s),
            version=row.version,
            created_at=row.created_at,
            fault=fault,
        )

    def _with_known_credentials(self, url: str, *encrypted: str | None) -> str:
        """A client that sends back a URL as it was shown to it (``rtsp://***@host``) means: as it is."""
        if not is_redacted(url):
            return url
        for known in filter(None, encrypted):
            with contextlib.suppress(CamrecError):  # encrypted with another key: as if there were none
                if without_userinfo(clear := self._secrets.decrypt(known)) == without_userinfo(url):
                    return clear
        raise CredentialsMissingError(
            f"{url} hides its credentials, and no such URL is stored with them: send user name and password in full."
        )


def _mode(stored: str) -> RecordingMode:
    return next((mode for mode in RECORDING_MODES if mode == stored), "off")


def _filled(row: RecognitionRow, recognition: CameraRecognition) -> RecognitionRow:
    row.fps, row.settings, row.models = recognition.fps, dict(recognition.settings), dict(recognition.models)
    return row
