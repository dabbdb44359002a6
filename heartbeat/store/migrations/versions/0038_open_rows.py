"""indexes of the heartbeats that Upkeep looks for, and how often PostgreSQL looks after the tables that grow"""

import sqlalchemy as sa
from alembic import op

from heartbeat.store.migrations.online_indexes import create_index, drop_index

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

LIVING = sa.text("deleted_at IS NULL")
PAUSED = sa.text("pause_reason IS NOT NULL AND deleted_at IS NULL")
# Rows that each run changes: pages have room for the new ones, and the old ones are taken away soon.
CHANGED = ("project", "bot", "heartbeat", "usage", "daily_rollup", "heartbeat_day", "request_window")
ROOM = {"fillfactor": 80, "autovacuum_vacuum_scale_factor": 0.05, "autovacuum_analyze_scale_factor": 0.05}
# Of these a fifth, after which PostgreSQL would look again, may be millions of rows.
GROWING = ("run", "step", "attempt", "entry", "event", "notification")
OFTEN = {
    "autovacuum_vacuum_scale_factor": 0.02,
    "autovacuum_vacuum_insert_scale_factor": 0.02,
    "autovacuum_analyze_scale_factor": 0.02,
}
PARAMETERS = {**dict.fromkeys(CHANGED, ROOM), **dict.fromkeys(GROWING, OFTEN)}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, parameters in PARAMETERS.items():
            values = ", ".join(f"{name} = {value}" for name, value in parameters.items())
            op.execute(f'ALTER TABLE "{table}" SET ({values})')
    compared, paused = ["compared_at", "id"], ["pause_reason", "project_id", "pause_since"]
    create_index("ix_heartbeat_uncompared", "heartbeat", compared, sqlite_where=LIVING, postgresql_where=LIVING)
    create_index("ix_heartbeat_pause", "heartbeat", paused, sqlite_where=PAUSED, postgresql_where=PAUSED)
    drop_index("ix_heartbeat_compared", "heartbeat")
    drop_index("ix_heartbeat_paused", "heartbeat")


def downgrade() -> None:
    op.create_index("ix_heartbeat_paused", "heartbeat", ["pause_reason", "id"])
    op.create_index("ix_heartbeat_compared", "heartbeat", ["compared_at"])
    op.drop_index("ix_heartbeat_pause", "heartbeat")
    op.drop_index("ix_heartbeat_uncompared", "heartbeat")
    if op.get_bind().dialect.name == "postgresql":
        for table, parameters in PARAMETERS.items():
            op.execute(f'ALTER TABLE "{table}" RESET ({", ".join(parameters)})')
