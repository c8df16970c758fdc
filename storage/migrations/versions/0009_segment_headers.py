"""Where the first fragment of a segment begins, so that playlists need not open files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("segments", sa.Column("init_bytes", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("segments", "init_bytes")
