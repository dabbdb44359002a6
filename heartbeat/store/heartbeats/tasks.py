"""Scheduled tasks: made by hand or by an agent, listed, cancelled. Each is a heartbeat's row of another type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select

from heartbeat.domain.cadence import tasks
from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.cadence.ticks import Cadence
from heartbeat.domain.errors import Forbidden, Invalid
from heartbeat.domain.gates import Gate, SealedHeaders
from heartbeat.domain.ids import new_id
from heartbeat.domain.plans import Plan
from heartbeat.store.database.pages import ListFilter, Page, having_words
from heartbeat.store.database.rows import all_joined, columns, exactly_one, many
from heartbeat.store.heartbeats import states
from heartbeat.store.heartbeats.gate_columns import gate_columns, require_reading_tool
from heartbeat.store.heartbeats.heartbeats import NOT_DELETED, lock_bot
from heartbeat.store.heartbeats.plan_limits import require_gap, require_heartbeats, require_own_models, require_tasks
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import subscriber
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run

HEARTBEAT, BOT, RUN = columns(Heartbeat), columns(Bot), columns(Run)

TASK = "scheduled_task"
ENDED = "ended"
MOST_A_MEMBER = 50

TASKS = HEARTBEAT.c.type == TASK
# One that has ended can still be read; one that was deleted with its member cannot.
STATES: dict[str, ColumnElement[bool]] = {
    "active": and_(NOT_DELETED, HEARTBEAT.c.enabled),
    "paused": and_(NOT_DELETED, ~HEARTBEAT.c.enabled),
    "done": HEARTBEAT.c.ended_as == "done",
    "cancelled": HEARTBEAT.c.ended_as == "cancelled",
}


@dataclass(frozen=True)
class Models:
    """A task's own model in place of its bot's, and those that stand in for it."""

    model: str | None = None
    fallback_models: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class NewTask:
    """A task that is asked for. `max_executions` of `None` has no end, but `once` is once.

    `gate_headers` are those that were sent with its gate. Without `models` or `max_credits_per_run` it has those of
    what it is made for, or its bot's and its plan's.
    """

    name: str
    prompt: str
    schedule: tasks.TaskSchedule
    description: str | None = None
    timezone: str = "UTC"
    max_executions: int | None = None
    gate: Gate | None = None
    gate_headers: SealedHeaders | None = None
    models: Models | None = None
    expect: Mapping[str, Any] | None = None
    max_credits_per_run: int | None = None


@dataclass(frozen=True)
class TaskOwner:
    """Whose a new task is: a bot, which is locked, and what else its row takes over, `member_id` at least."""

    project: Project
    plan: Plan
    bot: Bot
    columns: Mapping[str, Any]


def create(connection: Connection, access: Access, member_key: str | None, task: NewTask, now: datetime) -> Heartbeat:
    """Make a task by hand; raises `NotFound`, `Forbidden` or `Invalid`."""
    bot = lock_bot(connection, access.bot)
    member_id = subscriber(connection, bot, member_key).id if member_key else None
    return insert_task(connection, TaskOwner(access.project, access.plan, bot, {"member_id": member_id}), task, now)


def cancel(connection: Connection, access: Access, now: datetime) -> Heartbeat:
    """End a task; a run of it that is in progress still ends. One that has ended stays as it is."""
    task = access.task
    if task.deleted_at is not None:
        return task
    return states.end(connection, task, "cancelled", now)


def pause(connection: Connection, access: Access, now: datetime) -> Heartbeat:
    """Let a task rest until somebody resumes it; a run in progress still ends. One that has ended stays as it is."""
    task = _locked(connection, access.task)
    return task if task.deleted_at is not None else states.disable(connection, task, now)


def resume(connection: Connection, access: Access, now: datetime) -> Heartbeat:
    """Lift any pause of a task; one whose only time has passed is done, one that has ended stays as it is.

    Raises `NotFound`, `Forbidden` or `Invalid`, as a new task does.
    """
    bot = lock_bot(connection, access.bot)
    task = _locked(connection, access.task)
    if task.deleted_at is not None:
        return task
    require_heartbeats(access.project, access.plan, bot)
    require_gap(access.project, access.plan, cadence_of(task))
    require_own_models(access.project, access.plan, bot, task)
    return states.enable(connection, task, now)


def _locked(connection: Connection, task: Heartbeat) -> Heartbeat:
    """Read a task that nobody else ends before this transaction does."""
    row = select(HEARTBEAT).where(HEARTBEAT.c.id == task.id).with_for_update(key_share=True)
    return exactly_one(connection, Heartbeat, row)


def status(task: Heartbeat) -> str:
    """active, paused, done or cancelled."""
    if task.deleted_at is not None:
        return task.ended_as or "cancelled"
    return "active" if task.enabled else "paused"


def listed(
    connection: Connection, bot: Bot, member_id: int | None, state: str | None, page: Page
) -> tuple[list[Heartbeat], int]:
    """One page of a bot's tasks, newest first, and how many there are; without `state` those that have not ended."""
    which = and_(HEARTBEAT.c.bot_id == bot.id, TASKS, STATES[state] if state else NOT_DELETED)
    if member_id is not None:
        which = and_(which, HEARTBEAT.c.member_id == member_id)
    total: int = connection.execute(select(func.count()).select_from(HEARTBEAT).where(which)).scalar_one()
    in_order = select(HEARTBEAT).where(which).order_by(HEARTBEAT.c.id.desc())
    return many(connection, Heartbeat, in_order.limit(page.size).offset(page.offset)), total


def of_project(
    connection: Connection, project: Project, wanted: ListFilter, page: Page
) -> tuple[list[tuple[Heartbeat, str]], int]:
    """One page of a project's tasks over all bots, newest first, each with its bot's name, and how many there are.

    Words stand in the name, the prompt or the bot's name. `show` is one of `STATES`, or `ended`; without it come those
    that have not ended.
    """
    places = (HEARTBEAT.c.label, HEARTBEAT.c.prompt, BOT.c.name)
    which = and_(
        BOT.c.project_id == project.id,
        BOT.c.deleted_at.is_(None),
        HEARTBEAT.c.bot_id == BOT.c.id,
        TASKS,
        HEARTBEAT.c.ended_as.is_not(None) if wanted.show == ENDED else STATES.get(wanted.show, NOT_DELETED),
        *having_words(wanted.words, HEARTBEAT.c.uuid, *places),
    )
    total: int = connection.execute(select(func.count()).where(which)).scalar_one()
    shown = select(HEARTBEAT, BOT.c.name).where(which).order_by(HEARTBEAT.c.id.desc())
    rows = all_joined(connection, (Heartbeat,), shown.limit(page.size).offset(page.offset), {})
    return [(task, bot_name) for task, bot_name in rows], total


def made_by(connection: Connection, heartbeats: Sequence[Heartbeat]) -> dict[int | None, str]:
    """The log ids of the runs that made these tasks, by number; without those that were pruned, and none for `None`."""
    numbers = {task.made_by_run_id for task in heartbeats if task.made_by_run_id is not None}
    if not numbers:
        return {}
    runs = connection.execute(select(RUN.c.id, RUN.c.uuid).where(RUN.c.id.in_(numbers)))
    return {row.id: row.uuid for row in runs}


def insert_task(connection: Connection, owner: TaskOwner, task: NewTask, now: datetime) -> Heartbeat:
    """Check what every task is held to, and write it."""
    require_heartbeats(owner.project, owner.plan, owner.bot)
    cadence = task_cadence(owner.project, owner.plan, task, now)
    _require_room(connection, owner)
    require_reading_tool(connection, owner.bot, task.gate)
    own: dict[str, Any] = dict(vars(task.models)) if task.models else {}
    if task.max_credits_per_run is not None:
        own["max_credits_per_run"] = task.max_credits_per_run
    row = Heartbeat.model_construct(
        **{**owner.columns, **own},
        expect=dict(task.expect) if task.expect else None,
        uuid=new_id("task"),
        type=TASK,
        project_id=owner.bot.project_id,
        bot_id=owner.bot.id,
        label=task.name,
        description=task.description,
        prompt=task.prompt,
        prompt_hash=sha256(task.prompt.encode()).hexdigest(),
        cron_pattern=cadence.cron_pattern,
        interval_minutes=cadence.interval_minutes,
        run_at=cadence.run_at,
        anchor_at=cadence.anchor or now,
        timezone=task.timezone,
        max_executions=1 if cadence.run_at else task.max_executions,
        **gate_columns(task.gate, task.gate_headers),
    )
    require_own_models(owner.project, owner.plan, owner.bot, row)
    return states.create(connection, row, True, now)


def task_cadence(project: Project, plan: Plan, task: NewTask, now: datetime) -> Cadence:
    """Work out when a task would be due; raises `Invalid`."""
    try:
        cadence = tasks.to_cadence(task.schedule, task.timezone, now).validated()
    except CadenceError as problem:
        raise Invalid(problem.field, problem.message) from None
    if cadence.run_at and task.max_executions not in (None, 1):
        raise Invalid("max_executions", "leave it out, or write 1: a task of schedule_type once runs once")
    try:
        require_gap(project, plan, cadence)
    except Invalid as problem:
        raise Invalid(tasks.CONFIG_FIELD, problem.details[0].message) from None
    return cadence


def _require_room(connection: Connection, owner: TaskOwner) -> None:
    member_id, of_owner = owner.columns["member_id"], HEARTBEAT.c.bot_id == owner.bot.id
    of_bot = select(func.count()).select_from(HEARTBEAT).where(of_owner, TASKS, NOT_DELETED)
    require_tasks(owner.project, owner.plan, connection.execute(of_bot).scalar_one())
    same = HEARTBEAT.c.member_id.is_not_distinct_from(member_id)
    if connection.execute(of_bot.where(same)).scalar_one() >= MOST_A_MEMBER:
        whose = "a member" if member_id else "a bot without a member"
        raise Forbidden("task_member_limit", f"At most {MOST_A_MEMBER} tasks of {whose} can stand; cancel one first.")
