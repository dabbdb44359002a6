"""The tables. Rows are written by Core statements over these classes; `table=True` classes validate nothing."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Index, Integer, TypeDecorator, UniqueConstraint, text
from sqlalchemy.orm import configure_mappers
from sqlmodel import Field, SQLModel


class UtcDateTime(TypeDecorator[datetime]):
    """Every time in the store: given with a zone, kept in UTC, handed back with UTC (SQLite drops zones)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone reached the store")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# SQLite numbers rows by itself only in a column that is exactly INTEGER.
BIG = BigInteger().with_variant(Integer, "sqlite")


def _time(**given: Any) -> Any:
    return Field(sa_type=UtcDateTime, **given)


class Project(SQLModel, table=True):
    """An owner of bots; what it may do is its plan (settings)."""

    id: int | None = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    name: str
    plan: str = "self_hosted"
    period_anchor_day: int = 1
    created_at: datetime = _time()


class ApiKey(SQLModel, table=True):
    """A key is kept as its SHA-256 alone; `prefix` lets people tell their keys apart."""

    __tablename__ = "api_key"
    id: int | None = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    project_id: int = Field(foreign_key="project.id", index=True)
    name: str
    prefix: str
    hash: str = Field(unique=True)
    created_at: datetime = _time()
    revoked_at: datetime | None = _time(default=None)


class Bot(SQLModel, table=True):
    """An agent. `attributes` keeps the published fields that mean nothing here: clients read back what they wrote."""

    id: int | None = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    project_id: int = Field(foreign_key="project.id")
    name: str
    model: str | None = None
    instruction: str = ""
    status: bool = True
    heartbeat: bool = False
    max_reply_tokens: int | None = None
    attributes: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = _time()
    updated_at: datetime = _time()
    deleted_at: datetime | None = _time(default=None)

    __table_args__ = (Index("ix_bot_project", "project_id", "deleted_at", "id"),)


class Subscriber(SQLModel, table=True):
    """A member of a bot's audience; heartbeats may belong to one."""

    id: int | None = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    bot_id: int = Field(foreign_key="bot.id")
    email: str | None = None
    name: str | None = None
    subscribed_at: datetime = _time()
    deleted_at: datetime | None = _time(default=None)

    __table_args__ = (Index("ix_subscriber_bot", "bot_id", "deleted_at", "id"),)


class Tool(SQLModel, table=True):
    """A registered MCP server. Registrations are kept; using them comes with connected tools."""

    id: int | None = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    bot_id: int = Field(foreign_key="bot.id")
    server_label: str
    server_url: str
    transport: str
    require_approval: str = "never"
    is_enabled: bool = True
    tools: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    created_at: datetime = _time()
    updated_at: datetime = _time()

    __table_args__ = (Index("ix_tool_bot", "bot_id", "id"),)


class Heartbeat(SQLModel, table=True):
    """The standing order. `version` grows with each write; `synced_version` is the one its schedule was put from,
    and `spec_hash` what Temporal then said it had.

    `period_credits` are the credits of the period that began at `period_start`: the running sum of this
    heartbeat's entries, kept in the transaction that writes them. The four counters are the totals of its logs.
    """

    id: int | None = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    project_id: int = Field(foreign_key="project.id")
    bot_id: int = Field(foreign_key="bot.id")
    member_id: int | None = Field(default=None, foreign_key="subscriber.id")
    external_id: str | None = None
    label: str | None = None
    prompt: str
    prompt_hash: str
    cron_pattern: str | None = None
    interval_minutes: int | None = None
    anchor_at: datetime = _time()
    active_hours_start: str | None = None
    active_hours_end: str | None = None
    active_days: str | None = None
    timezone: str = "UTC"
    enabled: bool = False
    credit_budget: int | None = None
    max_consecutive_errors: int = 5
    catch_up: str = "once"
    jitter_seconds: int = 0
    accounted_until: datetime = _time()
    next_tick_at: datetime | None = _time(default=None)
    error_count: int = 0
    total_error_count: int = 0
    success_count: int = 0
    skipped_count: int = 0
    missed_count: int = 0
    cancelled_count: int = 0
    period_start: datetime | None = _time(default=None)
    period_credits: int = 0
    last_executed_at: datetime | None = _time(default=None)
    last_status: str | None = None
    pause_reason: str | None = None
    pause_since: datetime | None = _time(default=None)
    pause_message: str | None = None
    version: int = 1
    synced_version: int = 0
    spec_hash: str | None = None
    compared_at: datetime | None = _time(default=None)
    created_at: datetime = _time()
    updated_at: datetime = _time()
    deleted_at: datetime | None = _time(default=None)

    __table_args__ = (
        Index("ix_heartbeat_bot", "bot_id", "deleted_at", "id"),
        Index("ix_heartbeat_prompt", "bot_id", "prompt_hash"),
        Index(
            "uq_heartbeat_external",
            "bot_id",
            "external_id",
            unique=True,
            sqlite_where=text("deleted_at IS NULL AND external_id IS NOT NULL"),
            postgresql_where=text("deleted_at IS NULL AND external_id IS NOT NULL"),
        ),
        Index(
            "ix_heartbeat_unsynced",
            "id",
            sqlite_where=text("synced_version < version"),
            postgresql_where=text("synced_version < version"),
        ),
        Index("ix_heartbeat_compared", "compared_at"),
        Index("ix_heartbeat_due", "enabled", "next_tick_at"),
        Index("ix_heartbeat_paused", "pause_reason", "id"),
    )


class Run(SQLModel, table=True):
    """One execution, and its log once it has ended. A skipped tick is a run that never began."""

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    uuid: str = Field(unique=True)
    project_id: int = Field(foreign_key="project.id")
    bot_id: int = Field(foreign_key="bot.id")
    member_id: int | None = None
    heartbeat_id: int = Field(foreign_key="heartbeat.id")
    workflow_id: str | None = Field(default=None, unique=True)
    workflow_run_id: str | None = None
    type: str = "heartbeat"
    trigger: str
    status: str
    skip_reason: str | None = None
    prompt: str
    instruction: str = ""
    response: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    model: str
    max_reply_tokens: int
    tokens_used: int = 0
    credits_charged: int = 0
    scheduled_for: datetime | None = _time(default=None)
    started_at: datetime = _time()
    finished_at: datetime | None = _time(default=None)
    duration_ms: int | None = None
    created_at: datetime = _time()

    __table_args__ = (
        UniqueConstraint("heartbeat_id", "scheduled_for", name="uq_run_tick"),
        Index("ix_run_bot", "bot_id", "id"),
        Index("ix_run_bot_status", "bot_id", "status", "id"),
        Index(
            "ix_run_member",
            "bot_id",
            "member_id",
            "id",
            sqlite_where=text("member_id IS NOT NULL"),
            postgresql_where=text("member_id IS NOT NULL"),
        ),
        Index(
            "ix_run_member_status",
            "bot_id",
            "member_id",
            "status",
            "id",
            sqlite_where=text("member_id IS NOT NULL"),
            postgresql_where=text("member_id IS NOT NULL"),
        ),
        Index("ix_run_heartbeat", "heartbeat_id", "id"),
        Index("ix_run_heartbeat_status", "heartbeat_id", "status", "id"),
        Index(
            "ix_run_running",
            "started_at",
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
    )


class Step(SQLModel, table=True):
    """One model request of a run. The steps of a run, in order, are its transcript."""

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    run_id: int = Field(foreign_key="run.id", sa_type=BIG)
    number: int
    kind: str
    answer: str
    messages: str
    final: bool
    failure_code: str | None = None
    failure: str | None = None
    model: str
    input_tokens: int
    output_tokens: int
    duration_ms: int
    created_at: datetime = _time()

    __table_args__ = (UniqueConstraint("run_id", "number", name="uq_step"),)


class Entry(SQLModel, table=True):
    """One line of the credit ledger: append-only, unique (run, step, kind)."""

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    project_id: int = Field(foreign_key="project.id")
    heartbeat_id: int = Field(foreign_key="heartbeat.id")
    run_id: int = Field(foreign_key="run.id", sa_type=BIG)
    step: int
    kind: str
    credits: int
    tokens: int
    period_start: datetime = _time()
    created_at: datetime = _time()

    __table_args__ = (
        UniqueConstraint("run_id", "step", "kind", name="uq_entry"),
        Index("ix_entry_heartbeat", "heartbeat_id", "period_start"),
        Index("ix_entry_project", "project_id", "period_start"),
    )


class Usage(SQLModel, table=True):
    """A project's credits of one period: the running sum of its entries, which a monthly limit is compared with."""

    project_id: int = Field(foreign_key="project.id", primary_key=True)
    period_start: datetime = _time(primary_key=True)
    credits: int = 0


class DailyRollup(SQLModel, table=True):
    """What a bot's logs of one UTC day and type come to; `GET …/stats` reads this and never the logs."""

    __tablename__ = "daily_rollup"
    bot_id: int = Field(foreign_key="bot.id", primary_key=True)
    day: str = Field(primary_key=True)
    type: str = Field(primary_key=True)
    success: int = 0
    error: int = 0
    skipped: int = 0
    cancelled: int = 0
    duration_ms: int = 0
    tokens: int = 0
    credits: int = 0


class IdempotencyKey(SQLModel, table=True):
    """The first answer to a POST that carried an `Idempotency-Key`; `answer` is empty while it is being made.

    `created_at` is when the key was first used, `claimed_at` when somebody last began to make its answer.
    """

    __tablename__ = "idempotency_key"
    project_id: int = Field(foreign_key="project.id", primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str
    status: int | None = None
    answer: str | None = None
    claimed_at: datetime = _time()
    created_at: datetime = _time(index=True)


class RequestWindow(SQLModel, table=True):
    """Requests of a project in one minute, counted for plans that limit them."""

    __tablename__ = "request_window"
    project_id: int = Field(foreign_key="project.id", primary_key=True)
    minute: int = Field(primary_key=True)
    requests: int = 0


# Rows are built without their constructor, which would wake the mapper.
configure_mappers()
