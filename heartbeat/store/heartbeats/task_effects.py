"""Tasks that agents make with the built-in tool `schedule_task`, and the limits they are held to."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from heartbeat.domain.errors import Forbidden
from heartbeat.domain.plans import Plan, plan_named
from heartbeat.domain.tool_effects import ScheduleTaskEffect
from heartbeat.store.database.rows import columns, exactly_one, joined
from heartbeat.store.heartbeats.heartbeats import lock_bot
from heartbeat.store.heartbeats.tasks import HEARTBEAT, TASKS, NewTask, TaskOwner, insert_task
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run

BOT, PROJECT = columns(Bot), columns(Project)

OWNERS = (
    select(HEARTBEAT, BOT, PROJECT)
    .join(BOT, BOT.c.id == HEARTBEAT.c.bot_id)
    .join(PROJECT, PROJECT.c.id == HEARTBEAT.c.project_id)
    .where(HEARTBEAT.c.id == bindparam("heartbeat"))
)

# What an agent has scheduled schedules nothing more.
MAX_DEPTH = 1
MAX_PER_RUN = 5

# What the task of a run takes over from what the run is for: whose it is, what it may cost, and which models it asks.
INHERITED = (
    *("member_id", "credit_budget", "max_credits_per_run"),
    *("max_consecutive_errors", "max_steps", "run_timeout_seconds"),
    *("model", "fallback_models"),
)


def schedule_task(
    connection: Connection, run: Run, effect: ScheduleTaskEffect, plans: Mapping[str, Plan], now: datetime
) -> str:
    """Make the task that the agent of `run` asks for. Returns what the agent is told; raises `ProductError`."""
    owners = joined(connection, (Heartbeat, Bot, Project), OWNERS, {"heartbeat": run.heartbeat_id})
    assert owners is not None
    of, bot, project = owners
    bot = lock_bot(connection, bot)
    # Read again: who deletes it holds the bot, and may have done so just now.
    of = exactly_one(connection, Heartbeat, select(HEARTBEAT).where(HEARTBEAT.c.id == of.id))
    _require_leave(connection, run, of)
    inherited = {name: getattr(of, name) for name in INHERITED} | {"made_by_run_id": run.id, "depth": of.depth + 1}
    owner = TaskOwner(project, plan_named(plans, project.plan), bot, inherited)
    order = NewTask(
        name=effect.name,
        prompt=effect.prompt,
        schedule=effect.schedule,
        description=effect.description,
        timezone=effect.timezone or of.timezone,
        max_executions=effect.max_executions,
    )
    task = insert_task(connection, owner, order, now)
    return f"Scheduled as {task.uuid}: {cadence_of(task).sentence()}{_times(task)}."


def unsynced_tasks(connection: Connection, run: Run) -> list[str]:
    """The tasks that a run has made and whose schedules are behind their rows."""
    mine = (HEARTBEAT.c.bot_id == run.bot_id) & TASKS & (HEARTBEAT.c.made_by_run_id == run.id)
    behind = select(HEARTBEAT.c.uuid).where(mine, HEARTBEAT.c.synced_version < HEARTBEAT.c.version)
    return list(connection.execute(behind).scalars())


def _require_leave(connection: Connection, run: Run, of: Heartbeat) -> None:
    if of.deleted_at is not None:
        raise Forbidden("heartbeat_deleted", "What this run is for was deleted, so nothing more is scheduled for it.")
    if of.depth >= MAX_DEPTH:
        raise Forbidden("task_depth", "A task that an agent scheduled cannot schedule another one; go on without.")
    count = select(func.count()).select_from(HEARTBEAT).where(HEARTBEAT.c.bot_id == run.bot_id, TASKS)
    if connection.execute(count.where(HEARTBEAT.c.made_by_run_id == run.id)).scalar_one() >= MAX_PER_RUN:
        raise Forbidden("task_run_limit", f"A run can schedule {MAX_PER_RUN} tasks, and this one has; go on without.")


def _times(task: Heartbeat) -> str:
    if task.run_at is not None or task.max_executions is None:
        return ""
    return f", {task.max_executions} time{'' if task.max_executions == 1 else 's'}"
