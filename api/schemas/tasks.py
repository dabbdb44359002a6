"""Requests about scheduled tasks, and the task object."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Connection

from api.next_ticks import due
from api.responses import moment
from api.schemas.fields import Key, OfBot, PlainObject
from api.schemas.heartbeats import Pause, pause, schedule_state
from api.schemas.pages import PageNumber, Pagination, PerPage
from heartbeat.domain.cadence.tasks import TaskSchedule, written
from heartbeat.domain.field_types import Text, Whole, Words
from heartbeat.domain.heartbeat_fields import Prompt, TimeZone
from heartbeat.store.heartbeats.tasks import NewTask, made_by, status
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import member_uuids
from heartbeat.store.tables.heartbeats import Heartbeat

ScheduleType = Literal["interval", "daily", "weekly", "once"]
Status = Literal["active", "paused", "done", "cancelled"]


class CreateTask(OfBot):
    name: Annotated[Words, Field(max_length=200)]
    prompt: Prompt
    schedule_type: ScheduleType
    schedule_config: PlainObject = Field(
        description="interval: {interval_minutes}; daily: {time}; weekly: {days, time}; once: {at} or {in_minutes}."
    )
    description: Annotated[Text, Field(max_length=2_000)] | None = None
    timezone: TimeZone | None = Field(None, description="An IANA name; UTC if left out.")
    max_executions: Annotated[Whole, Field(ge=1)] | None = Field(None, description="It is done after so many runs.")
    member_id: Key | None = Field(None, description="The subscriber it belongs to.")

    def new_task(self) -> NewTask:
        """What is asked for, as the store takes it."""
        return NewTask(
            name=self.name,
            prompt=self.prompt,
            asked=TaskSchedule(self.schedule_type, self.schedule_config),
            description=self.description,
            timezone=self.timezone or "UTC",
            max_executions=self.max_executions,
        )


class OfTask(OfBot):
    """What every call about one task carries."""

    task_id: Key = Field(description="The task's id (task_…).")

    @property
    def heartbeat_key(self) -> str:
        return self.task_id


class ListTasks(OfBot):
    member_id: Key | None = Field(None, description="Only those of this subscriber.")
    status: Status | None = Field(None, description="Only these; left out, those that are active or paused.")
    page: PageNumber = 1
    per_page: PerPage = 20


class TaskObject(BaseModel):
    uuid: str
    bot_id: int
    bot_uuid: str
    member_id: int | None
    member_uuid: str | None
    name: str
    prompt: str
    description: str | None
    schedule_type: str
    schedule_config: dict[str, Any]
    schedule: str = Field(description='One sentence: "Once, on Friday 27 November 2026 at 09:00, Rome time".')
    schedule_state: str = Field(description="active, pending (Temporal has not taken it yet) or none.")
    timezone: str
    max_executions: int | None
    execution_count: int
    last_executed_at: str | None
    last_status: str | None
    status: str = Field(description="active, paused, done or cancelled.")
    pause: Pause | None
    next_run_at: str | None
    made_by: str | None = Field(description="The log id of the run that made it; null for one made by hand.")
    created_at: str
    updated_at: str


class OneTask(BaseModel):
    task: TaskObject


class AllTasks(BaseModel):
    total: int
    tasks: list[TaskObject]
    pagination: Pagination


def show_tasks(connection: Connection, access: Access, found: list[Heartbeat], now: datetime) -> list[dict[str, Any]]:
    """Task objects for rows of one bot."""
    members, makers = member_uuids(connection, found), made_by(connection, found)
    return [show_task(access, row, members.get(row.member_id), makers.get(row.made_by_run_id), now) for row in found]


def show_task(
    access: Access, row: Heartbeat, member_uuid: str | None, maker: str | None, now: datetime
) -> dict[str, Any]:
    """A task object, as docs/api.md has it."""
    cadence = cadence_of(row)
    when, asked = due(cadence), written(cadence)
    return {
        "uuid": row.uuid,
        "bot_id": row.bot_id,
        "bot_uuid": access.bot.uuid,
        "member_id": row.member_id,
        "member_uuid": member_uuid,
        "name": row.label,
        "prompt": row.prompt,
        "description": row.description,
        "schedule_type": asked.schedule_type,
        "schedule_config": asked.schedule_config,
        "schedule": when.schedule,
        "schedule_state": schedule_state(row),
        "timezone": row.timezone,
        "max_executions": row.max_executions,
        "execution_count": row.success_count + row.total_error_count + row.cancelled_count,
        "last_executed_at": moment(row.last_executed_at),
        "last_status": row.last_status,
        "status": status(row),
        "pause": pause(row),
        "next_run_at": moment(when.next_after(now)) if row.enabled else None,
        "made_by": maker,
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
    }
