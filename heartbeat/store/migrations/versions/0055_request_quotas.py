"""requests a minute of a key, and costly reads of a project"""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_key", sa.Column("requests_per_minute", sa.Integer(), nullable=True))
    op.add_column("request_window", sa.Column("costly", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "key_window",
        sa.Column("key_id", sa.Integer(), sa.ForeignKey("api_key.id"), primary_key=True),
        sa.Column("began_at", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("requests", sa.Integer(), nullable=False),
    )
    op.create_index("ix_key_window_began_at", "key_window", ["began_at"])


def downgrade() -> None:
    op.drop_table("key_window")
    op.drop_column("request_window", "costly")
    op.drop_column("api_key", "requests_per_minute")
