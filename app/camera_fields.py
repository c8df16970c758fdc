"""Loaded fields of a camera → those of a stored one: for the API, the command line and imports alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from core.camera_url import check_camera_url
from core.recognitions import RECOGNITIONS
from inference.catalogue import ModelStore
from inference.roles import role_of
from storage.camera import CameraRecognition, Recording


def camera_fields(loaded: Mapping[str, Any], *, allow_files: bool) -> dict[str, Any]:
    """What `CameraSchema` loaded → fields of `Camera`.

    Raises:
        BadUrlError: a URL that is not allowed.
    """
    fields = dict(loaded)
    for shown, name in (("url_shown", "url"), ("detect_url_shown", "detect_url")):
        if shown in fields:
            url = fields.pop(shown)
            fields[name] = url and check_camera_url(url, allow_files=allow_files)
    if "recognitions" in fields:
        fields["recognitions"] = tuple(camera_recognition(r) for r in fields["recognitions"])
    if "recording" in fields:
        fields["recording"] = Recording(**fields["recording"])
    return fields


def camera_recognition(fields: Mapping[str, Any]) -> CameraRecognition:
    """What `RecognitionSchema` loaded → a camera's recognition, at the default rate where none is given."""
    fps = fields.get("fps", RECOGNITIONS[fields["kind"]].default_fps)
    return CameraRecognition(fields["kind"], fps, fields["settings"], fields["models"])


def check_model_choices(recognitions: Iterable[CameraRecognition], models_dir: Path) -> None:
    """Refuse models that cannot do what a camera chose them for; they may still have to be pulled.

    Raises:
        UnknownRoleError, UnknownModelError, UnfitModelError: the text says what there is.
    """
    store = ModelStore(models_dir)
    for recognition in recognitions:
        for role, name in recognition.models.items():
            store.check_fit(role_of(f"{recognition.kind}.{role}"), name)
