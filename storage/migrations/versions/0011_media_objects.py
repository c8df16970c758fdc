"""Which media files have a copy in object storage, and whether the local one is still there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "media_objects",
        sa.Column("path", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.String(length=36), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("stored_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("path"),
    )
    op.create_index("ix_media_objects_owner", "media_objects", ["kind", "owner"])
    op.create_index("ix_media_objects_state", "media_objects", ["state", "stored_at"])


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_media_objects_state", table_name="media_objects")
    op.drop_index("ix_media_objects_owner", table_name="media_objects")
    op.drop_table("media_objects")
