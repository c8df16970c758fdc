"""Tables. Times are seconds since the epoch (UTC); ids of deleted cameras are never used again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

Node = String(255)
"""Column: name of the machine that a media file lies on; NULL: the row is older than names of machines, any may."""

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
    node: Mapped[str | None] = mapped_column(Node)
    """On whose disk the pictures lie."""
    epoch: Mapped[int] = mapped_column(BigInteger)
    """Of the lease under which it was written last."""
    changed_at: Mapped[float]


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


class ClipRow(Base):
    """A clip that is made, or was. `camera_id` and `event_id` are no foreign keys: clips outlive both."""

    __tablename__ = "clips"
    __table_args__ = (
        Index("ix_clips_time", "created_at", "id"),
        Index("ix_clips_camera_time", "camera_id", "created_at", "id"),
        Index("ix_clips_state", "state", "changed_at"),
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
