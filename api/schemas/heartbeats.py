"""Requests about heartbeats, and the heartbeat object."""

import json
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import Connection

from api.next_ticks import due
from api.responses import moment
from api.schemas.fields import Key, OfBot, OfHeartbeat
from heartbeat.domain import credits
from heartbeat.domain.errors import Invalid
from heartbeat.domain.field_types import Flag
from heartbeat.domain.heartbeat_fields import NULL_IS_LEFT_OUT, HeartbeatFields
from heartbeat.store.heartbeats.configure import ConfigureRequest
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import member_uuids
from heartbeat.store.tables.heartbeats import Heartbeat


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


def _describe_defaults(schema: dict[str, Any]) -> None:
    """Say what a new heartbeat has in words: clients that send a schema's `default` would undo earlier changes."""
    for name in HeartbeatFields.model_fields:
        field = schema["properties"][name]
        default = field.pop("default", None)
        if default is not None:
            field["description"] += f" A new heartbeat has {json.dumps(default)}."


class Configure(HeartbeatFields, OfBot):
    """Creates a heartbeat, or changes the one it means; on a change, what is left out stays as it is.

    A null clears a field that may be null in the answer; in any other field it counts as left out.
    """

    model_config = ConfigDict(json_schema_extra=_describe_defaults)

    uuid: Key | None = Field(None, description="Change this heartbeat.")
    member_id: Key | None = Field(None, description="The subscriber it belongs to.")
    enabled: Flag | None = Field(None, description="Whether it runs on its schedule. A new heartbeat has false.")

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        return {name: value for name, value in body.items() if value is not None or name not in NULL_IS_LEFT_OUT}

    def configure_request(self) -> ConfigureRequest:
        """What is asked for, without what was left out; raises `Invalid`."""
        fields = {name: getattr(self, name) for name in self.model_fields_set & HeartbeatFields.model_fields.keys()}
        if {"cron_pattern", "interval_minutes"} <= fields.keys():
            raise Invalid("cron_pattern", "give either cron_pattern or interval_minutes, and not both")
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


class HeartbeatObject(HeartbeatFields):
    model_config = ConfigDict(
        json_schema_extra=_without_defaults,
        json_schema_serialization_defaults_required=True,
    )

    uuid: str
    bot_id: int
    bot_uuid: str
    member_id: int | None
    member_uuid: str | None
    schedule: str = Field(description='One sentence: "At 09:00, Monday to Friday, New York time".')
    enabled: int
    schedule_state: str = Field(description="active, pending (Temporal has not taken it yet) or none (not enabled).")
    credits_used: int
    period_ends_at: str
    last_executed_at: str | None
    last_status: str | None
    execution_count: int
    error_count: int
    total_error_count: int
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
    due_ticks = due(cadence_of(row))
    # An attribute of a table's class costs ten times that of a plain one, and here are forty.
    plain = SimpleNamespace(**vars(row))
    period_start, period_end = credits.period(now, access.project.period_anchor_day)
    return {
        "uuid": plain.uuid,
        "bot_id": plain.bot_id,
        "bot_uuid": access.bot.uuid,
        "member_id": plain.member_id,
        "member_uuid": member_uuid,
        **{name: getattr(plain, name) for name in HeartbeatFields.model_fields},
        "schedule": due_ticks.schedule,
        "enabled": int(plain.enabled),
        "schedule_state": schedule_state(row),
        "credits_used": plain.period_credits if plain.period_start == period_start else 0,
        "period_ends_at": moment(period_end),
        "last_executed_at": moment(plain.last_executed_at),
        "last_status": plain.last_status,
        "execution_count": plain.success_count + plain.total_error_count + plain.cancelled_count,
        "error_count": plain.error_count,
        "total_error_count": plain.total_error_count,
        "next_run_at": moment(due_ticks.next_after(now)) if plain.enabled else None,
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
