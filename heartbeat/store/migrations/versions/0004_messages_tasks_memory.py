"""messages, tasks, memory"""

import sqlalchemy as sa
from alembic import op

from heartbeat.store.tables import types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _heartbeats_and_runs()
    _messages()
    op.create_table(
        "memory",
        sa.Column("id", types.BIG, nullable=False),
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("bot_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("run_id", types.BIG, nullable=True),
        sa.Column("created_at", _time(), nullable=False),
        sa.Column("updated_at", _time(), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bot.id"]),
        sa.ForeignKeyConstraint(["member_id"], ["subscriber.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uuid"),
    )
    op.create_index("ix_memory_bot", "memory", ["bot_id", "member_id", "id"])
    _words_of_memories()


def _words_of_memories() -> None:
    """The full-text index, which SQLAlchemy has no words for."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE INDEX memory_words ON memory USING gin (to_tsvector('simple', words))")
        return
    op.execute(
        "CREATE VIRTUAL TABLE memory_words USING fts5"
        "(bot_id, words, content='memory', content_rowid='id', tokenize='unicode61 remove_diacritics 0')"
    )
    add = "INSERT INTO memory_words (rowid, bot_id, words) VALUES (new.id, new.bot_id, new.words);"
    # As FTS5 has it: a row of an index without its own content is deleted by telling it what was there.
    drop = (
        "INSERT INTO memory_words (memory_words, rowid, bot_id, words) "
        "VALUES ('delete', old.id, old.bot_id, old.words);"
    )
    op.execute(f"CREATE TRIGGER memory_added AFTER INSERT ON memory BEGIN {add} END")
    op.execute(f"CREATE TRIGGER memory_dropped AFTER DELETE ON memory BEGIN {drop} END")
    op.execute(f"CREATE TRIGGER memory_changed AFTER UPDATE ON memory BEGIN {drop} {add} END")


def _time() -> types.UtcDateTime:
    return types.UtcDateTime(timezone=True)


def _heartbeats_and_runs() -> None:
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.add_column(sa.Column("type", sa.String(), nullable=False, server_default="heartbeat"))
        heartbeat.add_column(sa.Column("description", sa.String(), nullable=True))
        heartbeat.add_column(sa.Column("run_at", _time(), nullable=True))
        heartbeat.add_column(sa.Column("max_executions", sa.Integer(), nullable=True))
        heartbeat.add_column(sa.Column("made_by_run_id", types.BIG, nullable=True))
        heartbeat.add_column(sa.Column("depth", sa.Integer(), nullable=False, server_default="0"))
        heartbeat.add_column(sa.Column("ended_as", sa.String(), nullable=True))
        heartbeat.add_column(sa.Column("chat_mode", sa.String(), nullable=False, server_default="agent"))
        heartbeat.add_column(sa.Column("auto_resume", sa.Boolean(), nullable=False, server_default=sa.true()))
        heartbeat.add_column(sa.Column("probe_at", _time(), nullable=True))
        heartbeat.add_column(sa.Column("probes", sa.Integer(), nullable=False, server_default="0"))
        heartbeat.drop_index("ix_heartbeat_bot")
        heartbeat.create_index("ix_heartbeat_bot", ["bot_id", "type", "deleted_at", "id"])
        heartbeat.create_index("ix_heartbeat_probe", ["probe_at"])
    with op.batch_alter_table("run") as run:
        run.add_column(sa.Column("opening", sa.String(), nullable=True))
        run.add_column(sa.Column("chat_mode", sa.String(), nullable=False, server_default="agent"))
        run.add_column(sa.Column("dry_run", sa.Boolean(), nullable=False, server_default=sa.false()))
        run.create_index(
            "ix_run_rehearsed",
            ["bot_id", "id"],
            sqlite_where=sa.text("dry_run"),
            postgresql_where=sa.text("dry_run"),
        )


def _messages() -> None:
    op.create_table(
        "target",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("bot_id", sa.Integer(), nullable=True),
        sa.Column("heartbeat_id", sa.Integer(), nullable=True),
        sa.Column("member_id", sa.Integer(), nullable=True),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("sealed_config", sa.String(), nullable=True),
        sa.Column("events", sa.JSON(), nullable=True),
        sa.Column("cooldown_seconds", sa.Integer(), nullable=False),
        sa.Column("quiet_until", _time(), nullable=True),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.String(), nullable=True),
        sa.Column("created_at", _time(), nullable=False),
        sa.Column("updated_at", _time(), nullable=False),
        sa.Column("deleted_at", _time(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.ForeignKeyConstraint(["bot_id"], ["bot.id"]),
        sa.ForeignKeyConstraint(["heartbeat_id"], ["heartbeat.id"]),
        sa.ForeignKeyConstraint(["member_id"], ["subscriber.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uuid"),
    )
    op.create_index("ix_target_project", "target", ["project_id", "id"])
    op.create_index("ix_target_bot", "target", ["bot_id", "id"])
    op.create_table(
        "finding",
        sa.Column("id", types.BIG, nullable=False),
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("bot_id", sa.Integer(), nullable=False),
        sa.Column("heartbeat_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("snoozed_until", _time(), nullable=True),
        sa.Column("times_seen", sa.Integer(), nullable=False),
        sa.Column("first_seen_at", _time(), nullable=False),
        sa.Column("last_seen_at", _time(), nullable=False),
        sa.Column("told_at", _time(), nullable=True),
        sa.Column("resolved_at", _time(), nullable=True),
        sa.ForeignKeyConstraint(["bot_id"], ["bot.id"]),
        sa.ForeignKeyConstraint(["heartbeat_id"], ["heartbeat.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uuid"),
        sa.UniqueConstraint("heartbeat_id", "fingerprint", name="uq_finding"),
    )
    op.create_index("ix_finding_bot", "finding", ["bot_id", "state", "id"])
    op.create_table(
        "notification",
        sa.Column("id", types.BIG, nullable=False),
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("bot_id", sa.Integer(), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("event_id", types.BIG, nullable=False),
        sa.Column("summary_id", types.BIG, nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("next_attempt_at", _time(), nullable=True),
        sa.Column("claimed_until", _time(), nullable=True),
        sa.Column("created_at", _time(), nullable=False),
        sa.Column("delivered_at", _time(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.ForeignKeyConstraint(["bot_id"], ["bot.id"]),
        sa.ForeignKeyConstraint(["target_id"], ["target.id"]),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uuid"),
        sa.UniqueConstraint("event_id", "target_id", name="uq_notification"),
    )
    op.create_index("ix_notification_bot", "notification", ["bot_id", "id"])
    for name, columns in (
        ("ix_notification_due", ["next_attempt_at"]),
        ("ix_notification_waiting", ["target_id", "id"]),
    ):
        waiting = sa.text("next_attempt_at IS NOT NULL")
        op.create_index(name, "notification", columns, sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("ix_notification_summary", "notification", ["summary_id"])


def downgrade() -> None:
    raise NotImplementedError("messages that were sent cannot be told to the older schema")
