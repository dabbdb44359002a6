"""Subscribers and memories as pages list them: each with its bot, and a memory with whom it is about."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, bindparam, func, select

from heartbeat.domain.errors import NotFound
from heartbeat.store.bots.bots import BOT
from heartbeat.store.bots.subscribers import subscribers
from heartbeat.store.database.pages import Page
from heartbeat.store.database.rows import first, many
from heartbeat.store.heartbeats.heartbeats import HEARTBEAT, IS_HEARTBEAT
from heartbeat.store.memory.memory import MemoryList, memories
from heartbeat.store.memory.search import MEMORY
from heartbeat.store.overview.projects import START, WITHOUT_PROMPT
from heartbeat.store.overview.waiting import access_to_memory, access_to_subscriber
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.projects.members import SUBSCRIBER, subscriber
from heartbeat.store.runs.runs import RUN
from heartbeat.store.tables.bots import Bot, Memory, Subscriber
from heartbeat.store.tables.heartbeats import Heartbeat

HEARTBEATS = (
    select(*WITHOUT_PROMPT, START)
    .where(HEARTBEAT.c.bot_id == bindparam("bot"), HEARTBEAT.c.member_id == bindparam("member"), IS_HEARTBEAT)
    .order_by(HEARTBEAT.c.id)
    .limit(bindparam("limit"))
)


@dataclass(frozen=True)
class ListedSubscriber:
    """A subscriber, its bot, and how many heartbeats belong to it."""

    subscriber: Subscriber
    bot: Bot
    heartbeats: int


@dataclass(frozen=True)
class SubscriberRows:
    """A subscriber as its page shows it; `memories` is how many things are remembered about it."""

    subscriber: Subscriber
    bot: Bot
    heartbeats: list[Heartbeat]
    memories: int


@dataclass(frozen=True)
class ListedMemory:
    """A memory, its bot, whom it is about, and the log id of the run that wrote it, while that is kept."""

    memory: Memory
    bot: Bot
    member: Subscriber | None
    run_uuid: str | None


def subscriber_page(
    connection: Connection, access: Access, words: str, page: Page
) -> tuple[list[ListedSubscriber], int]:
    """Read one page of the subscribers of a project, or of the bot that is named, and how many there are in all."""
    members, total = subscribers(connection, access, page, words)
    bots = _bots(connection, {member.bot_id for member in members})
    counts = _counts(connection, members)
    return [ListedSubscriber(one, bots[one.bot_id], counts.get(one.id, 0)) for one in members], total


def subscriber_rows(connection: Connection, access: Access, member_uuid: str, limit: int) -> SubscriberRows:
    """Read a subscriber of the project, with up to `limit` heartbeats; raises `NotFound`."""
    access = access_to_subscriber(connection, access, member_uuid)
    member = subscriber(connection, access.bot, member_uuid)
    parameters = {"bot": access.bot.id, "member": member.id, "limit": limit}
    about = (MEMORY.c.bot_id == access.bot.id) & (MEMORY.c.member_id == member.id)
    count = connection.execute(select(func.count()).select_from(MEMORY).where(about)).scalar_one()
    return SubscriberRows(member, access.bot, many(connection, Heartbeat, HEARTBEATS, parameters), count)


def memory_page(
    connection: Connection, access: Access, member: Subscriber | None, words: str, page: Page
) -> tuple[list[ListedMemory], MemoryList]:
    """Read one page of what the bots of a project remember, or the bot that is named."""
    bot_ids = [access.named_bot.id] if access.named_bot else _bot_ids(connection, access)
    found = memories(connection, bot_ids, member.id if member else None, words, page)
    return _listed(connection, found.memories), found


def one_memory(connection: Connection, access: Access, memory_uuid: str) -> ListedMemory:
    """Read a memory of the project; raises `NotFound`."""
    access = access_to_memory(connection, access, memory_uuid)
    named = (MEMORY.c.uuid == as_public_id(memory_uuid)) & (MEMORY.c.bot_id == access.bot.id)
    row = first(connection, Memory, select(MEMORY).where(named))
    if row is None:
        raise NotFound("memory", memory_uuid[:64])
    return _listed(connection, [row])[0]


def _bot_ids(connection: Connection, access: Access) -> list[int]:
    of_project = (BOT.c.project_id == access.project.id) & BOT.c.deleted_at.is_(None)
    return list(connection.execute(select(BOT.c.id).where(of_project)).scalars())


def _listed(connection: Connection, rows: list[Memory]) -> list[ListedMemory]:
    bots = _bots(connection, {row.bot_id for row in rows})
    members = _members(connection, {row.member_id for row in rows if row.member_id is not None})
    numbers = {row.run_id for row in rows if row.run_id is not None}
    runs = {one.id: one.uuid for one in connection.execute(select(RUN.c.id, RUN.c.uuid).where(RUN.c.id.in_(numbers)))}
    return [ListedMemory(row, bots[row.bot_id], members.get(row.member_id), runs.get(row.run_id)) for row in rows]


def _bots(connection: Connection, numbers: Iterable[int]) -> dict[int, Bot]:
    return {bot.id: bot for bot in many(connection, Bot, select(BOT).where(BOT.c.id.in_(numbers)))}


def _members(connection: Connection, numbers: Iterable[int]) -> dict[int | None, Subscriber]:
    rows = many(connection, Subscriber, select(SUBSCRIBER).where(SUBSCRIBER.c.id.in_(numbers)))
    return {row.id: row for row in rows}


def _counts(connection: Connection, members: list[Subscriber]) -> dict[int, int]:
    """Count the heartbeats of each of these members."""
    mine: ColumnElement[bool] = HEARTBEAT.c.member_id.in_([one.id for one in members])
    of_bots = HEARTBEAT.c.bot_id.in_({one.bot_id for one in members})
    counted = select(HEARTBEAT.c.member_id, func.count().label("number")).where(of_bots, mine, IS_HEARTBEAT)
    rows = connection.execute(counted.group_by(HEARTBEAT.c.member_id))
    return {row.member_id: row.number for row in rows}
