"""Clips: jobs that cut them, and where they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "clips",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=True),
        sa.Column("from_s", sa.Float(precision=53), nullable=False),
        sa.Column("to_s", sa.Float(precision=53), nullable=False),
        sa.Column("variant", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("progress", sa.Float(precision=53), nullable=False),
        sa.Column("path", sa.String(length=255), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("gaps", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_by", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("changed_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("clips", schema=None) as batch_op:
        batch_op.create_index("ix_clips_camera_time", ["camera_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_clips_state", ["state", "changed_at"], unique=False)
        batch_op.create_index("ix_clips_time", ["created_at", "id"], unique=False)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("clips", schema=None) as batch_op:
        batch_op.drop_index("ix_clips_time")
        batch_op.drop_index("ix_clips_state")
        batch_op.drop_index("ix_clips_camera_time")

    op.drop_table("clips")
