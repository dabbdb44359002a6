"""What agents remember: short texts of a bot, and of its members, found by their words.

A memory without a member is the bot's and every run of it sees it; a member's are seen by that member's runs alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, literal_column, or_, select, text

from heartbeat.domain.errors import Conflict, Invalid, NotFound
from heartbeat.domain.ids import new_id
from heartbeat.domain.text import storable_text
from heartbeat.store.audit.recording import record_of_bot
from heartbeat.store.database.pages import Page
from heartbeat.store.database.rows import columns, exactly_one, first, many
from heartbeat.store.memory.search_words import phrases, spelled
from heartbeat.store.projects.access import as_public_id
from heartbeat.store.tables.bots import Bot, Memory, Subscriber

MEMORY, BOT = columns(Memory), columns(Bot)

MAX_LENGTH = 4_000
MAX_MEMORIES = 1_000
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
    parameters["terms"] = _terms(connection.dialect.name, query_phrases, [owner.bot_id])
    return many(connection, Memory, _search(connection.dialect.name), parameters)


def _terms(dialect: str, query_phrases: Sequence[tuple[str, ...]], bot_ids: Sequence[int]) -> str:
    """Write an OR of phrases in the database's search syntax."""
    if dialect == "sqlite":
        any_of = " OR ".join(f'"{" ".join(phrase)}"' for phrase in query_phrases)
        # The bot is a word of the index, so that no other bot's memories are read.
        bots = " OR ".join(f'"{bot_id}"' for bot_id in bot_ids)
        return f"bot_id : ({bots}) AND words : ({any_of})"
    return " | ".join("(" + " <-> ".join(f"'{word}'" for word in phrase) + ")" for phrase in query_phrases)


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


def memories(
    connection: Connection, bot_ids: Sequence[int], member_id: int | None, words: str, page: Page
) -> tuple[list[Memory], int]:
    """Read one page of what some bots remember, of one member alone if one is named, and how many that is in all.

    Those that fit any of the `words`, best first; without words all, newest first.
    """
    if not bot_ids:
        return [], 0
    query_phrases = list(dict.fromkeys(phrases(words)))[:MAX_PHRASES]
    rows = _ranked(connection.dialect.name) if query_phrases else select(MEMORY).order_by(MEMORY.c.id.desc())
    rows = rows.where(MEMORY.c.bot_id.in_(bot_ids))
    if member_id is not None:
        rows = rows.where(MEMORY.c.member_id == member_id)
    terms = {"terms": _terms(connection.dialect.name, query_phrases, bot_ids)} if query_phrases else {}
    count = select(func.count()).select_from(rows.order_by(None).subquery())
    total = connection.execute(count, terms).scalar_one()
    return many(connection, Memory, rows.limit(page.size).offset(page.offset), terms), total


# Putting such a statement together costs more than running it.
@cache
def _search(dialect: str) -> Select[Any]:
    """Select the visible memories that match `:terms`, best first, then newest."""
    return _ranked(dialect).where(VISIBLE).limit(bindparam("limit"))


def _ranked(dialect: str) -> Select[Any]:
    """Select the memories that match `:terms`, best first, then newest."""
    if dialect == "sqlite":
        index, matches = text("memory_words"), text("memory_words MATCH :terms")
        rows = select(MEMORY).select_from(index).join(MEMORY, literal_column("memory_words.rowid") == MEMORY.c.id)
        return rows.where(matches).order_by(literal_column("memory_words.rank"), MEMORY.c.id.desc())
    indexed, terms = func.to_tsvector(text("'simple'"), MEMORY.c.words), text("to_tsquery('simple', :terms)")
    rows = select(MEMORY).where(indexed.op("@@")(terms))
    return rows.order_by(func.ts_rank(indexed, terms).desc(), MEMORY.c.id.desc())
