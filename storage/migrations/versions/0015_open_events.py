"""Events that go on are found among millions that ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    goes_on = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_events_open", "events", ["camera_id", "started_at"], sqlite_where=goes_on, postgresql_where=goes_on
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_events_open", table_name="events")
