"""Retention of single cameras, and locks that keep media in place of a flag on each segment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_OLD_INDEX = ["node", "retention_class", "keep", "ended_at", "size_bytes"]


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "keep_locks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("from_s", sa.Float(precision=53), nullable=False),
        sa.Column("to_s", sa.Float(precision=53), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_keep_locks_camera_time", "keep_locks", ["camera_id", "from_s", "to_s"])
    op.create_table(
        "retention_rules",
        sa.Column("camera_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("priority", sa.String(length=16), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("camera_id"),
    )
    # No batch: SQLite drops a column in place, and a copy would lose the table's AUTOINCREMENT.
    op.drop_index("ix_segments_retention", table_name="segments")
    op.drop_column("segments", "keep")
    op.create_index("ix_segments_retention", "segments", [name for name in _OLD_INDEX if name != "keep"])


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_segments_retention", table_name="segments")
    op.add_column("segments", sa.Column("keep", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_segments_retention", "segments", _OLD_INDEX)
    op.drop_table("retention_rules")
    op.drop_index("ix_keep_locks_camera_time", table_name="keep_locks")
    op.drop_table("keep_locks")
