"""A whole project at a glance: its heartbeats over all bots, what runs now, what ran lately. No logs are scanned."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, case, cast, func, literal_column, select

from heartbeat.domain.errors import NotFound
from heartbeat.store.bots.bots import BOT
from heartbeat.store.credits.rollup import ROLLUP, SUMS
from heartbeat.store.heartbeats.heartbeats import HEARTBEAT, IS_HEARTBEAT, NOT_DELETED
from heartbeat.store.heartbeats.tasks import TASKS
from heartbeat.store.pages import Page
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.rows import built, exactly_one, first
from heartbeat.store.runs.runs import RUN
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import RunSums
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.types import BIG
from heartbeat.store.tools.servers import TOOL

# Enough of a prompt for one line; whole prompts of a page of heartbeats would be a megabyte.
PROMPT_START = 200
MAX_RUNNING = 1_000


@dataclass(frozen=True)
class ListedHeartbeat:
    """A heartbeat, with the start of its prompt alone, its bot's name, and how many of the bot's tools changed."""

    heartbeat: Heartbeat
    bot_name: str
    changed_tools: int = 0


@dataclass(frozen=True)
class HeartbeatStates:
    """How many heartbeats are on, paused by the product, and off because their owner wants it."""

    on: int = 0
    paused: int = 0
    off: int = 0

    @property
    def total(self) -> int:
        return self.on + self.paused + self.off


_STATE = case((HEARTBEAT.c.enabled, "on"), (HEARTBEAT.c.pause_reason.is_not(None), "paused"), else_="off")
# Those that need somebody first.
_URGENCY = case((HEARTBEAT.c.pause_reason.is_not(None), 0), (HEARTBEAT.c.enabled, 1), else_=2)
_BOTS = (BOT.c.project_id == bindparam("project_id")) & BOT.c.deleted_at.is_(None)
_OF_PROJECT = _BOTS & (HEARTBEAT.c.bot_id == BOT.c.id) & IS_HEARTBEAT
# Tasks that have ended are deleted rows that can still be read.
_VISIBLE = NOT_DELETED | HEARTBEAT.c.ended_as.is_not(None)
WITHOUT_PROMPT = [column for column in HEARTBEAT.c if column.name != "prompt"]

_CHANGED_TOOLS = (
    select(func.coalesce(func.sum(TOOL.c.changed_count), 0))
    .where(TOOL.c.bot_id == BOT.c.id, TOOL.c.is_enabled)
    .scalar_subquery()
)
START = func.substr(HEARTBEAT.c.prompt, 1, PROMPT_START).label("prompt")

LISTED = (
    select(*WITHOUT_PROMPT, START, BOT.c.name.label("bot_name"), _CHANGED_TOOLS.label("changed_tools"))
    .where(_OF_PROJECT)
    .order_by(_URGENCY, BOT.c.id, HEARTBEAT.c.id)
    .limit(bindparam("limit"))
    .offset(bindparam("offset"))
)
STATES = select(_STATE.label("state"), func.count().label("number")).where(_OF_PROJECT).group_by(_STATE)
# The status is spelled out, for it is what the partial index of running runs is chosen by.
RUNNING = (
    select(RUN.c.uuid, RUN.c.heartbeat_id, RUN.c.started_at, RUN.c.dry_run)
    .where(literal_column("run.status = 'running'"), RUN.c.project_id == bindparam("project_id"))
    .order_by(RUN.c.started_at)
    .limit(MAX_RUNNING)
)
DAYS = (
    select(ROLLUP.c.day, *(cast(func.sum(ROLLUP.c[name]), BIG) for name in SUMS))
    .where(BOT.c.project_id == bindparam("project_id"), ROLLUP.c.bot_id == BOT.c.id, ROLLUP.c.day >= bindparam("since"))
    .group_by(ROLLUP.c.day)
)


def heartbeat_page(connection: Connection, project: Project, page: Page) -> list[ListedHeartbeat]:
    """Read one page of a project's heartbeats: paused ones first, then those that are on, in the order of creation."""
    parameters = {"project_id": project.id, "limit": page.size, "offset": page.offset}
    heartbeats = []
    for row in connection.execute(LISTED, parameters):
        values = dict(row._mapping)
        bot_name = values.pop("bot_name")
        changed_tools = values.pop("changed_tools")
        heartbeats.append(ListedHeartbeat(Heartbeat.model_construct(**values), bot_name, changed_tools))
    return heartbeats


def states(connection: Connection, project: Project) -> HeartbeatStates:
    rows = connection.execute(STATES, {"project_id": project.id})
    return HeartbeatStates(**{row.state: row.number for row in rows})


def running(connection: Connection, project: Project) -> list[Row[Any]]:
    """List what runs now, rehearsals too, oldest first: `uuid`, `heartbeat_id`, `started_at` and `dry_run` of each."""
    return list(connection.execute(RUNNING, {"project_id": project.id}))


def days(connection: Connection, project: Project, today: date, count: int) -> dict[date, RunSums]:
    """Sum the runs of each of the last `count` days (UTC), today included; days without logs are zero."""
    since = today - timedelta(days=count - 1)
    sums = {since + timedelta(days=number): RunSums() for number in range(count)}
    for day, *numbers in connection.execute(DAYS, {"project_id": project.id, "since": since.isoformat()}):
        # A day after today comes from a process whose clock is ahead of this one.
        if (key := date.fromisoformat(day)) in sums:
            sums[key] = built(RunSums, SUMS, map(int, numbers))
    return sums


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
