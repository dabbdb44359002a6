"""held ticks: single ticks of a heartbeat that a person has skipped"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "held_tick",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("heartbeat_id", sa.Integer(), sa.ForeignKey("heartbeat.id"), nullable=False),
        sa.Column("tick", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("heartbeat_id", "tick", name="uq_held_tick"),
    )


def downgrade() -> None:
    op.drop_table("held_tick")
