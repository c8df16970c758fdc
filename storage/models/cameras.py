"""Cameras, and who may see them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ForeignKey, String, Text, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storage.models.base import Base


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
    motion_gate: Mapped[bool] = mapped_column(Boolean, server_default=true())
    keep_fps: Mapped[float | None]
    recording_mode: Mapped[str] = mapped_column(String(16))
    recording_pre_s: Mapped[float]
    recording_post_s: Mapped[float]
    created_at: Mapped[float]
    version: Mapped[int] = mapped_column(default=1)
    """Grows with every change, so that capture sees what it must restart."""
    recognitions: Mapped[list[RecognitionRow]] = relationship(
        cascade="all, delete-orphan", lazy="selectin", order_by="RecognitionRow.kind"
    )
    zones: Mapped[list[ZoneRow]] = relationship(cascade="all, delete-orphan", lazy="selectin", order_by="ZoneRow.id")


class PurgedCameraRow(Base):
    """A camera that was removed with all that it had left behind; one of its id may be there again."""

    __tablename__ = "purged_cameras"

    camera_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    purged_at: Mapped[float]


class RecognitionRow(Base):
    """A recognition that a camera has."""

    __tablename__ = "camera_recognitions"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    fps: Mapped[float]
    settings: Mapped[dict[str, Any]]
    models: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """Role → model, where they differ from the installation's."""


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
