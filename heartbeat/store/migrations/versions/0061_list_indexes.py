"""indexes of a period's credits, on SQLite, and of findings in the order of their lists"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from heartbeat.store.migrations.online_indexes import create_index, drop_index

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None

PERIOD = ["project_id", "period_start", "bot_id", "period_credits", "period_held"]
FINDINGS: dict[str, tuple[list[Any], str]] = {
    "ix_finding_open": (["bot_id", "severity", "last_seen_at", "id"], "state = 'open'"),
    "ix_finding_past": (["bot_id", "last_seen_at", "id"], "state <> 'open'"),
}


def upgrade() -> None:
    # PostgreSQL would have to write all indexes of a row with every charge. No class has it: see `has_a_class`.
    if op.get_context().dialect.name == "sqlite":
        op.create_index("ix_heartbeat_period", "heartbeat", PERIOD)
    for name, (columns, condition) in FINDINGS.items():
        where = sa.text(condition)
        create_index(name, "finding", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name in FINDINGS:
        drop_index(name, "finding")
    if op.get_context().dialect.name == "sqlite":
        op.drop_index("ix_heartbeat_period", "heartbeat")
