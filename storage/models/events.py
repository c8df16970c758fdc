"""What was seen: events, plates that a site knows, and persons."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, BigId, Node

_GOES_ON = text("ended_at IS NULL")


class EventRow(Base):
    """An event. `camera_id` is no foreign key: a deleted camera's events stay until retention."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_time", "started_at", "id"),
        Index("ix_events_camera_time", "camera_id", "started_at", "id"),
        Index("ix_events_recognition_time", "recognition", "started_at", "id"),
        Index("ix_events_kind_time", "kind", "started_at", "id"),
        Index("ix_events_changed", "changed_at", "id"),
        Index("ix_events_open", "camera_id", "started_at", sqlite_where=_GOES_ON, postgresql_where=_GOES_ON),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    camera_id: Mapped[int]
    recognition: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(32))
    started_at: Mapped[float]
    ended_at: Mapped[float | None]
    score: Mapped[float]
    text: Mapped[str | None] = mapped_column(String(64))
    box: Mapped[list[Any] | None]
    best: Mapped[dict[str, Any]]
    details: Mapped[dict[str, Any]]
    snapshot: Mapped[str | None] = mapped_column(Text)
    """Picture with the box drawn, a path below the media folder; the one without has `-plain` in its name."""
    node: Mapped[str | None] = mapped_column(Node)
    """On whose disk the pictures lie."""
    epoch: Mapped[int] = mapped_column(BigInteger)
    """Of the lease under which it was written last."""
    changed_at: Mapped[float]


class PlateListRow(Base):
    """A list of plates that the site allows, denies or watches."""

    __tablename__ = "plate_lists"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(128), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    max_distance: Mapped[int]
    version: Mapped[int] = mapped_column(default=1)
    """Grows with every change of the list or its entries, so that the judgement sees that it must read them again."""


class PlateListEntryRow(Base):
    """A plate on a list."""

    __tablename__ = "plate_list_entries"
    __table_args__ = (UniqueConstraint("list_id", "text"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("plate_lists.id", ondelete="CASCADE"))
    plate: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(String(32))
    """The plate, normalised."""
    owner: Mapped[str] = mapped_column(String(128))
    note: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[float | None]
    valid_until: Mapped[float | None]


class IdentityRow(Base):
    """Somebody who was seen, by clothes: an entry of the ReID gallery."""

    __tablename__ = "identities"
    __table_args__ = (Index("ix_identities_time", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str | None] = mapped_column(String(128))
    created_at: Mapped[float]


class SightingRow(Base):
    """A passage of an identity on one camera. Its event has the same id."""

    __tablename__ = "sightings"
    __table_args__ = (
        Index("ix_sightings_identity_time", "identity_id", "started_at", "id"),
        Index("ix_sightings_time", "started_at", "id"),
        Index("ix_sightings_camera_time", "camera_id", "started_at", "id"),
        Index("ix_sightings_changed", "changed_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    identity_id: Mapped[str] = mapped_column(ForeignKey("identities.id", ondelete="CASCADE"))
    camera_id: Mapped[int]
    started_at: Mapped[float]
    ended_at: Mapped[float]
    similarity: Mapped[float | None]
    changed_at: Mapped[float]


class IdentityVectorRow(Base):
    """What the person of a sighting looks like, to one model. Vectors of different models are never compared."""

    __tablename__ = "identity_vectors"
    __table_args__ = (Index("ix_identity_vectors_model", "model", "sighting_id"),)

    sighting_id: Mapped[str] = mapped_column(ForeignKey("sightings.id", ondelete="CASCADE"), primary_key=True)
    model: Mapped[str] = mapped_column(String(128))
    """Name and version."""
    values: Mapped[bytes] = mapped_column(LargeBinary)
    """(D,) float16, little-endian, of length 1."""
    quality: Mapped[float]


class ReidThresholdsRow(Base):
    """When two sightings are of one person on this site, as `camrec reid calibrate` found."""

    __tablename__ = "reid_thresholds"

    model: Mapped[str] = mapped_column(String(128), primary_key=True)
    similarity: Mapped[float]
    margin: Mapped[float]
    calibrated_at: Mapped[float]


class TravelTimeRow(Base):
    """The quickest way between two cameras, as learnt. Of those who went it, nothing but their number is kept."""

    __tablename__ = "reid_travel_times"

    from_camera: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    to_camera: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    least_s: Mapped[float | None]
    """None: forgotten, and not learnt again yet."""
    transitions: Mapped[int]
    forgotten_at: Mapped[float]
    """Arrivals before this time do not count any more; 0: all do."""
    learnt_at: Mapped[float]
