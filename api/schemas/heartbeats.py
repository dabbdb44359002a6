"""Requests about heartbeats, and the heartbeat object."""

from datetime import datetime
from types import SimpleNamespace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Connection

from api.next_ticks import due
from api.responses import moment
from api.schemas.fields import Flag, Key, OfBot, OfHeartbeat, Text, Whole, Words
from heartbeat.domain import credits
from heartbeat.domain.errors import Invalid
from heartbeat.store.heartbeats.configure import ConfigureRequest
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import member_uuids
from heartbeat.store.tables.heartbeats import Heartbeat

LONGEST_PROMPT = 20_000
# `null` means "left out" for these; the others it clears.
NULL_IS_LEFT_OUT = {
    *("cron_pattern", "interval_minutes", "timezone", "max_consecutive_errors", "catch_up", "jitter_seconds"),
    *("max_steps", "auto_resume", "chat_mode", "approval_timeout_hours"),
}
COLUMNS = {
    *("prompt", "external_id", "label", "timezone", "cron_pattern", "interval_minutes", "credit_budget"),
    *("active_hours_start", "active_hours_end", "active_days", "max_consecutive_errors"),
    *("catch_up", "jitter_seconds", "max_steps", "run_timeout_seconds", "auto_resume", "chat_mode"),
    "approval_timeout_hours",
}

Label = Annotated[Text, Field(min_length=1, max_length=200)]
Pattern = Annotated[Text, Field(max_length=500)]


class Configure(OfBot):
    """Creates a heartbeat, or changes the one it means; on a change, what is left out stays as it is."""

    prompt: Annotated[Words, Field(max_length=LONGEST_PROMPT)]
    uuid: Key | None = Field(None, description="Change this heartbeat.")
    external_id: Label | None = Field(None, description="Your own stable key: change the one with it, or make it.")
    label: Label | None = None
    member_id: Key | None = Field(None, description="The subscriber it belongs to.")
    enabled: Flag | None = Field(None, description="Off (false) for a new one that does not say.")
    cron_pattern: Pattern | None = Field(None, description="Five fields, such as '0 9 * * 1-5'.")
    interval_minutes: Annotated[Whole, Field(ge=1)] | None = None
    timezone: Pattern | None = Field(None, description="An IANA name; UTC for a new one that does not say.")
    active_hours_start: Pattern | None = Field(None, description="HH:MM")
    active_hours_end: Pattern | None = Field(None, description="HH:MM")
    active_days: Pattern | None = Field(None, description="1,2,3,4,5 (1 is Monday)")
    credit_budget: Annotated[Whole, Field(ge=0)] | None = Field(None, description="Per billing period; null: no limit.")
    max_consecutive_errors: Annotated[Whole, Field(ge=1)] | None = Field(
        None, description="5 if a new one does not say."
    )
    catch_up: Literal["once", "none"] | None = Field(
        None, description="After an outage: run once for the newest missed tick (once, the default), or not (none)."
    )
    jitter_seconds: Annotated[Whole, Field(ge=0, le=3600)] | None = Field(
        None, description="Spread the starts over so many seconds; 0 if a new one does not say."
    )
    max_steps: Annotated[Whole, Field(ge=1, le=200)] | None = Field(
        None, description="Model requests and tool calls of one run together; 20 if a new one does not say."
    )
    run_timeout_seconds: Annotated[Whole, Field(ge=10, le=86_400)] | None = Field(
        None, description="A run ends after so many seconds; null: as the installation has it."
    )
    auto_resume: Flag | None = Field(
        None, description="Paused for a passing cause, it is tried again by itself (true, the default), or not."
    )
    chat_mode: Literal["agent", "ask"] | None = Field(
        None, description="Whether its model is offered tools (agent, the default) or only asked (ask)."
    )

    approval_timeout_hours: Annotated[Whole, Field(ge=1, le=720)] | None = Field(
        None, description="A call that waits for a person's yes counts as denied after so long; 24 if not said."
    )

    def wish(self) -> ConfigureRequest:
        """What is asked for, without what was left out; raises `Invalid`."""
        if self.cron_pattern is not None and self.interval_minutes is not None:
            raise Invalid("cron_pattern", "give either cron_pattern or interval_minutes, and not both")
        given = {name: getattr(self, name) for name in self.model_fields_set & COLUMNS}
        fields = {name: value for name, value in given.items() if value is not None or name not in NULL_IS_LEFT_OUT}
        return ConfigureRequest(fields, self.uuid, self.member_id, self.enabled)


class ListHeartbeats(OfBot):
    member_id: Key | None = Field(None, description="Only those of this subscriber.")


class Trigger(OfHeartbeat):
    wait: Flag = Field(True, description="false: do not wait for the run to end.")
    dry_run: Flag = Field(
        False, description="A rehearsal: the model is asked and charged, but calls that act are only written down."
    )


class Pause(BaseModel):
    """Why the product switched a heartbeat off: errors, budget, operator or plan."""

    reason: str
    since: str
    message: str
    probe_at: str | None = Field(description="When it is tried again by itself; null: when somebody enables it.")


class HeartbeatObject(BaseModel):
    uuid: str
    external_id: str | None
    label: str | None
    bot_id: int
    bot_uuid: str
    member_id: int | None
    member_uuid: str | None
    prompt: str
    cron_pattern: str | None
    interval_minutes: int | None
    active_hours_start: str | None
    active_hours_end: str | None
    active_days: str | None
    timezone: str
    schedule: str = Field(description='One sentence: "At 09:00, Monday to Friday, New York time".')
    enabled: int
    schedule_state: str = Field(description="active, pending (Temporal has not taken it yet) or none (not enabled).")
    credit_budget: int | None
    credits_used: int
    period_ends_at: str
    last_executed_at: str | None
    last_status: str | None
    execution_count: int
    error_count: int
    total_error_count: int
    max_consecutive_errors: int
    catch_up: str
    jitter_seconds: int
    max_steps: int
    run_timeout_seconds: int | None
    approval_timeout_hours: int
    auto_resume: bool
    chat_mode: str
    next_run_at: str | None
    pause: Pause | None
    created_at: str
    updated_at: str


class OneHeartbeat(BaseModel):
    heartbeat: HeartbeatObject


class AllHeartbeats(BaseModel):
    heartbeats: list[HeartbeatObject]


class Deleted(BaseModel):
    message: str


def show_all(connection: Connection, access: Access, found: list[Heartbeat], now: datetime) -> list[dict[str, Any]]:
    """Heartbeat objects for rows of one bot."""
    members = member_uuids(connection, found)
    return [show(access, row, members.get(row.member_id), now) for row in found]


def show(access: Access, row: Heartbeat, member_uuid: str | None, now: datetime) -> dict[str, Any]:
    """A heartbeat object, as API.md has it."""
    when = due(cadence_of(row))
    # An attribute of a table's class costs ten times that of a plain one, and here are forty.
    plain = SimpleNamespace(**vars(row))
    period_start, period_end = credits.period(now, access.project.period_anchor_day)
    return {
        "uuid": plain.uuid,
        "external_id": plain.external_id,
        "label": plain.label,
        "bot_id": plain.bot_id,
        "bot_uuid": access.bot.uuid,
        "member_id": plain.member_id,
        "member_uuid": member_uuid,
        "prompt": plain.prompt,
        "cron_pattern": plain.cron_pattern,
        "interval_minutes": plain.interval_minutes,
        "active_hours_start": plain.active_hours_start,
        "active_hours_end": plain.active_hours_end,
        "active_days": plain.active_days,
        "timezone": plain.timezone,
        "schedule": when.schedule,
        "enabled": int(plain.enabled),
        "schedule_state": schedule_state(row),
        "credit_budget": plain.credit_budget,
        "credits_used": plain.period_credits if plain.period_start == period_start else 0,
        "period_ends_at": moment(period_end),
        "last_executed_at": moment(plain.last_executed_at),
        "last_status": plain.last_status,
        "execution_count": plain.success_count + plain.total_error_count + plain.cancelled_count,
        "error_count": plain.error_count,
        "total_error_count": plain.total_error_count,
        "max_consecutive_errors": plain.max_consecutive_errors,
        "catch_up": plain.catch_up,
        "jitter_seconds": plain.jitter_seconds,
        "max_steps": plain.max_steps,
        "run_timeout_seconds": plain.run_timeout_seconds,
        "approval_timeout_hours": plain.approval_timeout_hours,
        "auto_resume": plain.auto_resume,
        "chat_mode": plain.chat_mode,
        "next_run_at": moment(when.next_after(now)) if plain.enabled else None,
        "pause": pause(row),
        "created_at": moment(plain.created_at),
        "updated_at": moment(plain.updated_at),
    }


def schedule_state(row: Heartbeat) -> str:
    """Whether the row's schedule is active, pending, or none."""
    if row.synced_version < row.version:
        return "pending"
    return "active" if row.enabled else "none"


def pause(row: Heartbeat) -> dict[str, Any] | None:
    """A row's pause as a `Pause`."""
    if row.pause_reason is None:
        return None
    return {
        "reason": row.pause_reason,
        "since": moment(row.pause_since),
        "message": row.pause_message,
        "probe_at": moment(row.probe_at),
    }
