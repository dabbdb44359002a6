"""The tables of runs: their steps, the requests to providers, and the calls that waited for a person."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from heartbeat.store.tables import gates, heartbeats  # noqa: F401 - rows here refer to rows there
from heartbeat.store.tables.types import BIG, time


class Run(SQLModel, table=True):
    """One execution, and its log once it has ended. A skipped tick is a run that never began.

    `triggered_by` is who started a manual one and `cancelled_by` who asked last to end it, in words. `opening` is what
    its first message says before the prompt; `chat_mode` is `agent`, or `ask`: without tools. `cut`: its last answer
    ended at `max_reply_tokens`. `paused_tools` are those that its heartbeat uses and that it had to do without, for
    they changed. `gate` is what was seen there before it: the `reading`, its `outcome` and, of one that failed, the
    `detail`. `expect` is what its heartbeat expected of it when it was opened, and `expect_met` whether it did that, if
    it came to an end by itself. `replay_of` is the log id of the run whose recorded tool results it is answered with.
    `liked` is what a person said of it, with a note if they wrote one; `rated_by` is how they said it. `parked`: its
    next step waits for credits; `credits_granted` is what a person gave it beyond its cap. `waiting`: its next step
    waits for something that no person decides: `rate_limit` or `capacity`. At `emptied_at` its texts and those of its
    steps were removed; they are empty since then.
    """

    id: int = Field(default=None, primary_key=True, sa_type=BIG)
    uuid: str = Field(unique=True)
    project_id: int = Field(foreign_key="project.id")
    bot_id: int = Field(foreign_key="bot.id")
    member_id: int | None = None
    heartbeat_id: int = Field(foreign_key="heartbeat.id")
    workflow_id: str | None = Field(default=None, unique=True)
    workflow_run_id: str | None = None
    type: str = "heartbeat"
    trigger: str
    triggered_by: str | None = None
    cancelled_by: str | None = None
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
    fallback_models: list[str] | None = Field(default=None, sa_type=JSON)
    max_reply_tokens: int
    max_steps: int = 20
    run_timeout_seconds: int | None = None
    tokens_used: int = Field(default=0, sa_type=BIG)
    credits_charged: int = 0
    credits_held: int = 0
    credits_granted: int = 0
    parked: bool = False
    waiting: str | None = None
    cost_nano_usd: int = Field(default=0, sa_type=BIG)
    report: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    dry_run: bool = False
    replay_of: str | None = None
    cut: bool = False
    paused_tools: list[str] | None = Field(default=None, sa_type=JSON)
    liked: bool | None = None
    rating_note: str | None = None
    rated_by: str | None = None
    rated_at: datetime | None = time(default=None)
    gate: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    expect: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    expect_met: bool | None = None
    scheduled_for: datetime | None = time(default=None)
    started_at: datetime = time()
    finished_at: datetime | None = time(default=None)
    duration_ms: int | None = Field(default=None, sa_type=BIG)
    emptied_at: datetime | None = time(default=None)
    created_at: datetime = time()

    @property
    def models(self) -> list[str]:
        """The models that may answer it, in the order in which they are asked."""
        return [self.model, *(self.fallback_models or ())]

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
            "ix_run_judged",
            "heartbeat_id",
            "id",
            sqlite_where=text("liked IS NOT NULL OR expect_met IS NOT NULL"),
            postgresql_where=text("liked IS NOT NULL OR expect_met IS NOT NULL"),
        ),
        Index(
            "ix_run_replay",
            "replay_of",
            sqlite_where=text("replay_of IS NOT NULL"),
            postgresql_where=text("replay_of IS NOT NULL"),
        ),
        Index(
            "ix_run_running",
            "started_at",
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
    )


class Variant(SQLModel, table=True):
    """What a rehearsal does otherwise than its heartbeat and bot say, kept until its run is opened.

    `changes` are columns of both, by name. With `replay_of`, the log id of a run, tool calls are answered with what
    that run recorded.
    """

    run_uuid: str = Field(primary_key=True)
    project_id: int = Field(foreign_key="project.id")
    changes: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    replay_of: str | None = None
    created_at: datetime = time()


class PendingTrace(SQLModel, table=True):
    """A run that is to be exported as a trace once it is over; the row goes when a collector has it.

    Until `claimed_until` a worker is at it.
    """

    __tablename__ = "pending_trace"

    run_id: int = Field(primary_key=True, sa_type=BIG)
    claimed_until: datetime | None = time(default=None)


class Step(SQLModel, table=True):
    """One model request or one tool call of a run. The steps of a run, in order, are its transcript.

    A tool call is written `asked` with the answer that asks for it, `called` when somebody sets out to make it, and
    `done` with its outcome: a call found `called` was made or not, nobody knows. `answer` is what the model or the
    tool said, `messages` a model's answer as JSON; `name`, `call_id` and `arguments` (JSON) are a tool call's, and so
    is `progress`: what its server said last of how far it has come, while it is being made. Where `model` stood in for
    another one, `fell_back_from` is that, and `fallback_reason` is the code of what kept it from answering.
    `reminder` is what the model was told after an answer with which its run could not end.
    """

    id: int = Field(default=None, primary_key=True, sa_type=BIG)
    run_id: int = Field(foreign_key="run.id", sa_type=BIG)
    number: int
    kind: str
    state: str = "done"
    name: str | None = None
    call_id: str | None = None
    arguments: str | None = None
    progress: str | None = None
    answer: str
    messages: str
    final: bool
    failure_code: str | None = None
    failure: str | None = None
    reminder: str | None = None
    model: str
    fell_back_from: str | None = None
    fallback_reason: str | None = None
    input_tokens: int
    output_tokens: int
    duration_ms: int
    created_at: datetime = time()

    __table_args__ = (UniqueConstraint("run_id", "number", name="uq_step"),)


class Attempt(SQLModel, table=True):
    """One request to a provider as it really was: what it used and what that cost, in billionths of a US dollar.

    `outcome` is answered, failed or lost; of a lost one (its worker died) `input_tokens` is the most it can have read.
    A failed one that was paid for has tokens, too, and `provider_words` is what the provider said, masked: here alone.
    """

    id: int = Field(default=None, primary_key=True, sa_type=BIG)
    run_id: int = Field(foreign_key="run.id", sa_type=BIG)
    step: int
    attempt: int
    outcome: str
    failure_code: str | None = None
    provider_words: str | None = None
    model: str
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int = Field(sa_type=BIG)
    created_at: datetime = time()

    __table_args__ = (UniqueConstraint("run_id", "step", "attempt", name="uq_attempt"),)


class Approval(SQLModel, table=True):
    """A person's yes or no to one tool call of a run. `state` is pending, approved, denied or expired.

    `reason` is registration, combination or elicitation, `why` the same in words: of the last, what is asked. With the
    reason budget it is about a step that waits for credits, of no tool: its `arguments` are a `Need`, `credits` is how
    many it asks for or was given, and `round` counts how often this step has waited.
    """

    id: int = Field(default=None, primary_key=True, sa_type=BIG)
    uuid: str = Field(unique=True)
    bot_id: int = Field(foreign_key="bot.id")
    heartbeat_id: int = Field(foreign_key="heartbeat.id")
    run_id: int = Field(foreign_key="run.id", sa_type=BIG)
    step: int
    round: int = 1
    tool: str
    arguments: str
    credits: int | None = None
    reason: str = "registration"
    why: str
    state: str = "pending"
    decided_by: str | None = None
    decided_at: datetime | None = time(default=None)
    expires_at: datetime = time()
    created_at: datetime = time()

    __table_args__ = (
        UniqueConstraint("run_id", "step", "round", name="uq_approval"),
        Index("ix_approval_bot", "bot_id", "state", "id"),
        Index("ix_approval_heartbeat", "heartbeat_id"),
    )


class RateLimit(SQLModel, table=True):
    """A provider that limits the rate until `closed_until`; `scope` is the model with a fingerprint of key and address.

    `refusals` counts how often it refused in a row, and `turns` the runs that were told when they may ask it.
    """

    __tablename__ = "rate_limit"

    id: int = Field(default=None, primary_key=True, sa_type=BIG)
    scope: str = Field(unique=True)
    closed_until: datetime = time()
    refusals: int
    turns: int


class Capacity(SQLModel, table=True):
    """What is bounded, by its `scope`: the row that whoever takes, gives back or grants a slot of it locks first."""

    id: int = Field(default=None, primary_key=True, sa_type=BIG)
    scope: str = Field(unique=True)


class Slot(SQLModel, table=True):
    """A run's slot of what is bounded, held until `expires_at` at the latest; or its place among those who wait.

    `step` is the step of the run that needs it, or needed it last.
    """

    id: int = Field(default=None, primary_key=True, sa_type=BIG)
    scope: str
    run_id: int = Field(sa_type=BIG)
    project_id: int
    step: int
    is_held: bool
    expires_at: datetime = time()

    __table_args__ = (
        UniqueConstraint("run_id", "scope", name="uq_slot"),
        Index("ix_slot_scope", "scope", "is_held", "project_id", "id"),
    )
