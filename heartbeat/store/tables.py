"""The tables of what stands: projects, bots, heartbeats and what belongs to them. What runs leave is in records.py.

Rows are written by Core statements over these classes; `table=True` classes validate nothing.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, text
from sqlmodel import Field, SQLModel

from heartbeat.store.types import BIG, time


class Project(SQLModel, table=True):
    """An owner of bots; what it may do is its plan (settings)."""

    id: int | None = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    name: str
    plan: str = "self_hosted"
    period_anchor_day: int = 1
    created_at: datetime = time()


class ApiKey(SQLModel, table=True):
    """A key is kept as its SHA-256 alone; `prefix` lets people tell their keys apart."""

    __tablename__ = "api_key"
    id: int | None = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    project_id: int = Field(foreign_key="project.id", index=True)
    name: str
    prefix: str
    hash: str = Field(unique=True)
    created_at: datetime = time()
    revoked_at: datetime | None = time(default=None)


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
    created_at: datetime = time()
    updated_at: datetime = time()
    deleted_at: datetime | None = time(default=None)

    __table_args__ = (Index("ix_bot_project", "project_id", "deleted_at", "id"),)


class Subscriber(SQLModel, table=True):
    """A member of a bot's audience; heartbeats may belong to one."""

    id: int | None = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    bot_id: int = Field(foreign_key="bot.id")
    email: str | None = None
    name: str | None = None
    subscribed_at: datetime = time()
    deleted_at: datetime | None = time(default=None)

    __table_args__ = (Index("ix_subscriber_bot", "bot_id", "deleted_at", "id"),)


class Tool(SQLModel, table=True):
    """A connected MCP server. `tools` are its definitions as they were pinned, each with what it is now if it changed.

    `sealed_headers` can be opened with the installation's secret keys alone; `header_names` may be shown.
    """

    id: int | None = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    bot_id: int = Field(foreign_key="bot.id")
    server_label: str
    server_url: str
    transport: str
    require_approval: str = "never"
    approval_tools: list[str] = Field(default_factory=list, sa_type=JSON)
    risks: list[str] = Field(default_factory=list, sa_type=JSON)
    sealed_headers: str | None = None
    header_names: list[str] = Field(default_factory=list, sa_type=JSON)
    is_enabled: bool = True
    tools: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    last_error: str | None = None
    refreshed_at: datetime | None = time(default=None)
    created_at: datetime = time()
    updated_at: datetime = time()

    __table_args__ = (Index("ix_tool_bot", "bot_id", "id"),)


class Heartbeat(SQLModel, table=True):
    """The standing order. `version` grows with each write; `synced_version` is the one its schedule was put from,
    and `spec_hash` what Temporal then said it had.

    `period_credits` and `period_held` are the credits charged and reserved in the period that began at
    `period_start`: the running sums of this heartbeat's entries, kept in the transactions that write them. The four
    counters are the totals of its logs.

    A scheduled task is one, too, of another `type`: due at `run_at` or on a cadence, for `max_executions` at the most,
    made by an agent (`made_by_run_id`, `depth` 1) or by hand; one that is over is deleted, and `ended_as` says how:
    done or cancelled. `probe_at` is when one that paused for a passing cause is tried again, `probes` how often that
    was done in vain.
    """

    id: int | None = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    project_id: int = Field(foreign_key="project.id")
    bot_id: int = Field(foreign_key="bot.id")
    member_id: int | None = Field(default=None, foreign_key="subscriber.id")
    external_id: str | None = None
    type: str = "heartbeat"
    label: str | None = None
    description: str | None = None
    prompt: str
    prompt_hash: str
    cron_pattern: str | None = None
    interval_minutes: int | None = None
    anchor_at: datetime = time()
    active_hours_start: str | None = None
    active_hours_end: str | None = None
    active_days: str | None = None
    timezone: str = "UTC"
    run_at: datetime | None = time(default=None)
    max_executions: int | None = None
    made_by_run_id: int | None = Field(default=None, sa_type=BIG)
    depth: int = 0
    ended_as: str | None = None
    chat_mode: str = "agent"
    enabled: bool = False
    credit_budget: int | None = None
    max_consecutive_errors: int = 5
    max_steps: int = 20
    run_timeout_seconds: int | None = None
    approval_timeout_hours: int = 24
    catch_up: str = "once"
    jitter_seconds: int = 0
    accounted_until: datetime = time()
    next_tick_at: datetime | None = time(default=None)
    error_count: int = 0
    total_error_count: int = 0
    success_count: int = 0
    skipped_count: int = 0
    missed_count: int = 0
    cancelled_count: int = 0
    period_start: datetime | None = time(default=None)
    period_credits: int = 0
    period_held: int = 0
    last_executed_at: datetime | None = time(default=None)
    last_status: str | None = None
    pause_reason: str | None = None
    pause_since: datetime | None = time(default=None)
    pause_message: str | None = None
    auto_resume: bool = True
    probe_at: datetime | None = time(default=None)
    probes: int = 0
    version: int = 1
    synced_version: int = 0
    spec_hash: str | None = None
    compared_at: datetime | None = time(default=None)
    created_at: datetime = time()
    updated_at: datetime = time()
    deleted_at: datetime | None = time(default=None)

    __table_args__ = (
        Index("ix_heartbeat_bot", "bot_id", "type", "deleted_at", "id"),
        Index("ix_heartbeat_probe", "probe_at"),
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
    claimed_at: datetime = time()
    created_at: datetime = time(index=True)


class RequestWindow(SQLModel, table=True):
    """Requests of a project in one minute, counted for plans that limit them."""

    __tablename__ = "request_window"
    project_id: int = Field(foreign_key="project.id", primary_key=True)
    minute: int = Field(primary_key=True)
    requests: int = 0


class Memory(SQLModel, table=True):
    """Something an agent was told to remember, of one bot and, if it was about one, its member. Found by its `words`.

    Their full-text index is made by raw SQL in its migration: a table of its own on SQLite, `memory_words`.
    """

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    uuid: str = Field(unique=True)
    bot_id: int = Field(foreign_key="bot.id")
    member_id: int | None = Field(default=None, foreign_key="subscriber.id")
    text: str
    words: str
    run_id: int | None = Field(default=None, sa_type=BIG)
    created_at: datetime = time()
    updated_at: datetime = time()

    __table_args__ = (Index("ix_memory_bot", "bot_id", "member_id", "id"),)
