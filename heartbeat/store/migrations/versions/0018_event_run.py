"""events by their run"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

HAS_RUN = sa.text("run_id IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_event_run", "event", ["run_id"], sqlite_where=HAS_RUN, postgresql_where=HAS_RUN)


def downgrade() -> None:
    op.drop_index("ix_event_run", "event")
