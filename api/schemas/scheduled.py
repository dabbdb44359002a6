"""What the heartbeat object and the task object have in common: rows of one table."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

from pydantic import Field

from api.next_ticks import next_tick
from api.responses import moment
from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.response_fields import BotNumber, BotUuid, CreatedAt, UpdatedAt
from heartbeat.store.heartbeats.project_holds import released_after
from heartbeat.store.heartbeats.snoozes import awake_after, is_snoozed
from heartbeat.store.heartbeats.tick_accounting import cadence_of, start_delay_of
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.heartbeats import Heartbeat


class Pause(Answered):
    """Why the product switched a heartbeat off."""

    reason: str = Field(description="errors, budget, operator, plan or needs_reconnect.", examples=["errors"])
    since: str = Field(description="When it was paused.", examples=[examples.ENDED])
    message: str = Field(
        description="The reason in words, and how to resume.",
        examples=["It failed 5 times in a row, the last time because the provider cannot be reached."],
    )
    probe_at: str | None = Field(
        description="When it is tried again by itself; null: when somebody enables it.",
        examples=["2026-11-27T09:00:04Z"],
    )


class ScheduledObject(Answered):
    bot_id: BotNumber
    bot_uuid: BotUuid
    member_id: int | None = Field(
        description="The number of the subscriber it belongs to.", examples=[examples.MEMBER_NUMBER]
    )
    member_uuid: str | None = Field(description="The id of the subscriber it belongs to.", examples=[examples.MEMBER])
    schedule: str = Field(
        description="When it is due, in one sentence.", examples=["At 09:00, Monday to Friday, Berlin time"]
    )
    schedule_state: str = Field(
        description="active, pending (Temporal has not taken it yet) or none (not enabled).", examples=["active"]
    )
    execution_count: int = Field(description="Its logs of runs, without skipped ticks.", examples=[20])
    last_executed_at: str | None = Field(description="When a run of it began last.", examples=[examples.DUE])
    last_status: str | None = Field(
        description="What its newest log came to: success, error, skipped or cancelled.", examples=["success"]
    )
    next_run_at: str | None = Field(
        description="When it is due next, after it was snoozed and after a hold of its project; null when it is not "
        "enabled, or over, or nobody knows when the hold ends.",
        examples=[examples.NEXT],
    )
    next_start_at: str | None = Field(
        description="When the run that is due next starts: `next_run_at`, and its share of `jitter_seconds`.",
        examples=[examples.NEXT],
    )
    snooze_until: str | None = Field(
        description="Its ticks before it are held; null: it is not snoozed.", examples=[None, examples.NEXT]
    )
    pause: Pause | None = Field(
        description="Why the product switched it off; null when it did not.", examples=[None, example(Pause)]
    )
    created_at: CreatedAt
    updated_at: UpdatedAt


def show_scheduled(access: Access, row: Heartbeat, member_uuid: str | None, now: datetime) -> dict[str, Any]:
    """The `ScheduledObject` of a row; `member_uuid` is that of its `member_id`."""
    # An attribute of a table's class costs ten times that of a plain one.
    plain: Any = SimpleNamespace(**vars(row))
    cadence = next_tick(cadence_of(plain))
    released = released_after(access.hold, now)
    tick = cadence.next_after(awake_after(plain, released)) if plain.enabled and released else None
    return {
        "bot_id": plain.bot_id,
        "bot_uuid": access.bot.uuid,
        "member_id": plain.member_id,
        "member_uuid": member_uuid,
        "schedule": cadence.schedule,
        "schedule_state": _schedule_state(plain),
        "execution_count": plain.success_count + plain.total_error_count + plain.cancelled_count,
        "last_executed_at": moment(plain.last_executed_at),
        "last_status": plain.last_status,
        "next_run_at": moment(tick),
        "next_start_at": moment(tick + start_delay_of(plain)) if tick else None,
        "snooze_until": moment(plain.snooze_until) if is_snoozed(plain, now) else None,
        "pause": _pause(row) if plain.pause_reason is not None else None,
        "created_at": moment(plain.created_at),
        "updated_at": moment(plain.updated_at),
    }


def _schedule_state(row: Any) -> str:
    if row.synced_version < row.version:
        return "pending"
    return "active" if row.enabled else "none"


def _pause(row: Heartbeat) -> dict[str, Any]:
    return {
        "reason": row.pause_reason,
        "since": moment(row.pause_since),
        "message": row.pause_message,
        "probe_at": moment(row.probe_at),
    }
