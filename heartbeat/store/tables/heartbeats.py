"""The tables of heartbeats and scheduled tasks: what should happen, and when."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from heartbeat.domain.pauses import HeartbeatPause, PauseCause
from heartbeat.store.tables import bots  # noqa: F401 - rows here refer to rows there
from heartbeat.store.tables.types import BIG, time

# The type of a row that only rehearsals belong to, for what is in a form is not saved yet.
DRAFT = "draft"


class Heartbeat(SQLModel, table=True):
    """The standing order. `version` grows with each write; `synced_version` is the one its schedule was put from.
    `spec_hash` is what version 0.2 compared schedules by. `restored_at` is when the row was found to be older than its
    schedule, and `zone_differs` says that Temporal's time zone data has its next tick elsewhere.

    `period_credits` and `period_held` are the credits charged and reserved in the period that began at
    `period_start`: the running sums of this heartbeat's entries, kept in the transactions that write them;
    `period_granted` is what a person gave in it on top of `credit_budget`. The four counters are the totals of its
    logs, of which so many were `pruned_…` since, and `recent_credits` is what the last ones cost, oldest first.

    `quality_dropped_run_id` is the newest run that was judged when its runs were found to have become worse; `None`
    once they are as good as before again.

    A scheduled task is one, too, of another `type`: due at `run_at` or on a cadence, for `max_executions` at the most,
    made by an agent (`made_by_run_id`, `depth` 1) or by hand; one that is over is deleted, and `ended_as` says how:
    done or cancelled. `probe_at` is when one that paused for a passing cause is tried again, `probes` how often that
    was done in vain.

    `gate` is what is looked at before a tick (`heartbeat/domain/gates.py`), with the names of its headers, which are
    sealed apart from it for the `id` that it has.

    Its ticks from `snoozed_at` on, when it was snoozed last, are held until `snooze_until`.

    A draft is one of the `type` draft, deleted from the beginning: nothing lists, counts or schedules it. It takes the
    rehearsals of a heartbeat that is not saved yet, and becomes that heartbeat when it is saved.
    """

    id: int = Field(default=None, primary_key=True)
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
    starts_at: datetime | None = time(default=None)
    ends_at: datetime | None = time(default=None)
    run_at: datetime | None = time(default=None)
    max_executions: int | None = None
    made_by_run_id: int | None = Field(default=None, sa_type=BIG)
    depth: int = 0
    ended_as: str | None = None
    chat_mode: str = "agent"
    model: str | None = None
    fallback_models: list[str] = Field(default_factory=list, sa_type=JSON)
    enabled: bool = False
    credit_budget: int | None = None
    max_consecutive_errors: int = 5
    max_steps: int = 20
    max_credits_per_run: int | None = None
    run_timeout_seconds: int | None = None
    approval_timeout_hours: int = 24
    catch_up: str = "once"
    jitter_seconds: int = 0
    gate: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    sealed_gate_headers: str | None = None
    expect: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    accounted_until: datetime = time()
    next_tick_at: datetime | None = time(default=None)
    snoozed_at: datetime | None = time(default=None)
    snooze_until: datetime | None = time(default=None)
    error_count: int = 0
    total_error_count: int = 0
    success_count: int = 0
    skipped_count: int = 0
    unchanged_count: int = 0
    missed_count: int = 0
    cancelled_count: int = 0
    pruned_success_count: int = 0
    pruned_error_count: int = 0
    pruned_skipped_count: int = 0
    pruned_cancelled_count: int = 0
    period_start: datetime | None = time(default=None)
    period_credits: int = 0
    period_held: int = 0
    period_granted: int = 0
    recent_credits: list[int] = Field(default_factory=list, sa_type=JSON)
    last_executed_at: datetime | None = time(default=None)
    last_status: str | None = None
    quality_dropped_run_id: int | None = Field(default=None, sa_type=BIG)
    pause_reason: str | None = None
    pause_since: datetime | None = time(default=None)
    pause_cause: PauseCause | None = Field(default=None, sa_type=String)
    pause_detail: str | None = None
    auto_resume: bool = True
    probe_at: datetime | None = time(default=None)
    probes: int = 0
    version: int = 1
    synced_version: int = 0
    spec_hash: str | None = None
    compared_at: datetime | None = time(default=None)
    restored_at: datetime | None = time(default=None)
    zone_differs: bool = False
    created_at: datetime = time()
    updated_at: datetime = time()
    deleted_at: datetime | None = time(default=None)

    @property
    def execution_count(self) -> int:
        """Runs that have ended, as a task's `max_executions` counts them: none that was skipped."""
        return self.success_count + self.total_error_count + self.cancelled_count

    @property
    def pause_message(self) -> str | None:
        """Why it is paused and what comes next, in words for its owner; `None` if it is not paused."""
        return self.pause.message if self.pause else None

    @property
    def pause(self) -> HeartbeatPause | None:
        """Its pause, of which the row keeps the cause."""
        if self.pause_reason is None:
            return None
        times = self.probes if self.pause_cause == "failed_probes" else self.error_count
        is_task = self.type == "scheduled_task"
        return HeartbeatPause(self.pause_cause, self.pause_detail, times, self.probe_at, is_task)

    __table_args__ = (
        Index("ix_heartbeat_bot", "bot_id", "type", "deleted_at", "id"),
        Index("ix_heartbeat_state", "project_id", "type", "deleted_at", "enabled", "pause_reason", "bot_id", "id"),
        Index(
            "ix_heartbeat_failed",
            "project_id",
            "id",
            sqlite_where=text("last_status = 'error' AND deleted_at IS NULL"),
            postgresql_where=text("last_status = 'error' AND deleted_at IS NULL"),
        ),
        Index(
            "ix_heartbeat_member",
            "member_id",
            sqlite_where=text("member_id IS NOT NULL"),
            postgresql_where=text("member_id IS NOT NULL"),
        ),
        Index(
            "ix_heartbeat_project",
            "project_id",
            "id",
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "ix_heartbeat_upcoming",
            "project_id",
            "enabled",
            "next_tick_at",
            "uuid",
            "bot_id",
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
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
        Index(
            "ix_heartbeat_uncompared",
            "compared_at",
            "id",
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_heartbeat_due", "enabled", "next_tick_at"),
        Index(
            "ix_heartbeat_pause",
            "pause_reason",
            "project_id",
            "pause_since",
            sqlite_where=text("pause_reason IS NOT NULL AND deleted_at IS NULL"),
            postgresql_where=text("pause_reason IS NOT NULL AND deleted_at IS NULL"),
        ),
    )


class RemovedHeartbeats(SQLModel, table=True):
    """What heartbeats had counted that are not kept any longer, in one row: no total of the installation falls."""

    __tablename__ = "removed_heartbeats"

    id: int = Field(default=1, primary_key=True)
    success_count: int = Field(default=0, sa_type=BIG)
    total_error_count: int = Field(default=0, sa_type=BIG)
    skipped_count: int = Field(default=0, sa_type=BIG)
    cancelled_count: int = Field(default=0, sa_type=BIG)
    missed_count: int = Field(default=0, sa_type=BIG)


class HeldTick(SQLModel, table=True):
    """A tick that a person has skipped. When it comes, its log is a skipped one with the reason `held`."""

    __tablename__ = "held_tick"

    id: int = Field(default=None, primary_key=True)
    heartbeat_id: int = Field(foreign_key="heartbeat.id")
    tick: datetime = time()
    held_by: str
    created_at: datetime = time()

    __table_args__ = (UniqueConstraint("heartbeat_id", "tick", name="uq_held_tick"),)
