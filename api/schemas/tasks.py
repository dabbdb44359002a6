"""Requests about scheduled tasks, and the task object."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import Connection

from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.fields import Key, OfBot, PlainObject
from api.schemas.pages import PageNumber, PerPage
from api.schemas.response_fields import PaginationField, Total
from api.schemas.scheduled import ScheduledObject, show_scheduled
from heartbeat.domain.cadence.tasks import TaskSchedule, from_cadence
from heartbeat.domain.expectations import ExpectationField
from heartbeat.domain.field_types import Positive, Text, Words
from heartbeat.domain.gates import Gate, GateField, shown_gate
from heartbeat.domain.heartbeat_fields import GATE, FallbackModels, Model, Prompt, RunCap, TimeZone
from heartbeat.store.heartbeats.tasks import Models, NewTask, made_by, status
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import member_uuids
from heartbeat.store.tables.heartbeats import Heartbeat

ScheduleType = Literal["interval", "daily", "weekly", "once"]
Status = Literal["active", "paused", "done", "cancelled"]

WEEKLY = {"days": ["friday"], "time": "09:00"}


class CreateTask(OfBot):
    name: Annotated[Words, Field(max_length=200)] = Field(
        description="What people call it.", examples=["Follow up with Ann"]
    )
    prompt: Prompt
    schedule_type: ScheduleType = Field(
        description="interval, daily, weekly or once; `schedule_config` says the rest.", examples=["weekly"]
    )
    schedule_config: PlainObject = Field(
        description="interval: {interval_minutes}; daily: {time}; weekly: {days, time}; once: {at} or {in_minutes}.",
        examples=[WEEKLY],
    )
    description: Annotated[Text, Field(max_length=2_000)] | None = Field(
        None, description="What it is for.", examples=["Ann asked to be reminded."]
    )
    timezone: TimeZone | None = Field(None, description="An IANA name; UTC if left out.", examples=["Europe/Berlin"])
    max_executions: Positive | None = Field(
        None, description="It is done after so many runs; null has no end.", examples=[4]
    )
    max_credits_per_run: RunCap = None
    model: Model = None
    fallback_models: FallbackModels = []
    expect: ExpectationField = Field(
        None,
        description="What makes a run a success; one that does not do it ends as an error with the code `unverified`. "
        "Its parts: `report`, `called` and `answer`.",
        examples=[{"report": "required"}],
    )
    member_id: Key | None = Field(None, description="The subscriber it belongs to.", examples=[examples.MEMBER])
    gate: GateField | None = Field(None, description=GATE, examples=[None])

    def new_task(self) -> NewTask:
        """What is asked for, as the store takes it."""
        return NewTask(
            name=self.name,
            prompt=self.prompt,
            schedule=TaskSchedule(self.schedule_type, self.schedule_config),
            description=self.description,
            timezone=self.timezone or "UTC",
            max_executions=self.max_executions,
            gate=self.gate,
            models=Models(self.model, self.fallback_models),
            expect=self.expect,
            max_credits_per_run=self.max_credits_per_run,
        )


class OfTask(OfBot):
    """What every call about one task carries."""

    task_id: Key = Field(description="The task's id (`task_…`).", examples=[examples.TASK])

    @property
    def heartbeat_key(self) -> str:
        return self.task_id


class ListTasks(OfBot):
    member_id: Key | None = Field(None, description="Only those of this subscriber.", examples=[examples.MEMBER])
    status: Status | None = Field(
        None, description="Only these; left out, those that are active or paused.", examples=["active"]
    )
    page: PageNumber = 1
    per_page: PerPage = 20


class TaskObject(ScheduledObject):
    """A scheduled task: what was asked for, and how it stands."""

    uuid: str = Field(description="The task's id.", examples=[examples.TASK])
    name: str = Field(description="What people call it.", examples=["Follow up with Ann"])
    prompt: str = Field(description="What the agent is asked at each run.", examples=[examples.PROMPT])
    description: str | None = Field(description="What it is for.", examples=["Ann asked to be reminded."])
    schedule_type: str = Field(description="interval, daily, weekly or once.", examples=["weekly"])
    schedule_config: dict[str, Any] = Field(
        description="What one would send with `schedule_type` to get this schedule.", examples=[WEEKLY]
    )
    timezone: str = Field(description="An IANA name.", examples=["Europe/Berlin"])
    max_executions: int | None = Field(description="It is done after so many runs; null has no end.", examples=[4])
    gate: Gate | None = Field(description=GATE, examples=[None])
    max_credits_per_run: RunCap
    model: Model
    fallback_models: FallbackModels
    expect: ExpectationField = Field(
        description="What makes a run of it a success; null: nothing but that nothing goes wrong.",
        examples=[{"report": "required"}],
    )
    status: str = Field(description="active, paused, done or cancelled.", examples=["active"])
    made_by: str | None = Field(
        description="The log id of the run that made it; null for one made by hand.", examples=[examples.RUN]
    )


EXAMPLE = example(
    TaskObject, model=None, schedule="At 09:00, on Friday, Berlin time", next_run_at="2026-12-04T08:00:00Z"
)


class OneTask(Answered):
    task: TaskObject = Field(description="The task.", examples=[EXAMPLE])


class AllTasks(Answered):
    total: Total
    tasks: list[TaskObject] = Field(description="The page's tasks, newest first.", examples=[[EXAMPLE]])
    pagination: PaginationField


def show_tasks(connection: Connection, access: Access, tasks: list[Heartbeat], now: datetime) -> list[dict[str, Any]]:
    """The `TaskObject` of each row; all are of one bot."""
    members, makers = member_uuids(connection, tasks), made_by(connection, tasks)
    return [
        show_task(access, task, members.get(task.member_id), makers.get(task.made_by_run_id), now) for task in tasks
    ]


def show_task(
    access: Access, task: Heartbeat, member_uuid: str | None, maker: str | None, now: datetime
) -> dict[str, Any]:
    """The `TaskObject` of a row; `maker` is the log id of the run that made it."""
    schedule = from_cadence(cadence_of(task))
    return {
        "uuid": task.uuid,
        **show_scheduled(access, task, member_uuid, now),
        "name": task.label,
        "prompt": task.prompt,
        "description": task.description,
        "schedule_type": schedule.schedule_type,
        "schedule_config": schedule.schedule_config,
        "timezone": task.timezone,
        "max_executions": task.max_executions,
        "gate": shown_gate(task.gate),
        "max_credits_per_run": task.max_credits_per_run,
        "model": task.model,
        "fallback_models": task.fallback_models,
        "expect": task.expect,
        "status": status(task),
        "made_by": maker,
    }
