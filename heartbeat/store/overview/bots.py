"""The bots of a project as pages list them: each with how much it has."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, select

from heartbeat.store.bots.bots import BOT
from heartbeat.store.heartbeats.heartbeats import HEARTBEAT, IS_HEARTBEAT
from heartbeat.store.memory.memory import MEMORY
from heartbeat.store.overview.projects import START, WITHOUT_PROMPT
from heartbeat.store.pages import Page
from heartbeat.store.projects.members import NOT_DELETED, SUBSCRIBER
from heartbeat.store.rows import all_joined, many
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tools.servers import TOOL


def _count(table: Any, *which: ColumnElement[bool]) -> Any:
    return select(func.count()).select_from(table).where(table.c.bot_id == BOT.c.id, *which).scalar_subquery()


_COUNTS = (
    _count(HEARTBEAT, IS_HEARTBEAT, HEARTBEAT.c.enabled),
    _count(HEARTBEAT, IS_HEARTBEAT, HEARTBEAT.c.pause_reason.is_not(None)),
    _count(HEARTBEAT, IS_HEARTBEAT),
    _count(TOOL),
    _count(MEMORY),
)
LISTED_BOTS = (
    select(BOT, *_COUNTS)
    .where(BOT.c.project_id == bindparam("project_id"), BOT.c.deleted_at.is_(None))
    .order_by(BOT.c.id)
)
ONE_BOT = select(BOT, *_COUNTS).where(BOT.c.id == bindparam("bot"))
COUNT = (
    select(func.count()).select_from(BOT).where(BOT.c.project_id == bindparam("project_id"), BOT.c.deleted_at.is_(None))
)
HEARTBEATS = (
    select(*WITHOUT_PROMPT, START)
    .where(HEARTBEAT.c.bot_id == bindparam("bot"), IS_HEARTBEAT)
    .order_by(HEARTBEAT.c.id)
    .limit(bindparam("limit"))
)


@dataclass(frozen=True)
class ListedBot:
    """A bot, and how many heartbeats (on, paused, all of them), tool servers and memories it has."""

    bot: Bot
    on: int
    paused: int
    heartbeats: int
    tools: int
    memories: int


def bot_page(connection: Connection, project: Project, page: Page) -> tuple[list[ListedBot], int]:
    """Read one page of a project's bots, oldest first, and how many there are in all."""
    statement = LISTED_BOTS.limit(page.size).offset(page.offset)
    rows = all_joined(connection, (Bot,), statement, {"project_id": project.id})
    return [ListedBot(*row) for row in rows], connection.execute(COUNT, {"project_id": project.id}).scalar_one()


def listed_bot(connection: Connection, bot: Bot) -> ListedBot:
    """Count what a bot has."""
    [row] = all_joined(connection, (Bot,), ONE_BOT, {"bot": bot.id})
    return ListedBot(*row)


def heartbeats_of_bot(connection: Connection, bot: Bot, limit: int) -> list[Heartbeat]:
    """List the bot's heartbeats in the order of creation, with the start of their prompts alone."""
    return many(connection, Heartbeat, HEARTBEATS, {"bot": bot.id, "limit": limit})


def count_subscribers(connection: Connection, bot: Bot) -> int:
    """Count the members of a bot's audience."""
    members = select(func.count()).select_from(SUBSCRIBER).where(SUBSCRIBER.c.bot_id == bot.id, NOT_DELETED)
    return connection.execute(members).scalar_one()
