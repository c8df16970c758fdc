"""Re-identification: identities, their sightings and vectors, and the thresholds of the site."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "identities",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=True),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("identities", schema=None) as batch_op:
        batch_op.create_index("ix_identities_time", ["created_at", "id"], unique=False)

    op.create_table(
        "reid_thresholds",
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("similarity", sa.Float(precision=53), nullable=False),
        sa.Column("margin", sa.Float(precision=53), nullable=False),
        sa.Column("calibrated_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("model"),
    )
    op.create_table(
        "sightings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("identity_id", sa.String(length=36), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Float(precision=53), nullable=False),
        sa.Column("ended_at", sa.Float(precision=53), nullable=False),
        sa.Column("similarity", sa.Float(precision=53), nullable=True),
        sa.Column("changed_at", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(["identity_id"], ["identities.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("sightings", schema=None) as batch_op:
        batch_op.create_index("ix_sightings_camera_time", ["camera_id", "started_at", "id"], unique=False)
        batch_op.create_index("ix_sightings_changed", ["changed_at"], unique=False)
        batch_op.create_index("ix_sightings_identity_time", ["identity_id", "started_at", "id"], unique=False)
        batch_op.create_index("ix_sightings_time", ["started_at", "id"], unique=False)

    op.create_table(
        "identity_vectors",
        sa.Column("sighting_id", sa.String(length=36), nullable=False),
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("values", sa.LargeBinary(), nullable=False),
        sa.Column("quality", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(["sighting_id"], ["sightings.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sighting_id"),
    )
    with op.batch_alter_table("identity_vectors", schema=None) as batch_op:
        batch_op.create_index("ix_identity_vectors_model", ["model", "sighting_id"], unique=False)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("identity_vectors", schema=None) as batch_op:
        batch_op.drop_index("ix_identity_vectors_model")

    op.drop_table("identity_vectors")
    with op.batch_alter_table("sightings", schema=None) as batch_op:
        batch_op.drop_index("ix_sightings_time")
        batch_op.drop_index("ix_sightings_identity_time")
        batch_op.drop_index("ix_sightings_changed")
        batch_op.drop_index("ix_sightings_camera_time")

    op.drop_table("sightings")
    op.drop_table("reid_thresholds")
    with op.batch_alter_table("identities", schema=None) as batch_op:
        batch_op.drop_index("ix_identities_time")

    op.drop_table("identities")
