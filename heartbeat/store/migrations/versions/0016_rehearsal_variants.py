"""rehearsal variants"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("replay_of", sa.String(), nullable=True))
    op.create_table(
        "variant",
        sa.Column("run_uuid", sa.String(), primary_key=True),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("replay_of", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("variant")
    op.drop_column("run", "replay_of")
