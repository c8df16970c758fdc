"""When something moved before cameras."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "motion_spans",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.Float(precision=53), nullable=False),
        sa.Column("ended_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("camera_id", "kind", "started_at"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_motion_spans_time", "motion_spans", ["started_at"])


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_motion_spans_time", table_name="motion_spans")
    op.drop_table("motion_spans")
