"""Heartbeats and tasks of a project by their public ids, over all bots, and what runs now."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, select

from heartbeat.domain.errors import NotFound
from heartbeat.store.bots.bots import BOT
from heartbeat.store.database.rows import exactly_one, first
from heartbeat.store.heartbeats.heartbeats import HEARTBEAT, IS_HEARTBEAT, NOT_DELETED
from heartbeat.store.heartbeats.tasks import TASKS
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.runs.runs import RUN
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.run_indexes import of_running

# Enough of a prompt for one line; whole prompts of a page of heartbeats would be a megabyte.
PROMPT_START = 200
MAX_RUNNING = 1_000


# Tasks that have ended are deleted rows that can still be read.
_VISIBLE = NOT_DELETED | HEARTBEAT.c.ended_as.is_not(None)
WITHOUT_PROMPT = [column for column in HEARTBEAT.c if column.name != "prompt"]
START = func.substr(HEARTBEAT.c.prompt, 1, PROMPT_START).label("prompt")
RUNNING = (
    of_running(select(RUN.c.uuid, RUN.c.heartbeat_id, RUN.c.started_at, RUN.c.dry_run))
    .where(RUN.c.project_id == bindparam("project_id"))
    .order_by(RUN.c.started_at)
    .limit(MAX_RUNNING)
)


def running(connection: Connection, project: Project) -> list[Row[Any]]:
    """List what runs now, rehearsals too, oldest first: `uuid`, `heartbeat_id`, `started_at` and `dry_run` of each."""
    return list(connection.execute(RUNNING, {"project_id": project.id}))


def first_bot(connection: Connection, project: Project) -> Bot | None:
    """Read the project's oldest bot, if it has one."""
    of_project = select(BOT).where(BOT.c.project_id == project.id, BOT.c.deleted_at.is_(None))
    return first(connection, Bot, of_project.order_by(BOT.c.id).limit(1))


def access_to_bot(connection: Connection, access: Access, bot_uuid: str) -> Access:
    """Narrow the access to the project's bot with this public id; raises `NotFound`."""
    named = (BOT.c.uuid == as_public_id(bot_uuid)) & (BOT.c.project_id == access.project.id)
    bot = first(connection, Bot, select(BOT).where(named, BOT.c.deleted_at.is_(None)))
    if bot is None:
        raise NotFound("bot", bot_uuid[:64])
    return access.narrowed(bot)


def heartbeat_and_bot(connection: Connection, project: Project, heartbeat_uuid: str) -> tuple[Heartbeat, Bot]:
    """Read the project's heartbeat with this public id, and its bot; raises `NotFound`."""
    return _and_bot(connection, project, heartbeat_uuid, "heartbeat", IS_HEARTBEAT)


def access_to_heartbeat(connection: Connection, access: Access, heartbeat_uuid: str) -> Access:
    """Narrow the access to the project's heartbeat with this public id; raises `NotFound`."""
    heartbeat, bot = heartbeat_and_bot(connection, access.project, heartbeat_uuid)
    return access.narrowed(bot, heartbeat)


def task_and_bot(connection: Connection, project: Project, heartbeat_uuid: str) -> tuple[Heartbeat, Bot]:
    """Read a scheduled task of the project, one that has ended too, and its bot; raises `NotFound`."""
    return _and_bot(connection, project, heartbeat_uuid, "task", TASKS & _VISIBLE)


def access_to_task(connection: Connection, access: Access, heartbeat_uuid: str) -> Access:
    """Narrow the access to a scheduled task of the project, one that has ended too; raises `NotFound`."""
    task, bot = task_and_bot(connection, access.project, heartbeat_uuid)
    return access.narrowed(bot, task)


def any_and_bot(connection: Connection, project: Project, heartbeat_uuid: str) -> tuple[Heartbeat, Bot]:
    """Read a heartbeat or scheduled task of the project, an ended one too, and its bot; raises `NotFound`."""
    return _and_bot(connection, project, heartbeat_uuid, "heartbeat", _VISIBLE)


def _and_bot(
    connection: Connection, project: Project, heartbeat_uuid: str, noun: str, which: ColumnElement[bool]
) -> tuple[Heartbeat, Bot]:
    named = (HEARTBEAT.c.uuid == as_public_id(heartbeat_uuid)) & (HEARTBEAT.c.project_id == project.id)
    heartbeat = first(connection, Heartbeat, select(HEARTBEAT).where(named, which))
    if heartbeat is None:
        raise NotFound(noun, heartbeat_uuid[:64])
    bot = first(connection, Bot, select(BOT).where(BOT.c.id == heartbeat.bot_id, BOT.c.deleted_at.is_(None)))
    if bot is None:
        raise NotFound(noun, heartbeat_uuid[:64])
    return heartbeat, bot


def access_to_run(connection: Connection, access: Access, run_uuid: str) -> Access:
    """Narrow the access to the bot of a run of the project, a deleted one too; raises `NotFound`."""
    of_run = select(BOT).join(RUN, RUN.c.bot_id == BOT.c.id).where(RUN.c.uuid == as_public_id(run_uuid))
    bot = first(connection, Bot, of_run.where(RUN.c.project_id == access.project.id))
    if bot is None:
        raise NotFound("run", run_uuid[:64])
    return access.narrowed(bot)


def heartbeat_of_run(connection: Connection, heartbeat_id: int) -> tuple[Heartbeat, Bot]:
    """Read the heartbeat a run belongs to, a deleted one too, and its bot."""
    heartbeat = exactly_one(connection, Heartbeat, select(HEARTBEAT).where(HEARTBEAT.c.id == heartbeat_id))
    return heartbeat, exactly_one(connection, Bot, select(BOT).where(BOT.c.id == heartbeat.bot_id))
