"""How long the media of each camera stay: what the settings say, and rules of single cameras that differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, delete, select, true

from core.settings import Settings
from storage.database import Database
from storage.models import RetentionRuleRow

MediaClass = Literal["continuous", "event", "frame", "clip"]
"""Recordings without and with events (and events themselves), kept frames, clips."""
MEDIA_CLASSES: tuple[MediaClass, ...] = get_args(MediaClass)

Priority = Literal["low", "normal", "high"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)
"""Where room is short, media of the first go before those of the next."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How much of a class stays; None: as the settings say (days), or no limit of its own (gigabytes)."""

    days: float | None = None
    gb: float | None = None


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """What holds for one camera."""

    priority: Priority = "normal"
    limits: Mapping[MediaClass, Limit] = field(default_factory=dict)

    def limit(self, media_class: MediaClass) -> Limit:
        """Of one class."""
        return self.limits.get(media_class, Limit())


@dataclass(frozen=True, slots=True)
class CameraScope:
    """Some cameras: those named, or all but those named."""

    ids: frozenset[int]
    is_all_but: bool = False

    def holds(self, camera_id: Any) -> ColumnElement[bool]:
        """SQL: whether a column's camera is one of them."""
        if self.is_all_but:
            return camera_id.not_in(self.ids) if self.ids else true()
        return camera_id.in_(self.ids)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Retention:
    """What holds now, for all cameras."""

    settings: Settings
    rules: Mapping[int, RetentionRule]

    def days(self, media_class: MediaClass) -> Iterator[tuple[CameraScope, float]]:
        """For how many days media of a class stay, and of which cameras."""
        own = {i: d for i, rule in self.rules.items() if (d := rule.limit(media_class).days) is not None}
        yield from _by_days(own, self._usual_days()[media_class])

    def longest_days(self) -> Iterator[tuple[CameraScope, float]]:
        """For how many days anything of a camera stays, and of which cameras."""
        usual = self._usual_days()
        own = {
            i: max(usual[name] if (days := rule.limit(name).days) is None else days for name in MEDIA_CLASSES)
            for i, rule in self.rules.items()
        }
        yield from _by_days(own, max(usual.values()))

    def bytes(self, media_class: MediaClass) -> Iterator[tuple[CameraScope, float]]:
        """How many bytes of a class stay, of each camera that has such a limit."""
        for camera_id, rule in self.rules.items():
            gb = rule.limit(media_class).gb
            if gb is not None:
                yield CameraScope(frozenset((camera_id,))), gb * 1e9

    def _usual_days(self) -> dict[MediaClass, float]:
        return {
            "continuous": self.settings.recordings_days,
            "event": self.settings.events_days,
            "frame": self.settings.frames_days,
            "clip": self.settings.clips_days,
        }

    def by_priority(self) -> Iterator[CameraScope]:
        """All cameras, those first whose media go first where room is short."""
        named = {p: frozenset(i for i, r in self.rules.items() if r.priority == p) for p in PRIORITIES}
        for priority in PRIORITIES:
            if priority == "normal":
                yield CameraScope(named["low"] | named["high"], is_all_but=True)
            elif named[priority]:
                yield CameraScope(named[priority])


def _by_days(own: Mapping[int, float], usual: float) -> Iterator[tuple[CameraScope, float]]:
    """``own``: camera → days, where they differ from the usual ones."""
    yield CameraScope(frozenset(own), is_all_but=True), usual
    for days in sorted(set(own.values())):
        yield CameraScope(frozenset(i for i, its in own.items() if its == days)), days


class RetentionRuleStore:
    """Rows of rules."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, camera_id: int) -> RetentionRule:
        """A camera's rule; one without any has one that says nothing."""
        return self.all().get(camera_id, RetentionRule())

    def all(self) -> dict[int, RetentionRule]:
        """Every rule, by camera."""
        with self._database.read() as session:
            return {row.camera_id: _rule(row) for row in session.scalars(select(RetentionRuleRow))}

    def put(self, camera_id: int, rule: RetentionRule) -> None:
        """Set a camera's rule; one that says nothing goes."""
        limits = {name: asdict(limit) for name, limit in rule.limits.items() if limit != Limit()}
        with self._database.write() as session:
            session.execute(delete(RetentionRuleRow).where(RetentionRuleRow.camera_id == camera_id))
            if limits or rule.priority != "normal":
                session.add(RetentionRuleRow(camera_id=camera_id, priority=rule.priority, limits=limits))


def _rule(row: RetentionRuleRow) -> RetentionRule:
    return RetentionRule(
        priority=next((p for p in PRIORITIES if p == row.priority), "normal"),
        limits={name: Limit(**row.limits[name]) for name in MEDIA_CLASSES if name in row.limits},
    )
