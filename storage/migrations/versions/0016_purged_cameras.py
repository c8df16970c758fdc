"""Cameras that were purged: what comes of them afterwards is not stored."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "purged_cameras",
        sa.Column("camera_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("purged_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("camera_id"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("purged_cameras")
