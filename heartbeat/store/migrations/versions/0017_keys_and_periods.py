"""keys and periods: when a key was last used, links that sign in once, and a billing period that was made longer"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("api_key") as key:
        key.add_column(sa.Column("last_used_at", TIME, nullable=True))
    with op.batch_alter_table("project") as project:
        project.add_column(sa.Column("long_period_start", TIME, nullable=True))
        project.add_column(sa.Column("long_period_end", TIME, nullable=True))
    op.create_table(
        "sign_in_link",
        sa.Column("hash", sa.String(), primary_key=True),
        sa.Column("key_id", sa.Integer(), sa.ForeignKey("api_key.id"), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
    )
    # The ledger of a period is read in pages, the newest entries first.
    op.drop_index("ix_entry_project", "entry")
    op.create_index("ix_entry_project", "entry", ["project_id", "period_start", "id"])


def downgrade() -> None:
    op.drop_index("ix_entry_project", "entry")
    op.create_index("ix_entry_project", "entry", ["project_id", "period_start"])
    op.drop_table("sign_in_link")
    with op.batch_alter_table("project") as project:
        project.drop_column("long_period_end")
        project.drop_column("long_period_start")
    with op.batch_alter_table("api_key") as key:
        key.drop_column("last_used_at")
