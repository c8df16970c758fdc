"""Travel times between cameras, as learnt."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "reid_travel_times",
        sa.Column("from_camera", sa.Integer(), nullable=False),
        sa.Column("to_camera", sa.Integer(), nullable=False),
        sa.Column("least_s", sa.Float(precision=53), nullable=True),
        sa.Column("transitions", sa.Integer(), nullable=False),
        sa.Column("forgotten_at", sa.Float(precision=53), nullable=False),
        sa.Column("learnt_at", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(["from_camera"], ["cameras.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["to_camera"], ["cameras.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("from_camera", "to_camera"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("reid_travel_times")
