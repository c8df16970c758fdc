"""On which machine's disk media lie, and which files a machine is still to delete."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLES = ("frames", "clips", "events", "media_objects")


def upgrade() -> None:
    """Apply."""
    for table in TABLES:
        op.add_column(table, sa.Column("node", sa.String(length=255), nullable=True))
    op.drop_index("ix_frames_time", table_name="frames")
    op.create_index("ix_frames_retention", "frames", ["node", "captured_at"])
    op.create_table(
        "media_removals",
        sa.Column("node", sa.String(length=255), nullable=False),
        sa.Column("path", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("node", "path"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("media_removals")
    op.drop_index("ix_frames_retention", table_name="frames")
    op.create_index("ix_frames_time", "frames", ["captured_at"])
    for table in TABLES:
        op.drop_column(table, "node")
