"""slots of what is bounded, and who waits for them"""

import sqlalchemy as sa
from alembic import op

from heartbeat.store.tables.types import BIG

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "capacity",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("scope", sa.String(), nullable=False, unique=True),
    )
    op.create_table(
        "slot",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("run_id", BIG, nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("is_held", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("run_id", "scope", name="uq_slot"),
    )
    op.create_index("ix_slot_scope", "slot", ["scope", "is_held", "project_id", "id"])


def downgrade() -> None:
    op.drop_table("slot")
    op.drop_table("capacity")
