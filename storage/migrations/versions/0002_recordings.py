"""Recordings: their segments, and how a camera is recorded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "segments",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Float(precision=53), nullable=False),
        sa.Column("ended_at", sa.Float(precision=53), nullable=False),
        sa.Column("duration_s", sa.Float(precision=53), nullable=False),
        sa.Column("path", sa.String(length=255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("codec", sa.String(length=16), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("has_audio", sa.Boolean(), nullable=False),
        sa.Column("run", sa.String(length=64), nullable=False),
        sa.Column("key_times", sa.JSON(), nullable=False),
        sa.Column("retention_class", sa.String(length=16), nullable=False),
        sa.Column("keep", sa.Boolean(), nullable=False),
        sa.Column("node", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("path"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("segments", schema=None) as batch_op:
        batch_op.create_index("ix_segments_camera_time", ["camera_id", "started_at", "ended_at"], unique=False)
        batch_op.create_index(
            "ix_segments_retention", ["node", "retention_class", "keep", "ended_at", "size_bytes"], unique=False
        )
    # Not as a batch, which would make the table anew and lose what refers to it.
    op.add_column("cameras", sa.Column("recording_mode", sa.String(length=16), nullable=False, server_default="events"))
    for name in ("recording_pre_s", "recording_post_s"):
        op.add_column("cameras", sa.Column(name, sa.Float(precision=53), nullable=False, server_default="5"))


def downgrade() -> None:
    """Take back."""
    for name in ("recording_post_s", "recording_pre_s", "recording_mode"):
        op.drop_column("cameras", name)
    op.drop_table("segments")
