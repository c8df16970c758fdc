"""Tables. Times are seconds since the epoch (UTC); ids of deleted cameras are never used again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

BigId = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """All tables of the installation."""

    type_annotation_map = {float: Float(53), dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012


class UserRow(Base):
    """Somebody who may log in."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[float]
    token_version: Mapped[int] = mapped_column(default=1)
    """Tokens bear it: a new password makes the old ones worthless."""


class CameraRow(Base):
    """A configured source. URLs are encrypted; what may be shown stands beside them."""

    __tablename__ = "cameras"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(128), unique=True)
    url_encrypted: Mapped[str] = mapped_column(Text)
    url_shown: Mapped[str] = mapped_column(Text)
    detect_url_encrypted: Mapped[str | None] = mapped_column(Text)
    detect_url_shown: Mapped[str | None] = mapped_column(Text)
    enabled: Mapped[bool] = mapped_column(Boolean)
    tls_verify: Mapped[bool] = mapped_column(Boolean)
    keep_fps: Mapped[float | None]
    created_at: Mapped[float]
    version: Mapped[int] = mapped_column(default=1)
    """Grows with every change, so that capture sees what it must restart."""
    recognitions: Mapped[list[RecognitionRow]] = relationship(
        cascade="all, delete-orphan", lazy="selectin", order_by="RecognitionRow.kind"
    )
    zones: Mapped[list[ZoneRow]] = relationship(cascade="all, delete-orphan", lazy="selectin", order_by="ZoneRow.id")


class RecognitionRow(Base):
    """A recognition that a camera has."""

    __tablename__ = "camera_recognitions"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    fps: Mapped[float]
    settings: Mapped[dict[str, Any]]


class ZoneRow(Base):
    """A polygon on a camera's picture, points in 0..1 of its width and height."""

    __tablename__ = "zones"
    __table_args__ = (UniqueConstraint("camera_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(128))
    kind: Mapped[str] = mapped_column(String(16))
    points: Mapped[list[Any]]
    recognitions: Mapped[list[Any]]


class EventRow(Base):
    """An event. `camera_id` is no foreign key: a deleted camera's events stay until retention."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_time", "started_at", "id"),
        Index("ix_events_camera_time", "camera_id", "started_at", "id"),
        Index("ix_events_recognition_time", "recognition", "started_at", "id"),
        Index("ix_events_kind_time", "kind", "started_at", "id"),
        Index("ix_events_changed", "changed_at", "id"),
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
    epoch: Mapped[int] = mapped_column(BigInteger)
    """Of the lease under which it was written last."""
    changed_at: Mapped[float]


class FrameRow(Base):
    """A frame kept on disk."""

    __tablename__ = "frames"
    __table_args__ = (
        Index("ix_frames_camera_time", "camera_id", "captured_at"),
        Index("ix_frames_time", "captured_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    camera_id: Mapped[int]
    captured_at: Mapped[float]
    path: Mapped[str] = mapped_column(Text)
    width: Mapped[int]
    height: Mapped[int]
    size_bytes: Mapped[int]
