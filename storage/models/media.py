"""What lies on disks and in buckets, and how long."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, BigId, Node

_OF_NO_EVENT, _OF_AN_EVENT = text("event_id IS NULL"), text("event_id IS NOT NULL")


class FrameRow(Base):
    """A frame kept on disk."""

    __tablename__ = "frames"
    __table_args__ = (
        Index("ix_frames_camera_time", "camera_id", "captured_at"),
        Index("ix_frames_retention", "node", "captured_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    camera_id: Mapped[int]
    captured_at: Mapped[float]
    path: Mapped[str] = mapped_column(Text)
    width: Mapped[int]
    height: Mapped[int]
    size_bytes: Mapped[int]
    node: Mapped[str | None] = mapped_column(Node)


class SegmentRow(Base):
    """A file of recorded stream. `camera_id` is no foreign key: a deleted camera's recordings stay until retention."""

    __tablename__ = "segments"
    __table_args__ = (
        Index("ix_segments_camera_time", "camera_id", "started_at", "ended_at"),
        Index("ix_segments_retention", "node", "retention_class", "ended_at", "size_bytes"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    camera_id: Mapped[int]
    started_at: Mapped[float]
    ended_at: Mapped[float]
    duration_s: Mapped[float]
    path: Mapped[str] = mapped_column(String(255), unique=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    codec: Mapped[str] = mapped_column(String(16))
    width: Mapped[int]
    height: Mapped[int]
    has_audio: Mapped[bool] = mapped_column(Boolean)
    run: Mapped[str] = mapped_column(String(64))
    init_bytes: Mapped[int | None]
    key_times: Mapped[list[Any]]
    retention_class: Mapped[str] = mapped_column(String(16))
    node: Mapped[str] = mapped_column(String(255))


class MotionSpanRow(Base):
    """A stretch in which a camera's pictures were watched for motion, or in which something moved.

    `camera_id` is no foreign key: a deleted camera's spans stay until retention.
    """

    __tablename__ = "motion_spans"
    __table_args__ = (
        UniqueConstraint("camera_id", "kind", "started_at"),
        Index("ix_motion_spans_time", "started_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    camera_id: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[float]
    ended_at: Mapped[float]


class ClipRow(Base):
    """A clip that is made, or was. `camera_id` and `event_id` are no foreign keys: clips outlive both."""

    __tablename__ = "clips"
    __table_args__ = (
        Index("ix_clips_time", "created_at", "id"),
        Index("ix_clips_camera_time", "camera_id", "created_at", "id"),
        Index("ix_clips_state", "state", "changed_at"),
        Index("ix_clips_event", "event_id", sqlite_where=_OF_AN_EVENT, postgresql_where=_OF_AN_EVENT),
        Index("ix_clips_asked", "created_at", "id", sqlite_where=_OF_NO_EVENT, postgresql_where=_OF_NO_EVENT),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    camera_id: Mapped[int]
    event_id: Mapped[str | None] = mapped_column(String(36))
    """The event that it shows; None: somebody asked for a range."""
    from_s: Mapped[float]
    to_s: Mapped[float]
    variant: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    progress: Mapped[float]
    path: Mapped[str | None] = mapped_column(String(255))
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    node: Mapped[str | None] = mapped_column(Node)
    gaps: Mapped[list[Any]]
    """``[from, to, reason]`` of each stretch that it does not show."""
    error: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(server_default="0")
    """Times that a worker began to make it."""
    created_by: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[float]
    changed_at: Mapped[float]
    """Also when it makes progress: one that stands still has lost its worker."""


class KeepLockRow(Base):
    """A stretch of time of a camera that retention leaves alone. `event_id` is no foreign key: locks outlive all."""

    __tablename__ = "keep_locks"
    __table_args__ = (Index("ix_keep_locks_camera_time", "camera_id", "from_s", "to_s"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    camera_id: Mapped[int]
    from_s: Mapped[float]
    to_s: Mapped[float]
    event_id: Mapped[str | None] = mapped_column(String(36))
    note: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[float]


class RetentionRuleRow(Base):
    """How long a camera's media stay, where that differs. No foreign key: what it left behind outlives a camera."""

    __tablename__ = "retention_rules"

    camera_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    priority: Mapped[str] = mapped_column(String(16))
    limits: Mapped[dict[str, Any]]


class MediaObjectRow(Base):
    """A media file that has a copy in object storage."""

    __tablename__ = "media_objects"
    __table_args__ = (
        Index("ix_media_objects_owner", "kind", "owner"),
        Index("ix_media_objects_state", "state", "stored_at"),
    )

    path: Mapped[str] = mapped_column(String(255), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    """``clip``, ``event`` or ``segment``: of what, and its id. When that is gone, the copy goes."""
    owner: Mapped[str] = mapped_column(String(36))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16))
    stored_at: Mapped[float]
    node: Mapped[str | None] = mapped_column(Node)
    """Who copied it: where the local file is, or was."""


class MediaRemovalRow(Base):
    """A media file whose row is gone; the node on whose disk it lies is to delete it."""

    __tablename__ = "media_removals"

    node: Mapped[str] = mapped_column(Node, primary_key=True)
    path: Mapped[str] = mapped_column(String(255), primary_key=True)
