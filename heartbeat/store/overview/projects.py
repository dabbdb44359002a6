"""A whole project at a glance: its heartbeats over all bots, what runs now, what ran lately. No logs are scanned."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, case, func, literal_column, select

from heartbeat.domain.errors import NotFound
from heartbeat.store.bots.bots import BOT
from heartbeat.store.credits.stats import NAMES, ROLLUP, Sums
from heartbeat.store.heartbeats.heartbeats import HEARTBEAT, IS_HEARTBEAT, NOT_DELETED
from heartbeat.store.heartbeats.tasks import TASKS
from heartbeat.store.pages import Page
from heartbeat.store.projects.access import as_public_id
from heartbeat.store.rows import first
from heartbeat.store.runs.runs import RUN
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project

# Enough of a prompt for one line; whole prompts of a page of heartbeats would be a megabyte.
PROMPT_START = 200
MOST_RUNNING = 1_000


@dataclass(frozen=True)
class ListedHeartbeat:
    """A heartbeat, with the start of its prompt alone, and its bot's name."""

    heartbeat: Heartbeat
    bot_name: str


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
_SHOWN = [column for column in HEARTBEAT.c if column.name != "prompt"]

LISTED = (
    select(*_SHOWN, func.substr(HEARTBEAT.c.prompt, 1, PROMPT_START).label("prompt"), BOT.c.name.label("bot_name"))
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
    .limit(MOST_RUNNING)
)
DAYS = (
    select(ROLLUP.c.day, *(func.sum(ROLLUP.c[name]) for name in NAMES))
    .where(BOT.c.project_id == bindparam("project_id"), ROLLUP.c.bot_id == BOT.c.id, ROLLUP.c.day >= bindparam("since"))
    .group_by(ROLLUP.c.day)
)


def listed(connection: Connection, project: Project, page: Page) -> list[ListedHeartbeat]:
    """One page of a project's heartbeats: paused ones first, then those that are on, each in the order they came."""
    given = {"project_id": project.id, "limit": page.size, "offset": page.offset}
    found = []
    for row in connection.execute(LISTED, given):
        values = dict(row._mapping)
        name = values.pop("bot_name")
        found.append(ListedHeartbeat(Heartbeat.model_construct(**values), name))
    return found


def states(connection: Connection, project: Project) -> HeartbeatStates:
    """How a project's heartbeats stand, counted."""
    counted = connection.execute(STATES, {"project_id": project.id})
    return HeartbeatStates(**{row.state: row.number for row in counted})


def running(connection: Connection, project: Project) -> list[Row[Any]]:
    """What runs now, rehearsals too, longest first: each run's `uuid`, `heartbeat_id`, `started_at` and `dry_run`."""
    return list(connection.execute(RUNNING, {"project_id": project.id}))


def days(connection: Connection, project: Project, today: date, count: int) -> dict[date, Sums]:
    """What the last `count` days (UTC) came to, today the last of them; days without logs are zero."""
    since = today - timedelta(days=count - 1)
    found = {since + timedelta(days=number): Sums() for number in range(count)}
    for day, *numbers in connection.execute(DAYS, {"project_id": project.id, "since": since.isoformat()}):
        # A day later than today is a clock that is ahead of this one.
        if (key := date.fromisoformat(day)) in found:
            found[key] = Sums(*(int(number) for number in numbers))
    return found


def some_bot(connection: Connection, project: Project) -> Bot | None:
    """The project's first bot, if it has one."""
    mine = select(BOT).where(BOT.c.project_id == project.id, BOT.c.deleted_at.is_(None))
    return first(connection, Bot, mine.order_by(BOT.c.id).limit(1))


def heartbeat_and_bot(connection: Connection, project: Project, uuid: str) -> tuple[Heartbeat, Bot]:
    """The project's heartbeat with this public id, and its bot; raises `NotFound`."""
    return _and_bot(connection, project, uuid, "heartbeat", IS_HEARTBEAT)


def task_and_bot(connection: Connection, project: Project, uuid: str) -> tuple[Heartbeat, Bot]:
    """The project's scheduled task with this public id, one that has ended too, and its bot; raises `NotFound`."""
    return _and_bot(connection, project, uuid, "task", TASKS & (NOT_DELETED | HEARTBEAT.c.ended_as.is_not(None)))


def any_and_bot(connection: Connection, project: Project, uuid: str) -> tuple[Heartbeat, Bot]:
    """`heartbeat_and_bot` for heartbeats and scheduled tasks alike; raises `NotFound`."""
    return _and_bot(connection, project, uuid, "heartbeat", NOT_DELETED | HEARTBEAT.c.ended_as.is_not(None))


def _and_bot(
    connection: Connection, project: Project, uuid: str, noun: str, which: ColumnElement[bool]
) -> tuple[Heartbeat, Bot]:
    mine = (HEARTBEAT.c.uuid == as_public_id(uuid)) & (HEARTBEAT.c.project_id == project.id) & which
    found = first(connection, Heartbeat, select(HEARTBEAT).where(mine))
    bot = found and first(connection, Bot, select(BOT).where(BOT.c.id == found.bot_id, BOT.c.deleted_at.is_(None)))
    if not found or not bot:
        raise NotFound(noun, uuid[:64])
    return found, bot


def heartbeat_of_run(connection: Connection, heartbeat_id: int) -> tuple[Heartbeat, Bot]:
    """The heartbeat a run belongs to, a deleted one too, and its bot."""
    found = first(connection, Heartbeat, select(HEARTBEAT).where(HEARTBEAT.c.id == heartbeat_id))
    bot = found and first(connection, Bot, select(BOT).where(BOT.c.id == found.bot_id))
    assert found
    assert bot
    return found, bot
