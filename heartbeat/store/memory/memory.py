"""What agents remember: short texts of a bot, and of its members, found by their words.

A memory without a member is the bot's and every run of it sees it; a member's are seen by that member's runs alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, or_, select

from heartbeat.domain.errors import Conflict, Invalid, NotFound
from heartbeat.domain.ids import new_id
from heartbeat.domain.text import storable_text
from heartbeat.store.audit.recording import record_of_bot
from heartbeat.store.database.pages import Page
from heartbeat.store.database.rows import columns, exactly_one, first, many
from heartbeat.store.memory.search import MEMORY, matching, newest_matching, ranked, terms
from heartbeat.store.memory.search_words import phrases, spelled
from heartbeat.store.projects.access import as_public_id
from heartbeat.store.tables.bots import Bot, Memory, Subscriber

BOT = columns(Bot)

MAX_LENGTH = 4_000
MAX_MEMORIES = 1_000
# When more fit a query than this, which are best is no answer to it: these are listed newest first.
MAX_RANKED = 500
# A prompt that serves as the query may have thousands of words.
MAX_PHRASES = 64

VISIBLE = (MEMORY.c.bot_id == bindparam("bot")) & or_(
    MEMORY.c.member_id.is_(None), MEMORY.c.member_id == bindparam("member")
)
NEWEST = select(MEMORY).where(VISIBLE).order_by(MEMORY.c.id.desc()).limit(bindparam("limit"))
COUNT = select(func.count()).select_from(MEMORY).where(MEMORY.c.bot_id == bindparam("bot"))


@dataclass(frozen=True)
class MemoryOwner:
    """A bot, whose memories every run sees, or one of its members, whose own come on top."""

    bot_id: int
    member_id: int | None = None


def remember(connection: Connection, owner: MemoryOwner, content: str, run_id: int | None, now: datetime) -> Memory:
    """Store a text, or return the memory that has it already; raises `Invalid` (empty, too long) or `Conflict` (full).

    NUL and half surrogate pairs are replaced.
    """
    content = storable_text(content).strip()
    if not 1 <= len(content) <= MAX_LENGTH:
        message = f"a memory has 1 to {MAX_LENGTH:,} characters, this one {len(content):,}; say it shorter"
        raise Invalid("text", message)
    # Two calls at once must not both take the last free place. Rows that refer to the bot may be written meanwhile.
    connection.execute(select(BOT.c.id).where(BOT.c.id == owner.bot_id).with_for_update(key_share=True))
    same_owner = (MEMORY.c.bot_id == owner.bot_id) & MEMORY.c.member_id.is_not_distinct_from(owner.member_id)
    if memory := first(connection, Memory, select(MEMORY).where(same_owner, MEMORY.c.text == content)):
        return memory
    if connection.execute(COUNT, {"bot": owner.bot_id}).scalar_one() >= MAX_MEMORIES:
        message = (
            f"This bot remembers {MAX_MEMORIES:,} things, which is the most; forget what is not needed, then try again."
        )
        raise Conflict("memory_full", message)
    values = {**vars(owner), "uuid": new_id("mry"), "text": content, "words": spelled(content), "run_id": run_id}
    insert = MEMORY.insert().values(**values, created_at=now, updated_at=now).returning(MEMORY)
    return exactly_one(connection, Memory, insert)


def recall(connection: Connection, owner: MemoryOwner, query: str, limit: int) -> list[Memory]:
    """List the memories that fit any word of a query, best first; the newest ones for a query without words."""
    parameters: dict[str, Any] = {"bot": owner.bot_id, "member": owner.member_id, "limit": limit}
    query_phrases = list(dict.fromkeys(phrases(query)))[:MAX_PHRASES]
    if not query_phrases:
        return many(connection, Memory, NEWEST, parameters)
    parameters["terms"] = terms(connection.dialect.name, query_phrases, [owner.bot_id])
    return many(connection, Memory, _search(connection.dialect.name), parameters)


def forget(connection: Connection, owner: MemoryOwner, memory_uuid: str) -> None:
    """Delete one of the memories that the owner's runs see; raises `NotFound`."""
    parameters = {"uuid": as_public_id(memory_uuid), "bot": owner.bot_id, "member": owner.member_id}
    one_memory = delete(MEMORY).where(VISIBLE, MEMORY.c.uuid == bindparam("uuid"))
    if not connection.execute(one_memory, parameters).rowcount:
        raise NotFound("memory", memory_uuid[:64])
    # Of what is forgotten the audit log keeps nothing.
    record_of_bot(connection, owner.bot_id, "memory.forget", memory_uuid)


def forget_all(connection: Connection, bot: Bot) -> int:
    """Delete everything that a bot and its members remember; returns how many memories those were."""
    return connection.execute(delete(MEMORY).where(MEMORY.c.bot_id == bot.id)).rowcount


def forget_member(connection: Connection, member: Subscriber) -> None:
    """Delete what was remembered about one member."""
    of_member = (MEMORY.c.bot_id == member.bot_id) & (MEMORY.c.member_id == member.id)
    connection.execute(delete(MEMORY).where(of_member))


@dataclass(frozen=True)
class MemoryList:
    """A page of memories, and how many there are in all; `has_too_many`: more than `MAX_RANKED` fit the words.

    Then the newest come first, and they are counted no further than the page goes.
    """

    memories: list[Memory]
    total: int
    has_too_many: bool = False


def memories(
    connection: Connection, bot_ids: Sequence[int], member_id: int | None, words: str, page: Page
) -> MemoryList:
    """Read one page of what some bots remember, of one member alone if one is named.

    Those that fit any of the `words`, best first; without words all, newest first.
    """
    if not bot_ids:
        return MemoryList([], 0)
    dialect, query_phrases = connection.dialect.name, list(dict.fromkeys(phrases(words)))[:MAX_PHRASES]
    which: ColumnElement[bool] = MEMORY.c.bot_id.in_(bot_ids)
    if member_id is not None:
        which &= MEMORY.c.member_id == member_id
    if not query_phrases:
        total = connection.execute(select(func.count()).select_from(MEMORY).where(which)).scalar_one()
        newest = select(MEMORY).where(which).order_by(MEMORY.c.id.desc())
        return MemoryList(many(connection, Memory, _part(newest, page)), total)
    sought = {"terms": terms(dialect, query_phrases, bot_ids)}
    total = _counted(connection, matching(dialect).where(which), sought, max(MAX_RANKED, page.offset + page.size))
    has_too_many = total > MAX_RANKED
    rows = (newest_matching if has_too_many else ranked)(dialect).where(which)
    return MemoryList(many(connection, Memory, _part(rows, page), sought), total, has_too_many)


def _part(rows: Select[Any], page: Page) -> Select[Any]:
    return rows.limit(page.size).offset(page.offset)


def _counted(connection: Connection, rows: Select[Any], parameters: dict[str, str], most: int) -> int:
    """Count rows, or find that they are one more than `most`."""
    some = rows.with_only_columns(MEMORY.c.id).limit(most + 1).subquery()
    total: int = connection.execute(select(func.count()).select_from(some), parameters).scalar_one()
    return total


# Putting such a statement together costs more than running it.
@cache
def _search(dialect: str) -> Select[Any]:
    """Select the visible memories that match `:terms`, best first, then newest."""
    return ranked(dialect).where(VISIBLE).limit(bindparam("limit"))
