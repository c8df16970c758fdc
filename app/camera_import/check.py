"""Entries → cameras to store, or everything that is wrong with them. Pure."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from typing import Any

import marshmallow as ma

from app.api.cameras.schemas import CameraPatchSchema
from app.camera_fields import camera_fields
from app.camera_import.files import Entry
from core.camera_url import BadUrlError, check_camera_url
from core.redact import redact, without_userinfo
from storage.camera import Camera, CameraRecognition

SHOWN_LENGTH = 60
_URLS = ("url", "detect_url")
_SCHEMA = CameraPatchSchema()
_ABSENT = object()
_REPR = reprlib.Repr()
_REPR.maxlevel = 3  # deeper nesting than Python's stack comes, too
_REPR.maxstring = _REPR.maxother = 100_000  # shortened after redaction only


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an entry cannot be a camera. Holds no credentials."""

    place: str
    field: str
    message: str
    """What was expected, and what came."""

    def __str__(self) -> str:
        return ", ".join(part for part in (self.place, self.field) if part) + f": {self.message}"


def check_entries(
    entries: Sequence[Entry],
    known: Sequence[Camera],
    *,
    recognitions: tuple[CameraRecognition, ...] = (),
    only: bool = False,
    allow_files: bool = False,
) -> tuple[list[Camera], list[Fault]]:
    """What is to be stored.

    An entry means the known camera with its id; without id, the one with its name; without both, the one with its
    URL. What it does not give stays as it is.

    Args:
        entries: What came.
        known: The cameras there are.
        recognitions: For new cameras whose entry names none.
        only: Whether the cameras of the list will be the only ones, so that names of others are free.
        allow_files: Whether cameras may be local files.

    Returns:
        The cameras (id 0 or name "" where the store is to choose), and the faults: where there are any, the cameras
        are not to be used.
    """
    book = _Book(known)
    cameras: list[Camera] = []
    faults: list[Fault] = []
    for entry in entries:
        found = _load(entry, allow_files)
        if isinstance(found, list):
            faults += found
            continue
        camera = book.merged(found, recognitions)
        cameras.append(camera)
        faults += book.note(entry.place, camera)
    if not only:
        faults += book.names_of_others()
    return cameras, faults


class _Book:
    """Which cameras are known, and where in the list ids and names stand."""

    def __init__(self, known: Sequence[Camera]) -> None:
        self._by_id = {c.id: c for c in known}
        self._by_name = {c.name: c for c in known}
        self._by_url = {without_userinfo(c.url): c for c in reversed(known)}
        self._ids: dict[int, str] = {}
        self._names: dict[str, str] = {}

    def merged(self, given: dict[str, Any], recognitions: tuple[CameraRecognition, ...]) -> Camera:
        if "id" in given:
            before = self._by_id.get(given["id"])
        elif "name" in given:
            before = self._by_name.get(given["name"])
        else:
            before = self._by_url.get(without_userinfo(given["url"]))
        if before is not None:
            return changed(before, **given)
        return Camera(**{"id": 0, "name": "", "recognitions": recognitions, **given})

    def note(self, place: str, camera: Camera) -> Iterator[Fault]:
        name = camera.name or (f"camera-{camera.id}" if camera.id else "")
        if camera.id and (first := self._ids.setdefault(camera.id, place)) != place:
            yield Fault(place, "id", f"Each camera stands there once; camera {camera.id} is in {first} already.")
        elif name and (first := self._names.setdefault(name, place)) != place:
            yield Fault(place, "name", f"Each name stands there once; {_shown(name)} is in {first} already.")

    def names_of_others(self) -> Iterator[Fault]:
        for name, place in self._names.items():
            holder = self._by_name.get(name)
            if holder is not None and holder.id not in self._ids:
                yield Fault(
                    place, "name", f"{_shown(name)} is the name of camera {holder.id}, which is not in the list."
                )


def _load(entry: Entry, allow_files: bool) -> dict[str, Any] | list[Fault]:
    """The entry's fields as a `Camera` has them, only those that it gives."""
    content = entry.content
    if not isinstance(content, Mapping):
        return [Fault(entry.place, "", f"Expected an object with url and more; got {_shown(content)}.")]
    loaded: dict[str, Any] = {}
    faults = dict(_url_faults(content, allow_files))
    try:
        loaded = _SCHEMA.load(content)
    except ma.ValidationError as error:
        faults |= dict(field_faults(error.messages, content))
    if faults:
        return [Fault(entry.place, field, message) for field, message in faults.items()]
    return camera_fields(loaded, allow_files=allow_files)


def _url_faults(content: Mapping[str, Any], allow_files: bool) -> Iterator[tuple[str, str]]:
    if "url" not in content:
        yield "url", "Missing: every camera has one."
    for field in _URLS:
        url = content.get(field)
        if isinstance(url, str):
            try:
                check_camera_url(url, allow_files=allow_files)
            except BadUrlError as error:
                yield field, f"{error} Got {_shown(url, field)}."


def field_faults(messages: Any, content: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Marshmallow's nested messages → (field, message with what came)."""
    if isinstance(messages, Mapping):
        for key, below in messages.items():
            if key == ma.exceptions.SCHEMA:
                yield from field_faults(below, content, field)
            else:
                nested = f"{field}[{key}]" if isinstance(key, int) else f"{field}.{key}".lstrip(".")
                yield from field_faults(below, _at(content, key), nested)
        return
    text = " ".join(messages)
    known = re.split(r"[.\[]", field, maxsplit=1)[0] in _SCHEMA.fields
    # The value of a field that nobody knows may be a password.
    yield field, f"{text} Got {_shown(content, field)}." if known and content is not _ABSENT else text


def _at(content: Any, key: str | int) -> Any:
    try:
        return content[key]
    except (KeyError, IndexError, TypeError):
        return _ABSENT


def _shown(value: Any, field: str = "") -> str:
    text = value if isinstance(value, str) else _REPR.repr(value)
    if field in _URLS:
        text = "".join(text.split())  # a space would end the URL that is redacted
        if "://" not in text:
            return f"{len(text)} characters without ://"
        scheme, _, rest = text.partition("://")  # of a URL that is refused, nothing says where its password ends
        text = f"{scheme}://***@{rest.rpartition('@')[2]}" if "@" in rest else text
    text = redact(text)
    return repr(text) if len(text) <= SHOWN_LENGTH else f"{text[:SHOWN_LENGTH]!r}…"
