"""The bots of a project as pages list them: each with how much it has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, select

from heartbeat.store.bots.bots import BOT
from heartbeat.store.database.pages import ListFilter, Page, having_words
from heartbeat.store.database.rows import all_joined, many
from heartbeat.store.heartbeats.heartbeats import HEARTBEAT, IS_HEARTBEAT
from heartbeat.store.memory.search import MEMORY
from heartbeat.store.overview.projects import START, WITHOUT_PROMPT
from heartbeat.store.projects.members import NOT_DELETED, SUBSCRIBER
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
_OF_PROJECT = (BOT.c.project_id == bindparam("project_id")) & BOT.c.deleted_at.is_(None)
_PAUSED = select(HEARTBEAT.c.bot_id).where(
    HEARTBEAT.c.bot_id == BOT.c.id, IS_HEARTBEAT, HEARTBEAT.c.pause_reason.is_not(None)
)
SHOWN: Mapping[str, ColumnElement[bool]] = {
    "on": BOT.c.status & BOT.c.heartbeat,
    "off": ~(BOT.c.status & BOT.c.heartbeat),
    "paused": _PAUSED.exists(),
}
ONE_BOT = select(BOT, *_COUNTS).where(BOT.c.id == bindparam("bot"))
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


def bot_page(connection: Connection, project: Project, wanted: ListFilter, page: Page) -> tuple[list[ListedBot], int]:
    """Read one page of a project's bots, oldest first, and how many there are in all.

    Words stand in the name, the model or the instruction; `show` is a key of `SHOWN`.
    """
    parameters = {"project_id": project.id}
    which = [_OF_PROJECT, *having_words(wanted.words, BOT.c.uuid, BOT.c.name, BOT.c.model, BOT.c.instruction)]
    which += [SHOWN[wanted.show]] if wanted.show else []
    listed = select(BOT, *_COUNTS).where(*which).order_by(BOT.c.id).limit(page.size).offset(page.offset)
    total = connection.execute(select(func.count()).select_from(BOT).where(*which), parameters).scalar_one()
    return [ListedBot(*row) for row in all_joined(connection, (Bot,), listed, parameters)], total


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
