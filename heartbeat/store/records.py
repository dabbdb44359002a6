"""The tables of what happened: runs, their steps, the ledger, and the sums kept beside them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlalchemy.orm import configure_mappers
from sqlmodel import Field, SQLModel

from heartbeat.store import tables  # noqa: F401 - rows here refer to rows there
from heartbeat.store.types import BIG, time


class Run(SQLModel, table=True):
    """One execution, and its log once it has ended. A skipped tick is a run that never began.

    `opening` is what its first message says before the prompt; `chat_mode` is `agent`, or `ask`: without tools.
    """

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
    opening: str | None = None
    chat_mode: str = "agent"
    response: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    model: str
    max_reply_tokens: int
    max_steps: int = 20
    run_timeout_seconds: int | None = None
    tokens_used: int = 0
    credits_charged: int = 0
    credits_held: int = 0
    cost_nano_usd: int = Field(default=0, sa_type=BIG)
    report: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    dry_run: bool = False
    scheduled_for: datetime | None = time(default=None)
    started_at: datetime = time()
    finished_at: datetime | None = time(default=None)
    duration_ms: int | None = None
    created_at: datetime = time()

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
        Index("ix_run_rehearsed", "bot_id", "id", sqlite_where=text("dry_run"), postgresql_where=text("dry_run")),
        Index("ix_run_heartbeat_status", "heartbeat_id", "status", "id"),
        Index(
            "ix_run_running",
            "started_at",
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
    )


class Step(SQLModel, table=True):
    """One model request or one tool call of a run. The steps of a run, in order, are its transcript.

    A tool call is written `asked` with the answer that asks for it, `called` when somebody sets out to make it, and
    `done` with its outcome: a call found `called` was made or not, nobody knows. `answer` is what the model or the
    tool said, `messages` a model's answer as JSON; `name`, `call_id` and `arguments` (JSON) are a tool call's.
    """

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    run_id: int = Field(foreign_key="run.id", sa_type=BIG)
    number: int
    kind: str
    state: str = "done"
    name: str | None = None
    call_id: str | None = None
    arguments: str | None = None
    answer: str
    messages: str
    final: bool
    failure_code: str | None = None
    failure: str | None = None
    model: str
    input_tokens: int
    output_tokens: int
    duration_ms: int
    created_at: datetime = time()

    __table_args__ = (UniqueConstraint("run_id", "number", name="uq_step"),)


class Attempt(SQLModel, table=True):
    """One request to a provider as it really was: what it used and what that cost, in billionths of a US dollar.

    `outcome` is answered, failed or lost; of a lost one (its worker died) `input_tokens` is the most it can have read.
    """

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    run_id: int = Field(foreign_key="run.id", sa_type=BIG)
    step: int
    attempt: int
    outcome: str
    model: str
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int = Field(sa_type=BIG)
    created_at: datetime = time()

    __table_args__ = (UniqueConstraint("run_id", "step", "attempt", name="uq_attempt"),)


class Entry(SQLModel, table=True):
    """One line of the credit ledger: append-only, unique (run, step, kind), or by its `key` where there is no run.

    Every balance is the sum of one column: `credits` were charged, `held` are reserved (given back by a negative
    number), `granted` may be used. `absorbed` is what a step used beyond its reservation, which nobody is charged.
    """

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    project_id: int = Field(foreign_key="project.id")
    heartbeat_id: int | None = Field(default=None, foreign_key="heartbeat.id")
    run_id: int | None = Field(default=None, foreign_key="run.id", sa_type=BIG)
    step: int | None = None
    kind: str
    key: str | None = None
    note: str | None = None
    credits: int = 0
    held: int = 0
    granted: int = 0
    absorbed: int = 0
    tokens: int = 0
    period_start: datetime = time()
    created_at: datetime = time()

    __table_args__ = (
        UniqueConstraint("run_id", "step", "kind", name="uq_entry"),
        UniqueConstraint("project_id", "key", name="uq_entry_key"),
        Index("ix_entry_heartbeat", "heartbeat_id", "period_start"),
        Index("ix_entry_project", "project_id", "period_start"),
    )


class Usage(SQLModel, table=True):
    """A project's credits of one period: the running sums of its entries."""

    project_id: int = Field(foreign_key="project.id", primary_key=True)
    period_start: datetime = time(primary_key=True)
    credits: int = 0
    held: int = 0
    granted: int = 0


class DailyRollup(SQLModel, table=True):
    """What a bot's logs of one UTC day, type and model come to; `GET …/stats` reads this and never the logs."""

    __tablename__ = "daily_rollup"
    bot_id: int = Field(foreign_key="bot.id", primary_key=True)
    day: str = Field(primary_key=True)
    type: str = Field(primary_key=True)
    model: str = Field(default="", primary_key=True)
    success: int = 0
    error: int = 0
    skipped: int = 0
    cancelled: int = 0
    duration_ms: int = 0
    tokens: int = 0
    credits: int = 0
    cost_nano_usd: int = Field(default=0, sa_type=BIG)


class Event(SQLModel, table=True):
    """Something a person may want to hear of, written in the transaction that caused it: nothing tells of it twice."""

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    uuid: str = Field(unique=True)
    project_id: int = Field(foreign_key="project.id")
    bot_id: int = Field(foreign_key="bot.id")
    heartbeat_id: int = Field(foreign_key="heartbeat.id")
    run_id: int | None = Field(default=None, foreign_key="run.id", sa_type=BIG)
    kind: str
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = time()

    __table_args__ = (Index("ix_event_project", "project_id", "id"), Index("ix_event_heartbeat", "heartbeat_id", "id"))


class Approval(SQLModel, table=True):
    """A person's yes or no to one tool call of a run. `state` is pending, approved, denied or expired.

    `reason` is registration or combination, `why` the same in words.
    """

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    uuid: str = Field(unique=True)
    bot_id: int = Field(foreign_key="bot.id")
    heartbeat_id: int = Field(foreign_key="heartbeat.id")
    run_id: int = Field(foreign_key="run.id", sa_type=BIG)
    step: int
    tool: str
    arguments: str
    reason: str = "registration"
    why: str
    state: str = "pending"
    decided_by: str | None = None
    decided_at: datetime | None = time(default=None)
    expires_at: datetime = time()
    created_at: datetime = time()

    __table_args__ = (
        UniqueConstraint("run_id", "step", name="uq_approval"),
        Index("ix_approval_bot", "bot_id", "state", "id"),
    )


# Rows are built without their constructor, which would wake the mapper.
configure_mappers()
