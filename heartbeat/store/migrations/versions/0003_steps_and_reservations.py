"""steps and reservations"""

import sqlalchemy as sa
from alembic import op

from heartbeat.store.tables import types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NONE = sa.text("'[]'")


def upgrade() -> None:
    time = types.UtcDateTime(timezone=True)
    with op.batch_alter_table("tool") as tool:
        tool.add_column(sa.Column("approval_tools", sa.JSON(), nullable=False, server_default=NONE))
        tool.add_column(sa.Column("sealed_headers", sa.String(), nullable=True))
        tool.add_column(sa.Column("header_names", sa.JSON(), nullable=False, server_default=NONE))
        tool.add_column(sa.Column("last_error", sa.String(), nullable=True))
        tool.add_column(sa.Column("refreshed_at", time, nullable=True))
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.add_column(sa.Column("max_steps", sa.Integer(), nullable=False, server_default="20"))
        heartbeat.add_column(sa.Column("run_timeout_seconds", sa.Integer(), nullable=True))
        heartbeat.add_column(sa.Column("period_held", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("run") as run:
        run.add_column(sa.Column("max_steps", sa.Integer(), nullable=False, server_default="20"))
        run.add_column(sa.Column("run_timeout_seconds", sa.Integer(), nullable=True))
        run.add_column(sa.Column("credits_held", sa.Integer(), nullable=False, server_default="0"))
        run.add_column(sa.Column("cost_nano_usd", types.BIG, nullable=False, server_default="0"))
        run.add_column(sa.Column("report", sa.JSON(), nullable=True))
    with op.batch_alter_table("step") as step:
        step.add_column(sa.Column("state", sa.String(), nullable=False, server_default="done"))
        step.add_column(sa.Column("name", sa.String(), nullable=True))
        step.add_column(sa.Column("call_id", sa.String(), nullable=True))
        step.add_column(sa.Column("arguments", sa.String(), nullable=True))
    with op.batch_alter_table("entry") as entry:
        entry.alter_column("heartbeat_id", existing_type=sa.Integer(), nullable=True)
        entry.alter_column("run_id", existing_type=types.BIG, nullable=True)
        entry.alter_column("step", existing_type=sa.Integer(), nullable=True)
        entry.add_column(sa.Column("key", sa.String(), nullable=True))
        entry.add_column(sa.Column("note", sa.String(), nullable=True))
        entry.add_column(sa.Column("held", sa.Integer(), nullable=False, server_default="0"))
        entry.add_column(sa.Column("granted", sa.Integer(), nullable=False, server_default="0"))
        entry.add_column(sa.Column("absorbed", sa.Integer(), nullable=False, server_default="0"))
        entry.create_unique_constraint("uq_entry_key", ["project_id", "key"])
    with op.batch_alter_table("usage") as usage:
        usage.add_column(sa.Column("held", sa.Integer(), nullable=False, server_default="0"))
        usage.add_column(sa.Column("granted", sa.Integer(), nullable=False, server_default="0"))
    _rollup_by_model()
    op.create_table(
        "attempt",
        sa.Column("id", types.BIG, nullable=False),
        sa.Column("run_id", types.BIG, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("cost_nano_usd", types.BIG, nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "step", "attempt", name="uq_attempt"),
    )
    op.create_table(
        "event",
        sa.Column("id", types.BIG, nullable=False),
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("bot_id", sa.Integer(), nullable=False),
        sa.Column("heartbeat_id", sa.Integer(), nullable=False),
        sa.Column("run_id", types.BIG, nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.ForeignKeyConstraint(["bot_id"], ["bot.id"]),
        sa.ForeignKeyConstraint(["heartbeat_id"], ["heartbeat.id"]),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uuid"),
    )
    op.create_index("ix_event_project", "event", ["project_id", "id"])
    op.create_index("ix_event_heartbeat", "event", ["heartbeat_id", "id"])


def _rollup_by_model() -> None:
    """The day's rows get a model in their key; those of before have none."""
    old = ("bot_id", "day", "type", "success", "error", "skipped", "cancelled", "duration_ms", "tokens", "credits")
    op.rename_table("daily_rollup", "daily_rollup_before")
    op.create_table(
        "daily_rollup",
        sa.Column("bot_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in old[3:]),
        sa.Column("cost_nano_usd", types.BIG, nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bot.id"]),
        sa.PrimaryKeyConstraint("bot_id", "day", "type", "model", name="pk_daily_rollup"),
    )
    names = ", ".join(old)
    rows = f"INSERT INTO daily_rollup ({names}, model, cost_nano_usd) SELECT {names}, '', 0 FROM daily_rollup_before"
    op.execute(sa.text(rows))
    op.drop_table("daily_rollup_before")


def downgrade() -> None:
    raise NotImplementedError("reservations and tool calls cannot be told to the older schema")
