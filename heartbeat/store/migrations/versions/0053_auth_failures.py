"""who failed to get in lately"""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "auth_failure",
        sa.Column("source", sa.String(), primary_key=True),
        sa.Column("clears_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_auth_failure_clears_at", "auth_failure", ["clears_at"])


def downgrade() -> None:
    op.drop_table("auth_failure")
