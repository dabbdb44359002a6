"""holds of whole projects, during which nothing starts"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "project_hold",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("running", sa.String(), nullable=False),
        sa.Column("held_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("ix_project_hold", "project_hold", ["project_id", "id"])
    unreleased = {f"{dialect}_where": sa.text("released_at IS NULL") for dialect in ("sqlite", "postgresql")}
    op.create_index("uq_project_hold", "project_hold", ["project_id"], unique=True, **unreleased)


def downgrade() -> None:
    op.drop_table("project_hold")
