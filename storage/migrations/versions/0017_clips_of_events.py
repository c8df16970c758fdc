"""Clips of an event, and those of none, are found among many."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    of_none, of_one = sa.text("event_id IS NULL"), sa.text("event_id IS NOT NULL")
    op.create_index("ix_clips_event", "clips", ["event_id"], sqlite_where=of_one, postgresql_where=of_one)
    op.create_index("ix_clips_asked", "clips", ["created_at", "id"], sqlite_where=of_none, postgresql_where=of_none)


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_clips_asked", table_name="clips")
    op.drop_index("ix_clips_event", table_name="clips")
