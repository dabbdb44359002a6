"""What agents remember: short texts of a bot, and of its members, found by their words.

A memory without a member is the bot's and every run of it sees it; a member's are seen by that member's runs alone.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, literal_column, or_, select, text

from heartbeat.domain.errors import Conflict, Invalid, NotFound
from heartbeat.domain.ids import new_id
from heartbeat.store.memory.search_words import phrases, spelled
from heartbeat.store.projects.access import as_public_id
from heartbeat.store.rows import columns, exactly_one, first, many
from heartbeat.store.tables.bots import Bot, Memory, Subscriber

MEMORY, BOT = columns(Memory), columns(Bot)

MAX_LENGTH = 4_000
MAX_MEMORIES = 1_000
# So many of a query's words are looked for: a prompt may have thousands.
MOST_PHRASES = 64

SEEN = (MEMORY.c.bot_id == bindparam("bot")) & or_(
    MEMORY.c.member_id.is_(None), MEMORY.c.member_id == bindparam("member")
)
NEWEST = select(MEMORY).where(SEEN).order_by(MEMORY.c.id.desc()).limit(bindparam("most"))
COUNT = select(func.count()).select_from(MEMORY).where(MEMORY.c.bot_id == bindparam("bot"))


@dataclass(frozen=True)
class MemoryOwner:
    """Whose memories: a bot's, and with a member that one's as well."""

    bot_id: int
    member_id: int | None = None


def remember(connection: Connection, owner: MemoryOwner, given: str, run_id: int | None, now: datetime) -> Memory:
    """Keep a text; the same text is kept once. Raises `Invalid` (empty, too long) or `Conflict` (no room)."""
    kept = given.replace("\0", "").encode(errors="replace").decode().strip()
    if not 1 <= len(kept) <= MAX_LENGTH:
        raise Invalid("text", f"a memory has 1 to {MAX_LENGTH:,} characters, this one {len(kept):,}; say it shorter")
    # Two calls at once must not both find the last room. Rows that refer to the bot may be written meanwhile.
    connection.execute(select(BOT.c.id).where(BOT.c.id == owner.bot_id).with_for_update(key_share=True))
    mine = (MEMORY.c.bot_id == owner.bot_id) & MEMORY.c.member_id.is_not_distinct_from(owner.member_id)
    if known := first(connection, Memory, select(MEMORY).where(mine, MEMORY.c.text == kept)):
        return known
    if connection.execute(COUNT, {"bot": owner.bot_id}).scalar_one() >= MAX_MEMORIES:
        full = (
            f"This bot remembers {MAX_MEMORIES:,} things, which is the most; forget what is not needed, then try again."
        )
        raise Conflict("memory_full", full)
    row = {**vars(owner), "uuid": new_id("mry"), "text": kept, "words": spelled(kept), "run_id": run_id}
    fresh = MEMORY.insert().values(**row, created_at=now, updated_at=now).returning(MEMORY)
    return exactly_one(connection, Memory, fresh)


def recall(connection: Connection, owner: MemoryOwner, query: str, most: int) -> list[Memory]:
    """The memories that fit a query best; any of its words will do. The newest ones for a query without words."""
    given: dict[str, Any] = {"bot": owner.bot_id, "member": owner.member_id, "most": most}
    found = list(dict.fromkeys(phrases(query)))[:MOST_PHRASES]
    if not found:
        return many(connection, Memory, NEWEST, given)
    if connection.dialect.name == "sqlite":
        any_of = " OR ".join(f'"{" ".join(phrase)}"' for phrase in found)
        # The bot is a word of the index, so that no other bot's memories are read.
        given["terms"] = f'bot_id : "{owner.bot_id}" AND words : ({any_of})'
    else:
        given["terms"] = " | ".join("(" + " <-> ".join(f"'{word}'" for word in phrase) + ")" for phrase in found)
    return many(connection, Memory, _search(connection.dialect.name), given)


def forget(connection: Connection, owner: MemoryOwner, uuid: str) -> None:
    """Drop one of the memories that the owner's runs see; raises `NotFound`."""
    given = {"key": as_public_id(uuid), "bot": owner.bot_id, "member": owner.member_id}
    if not connection.execute(delete(MEMORY).where(SEEN, MEMORY.c.uuid == bindparam("key")), given).rowcount:
        raise NotFound("memory", uuid[:64])


def forget_all(connection: Connection, bot: Bot) -> int:
    """Drop everything that a bot and its members remember; returns how many that were."""
    return connection.execute(delete(MEMORY).where(MEMORY.c.bot_id == bot.id)).rowcount


def forget_member(connection: Connection, member: Subscriber) -> None:
    """Drop what was remembered about one member."""
    mine = (MEMORY.c.bot_id == member.bot_id) & (MEMORY.c.member_id == member.id)
    connection.execute(delete(MEMORY).where(mine))


@cache
def _search(dialect: str) -> Select[Any]:
    """Best first, then newest. Built once: putting such a statement together costs more than running it."""
    if dialect == "sqlite":
        index = text("memory_words")
        fits = text("memory_words MATCH :terms")
        found = select(MEMORY).select_from(index).join(MEMORY, literal_column("memory_words.rowid") == MEMORY.c.id)
        ranked = found.where(fits, SEEN).order_by(literal_column("memory_words.rank"), MEMORY.c.id.desc())
    else:
        indexed, terms = func.to_tsvector(text("'simple'"), MEMORY.c.words), text("to_tsquery('simple', :terms)")
        found = select(MEMORY).where(indexed.op("@@")(terms), SEEN)
        ranked = found.order_by(func.ts_rank(indexed, terms).desc(), MEMORY.c.id.desc())
    return ranked.limit(bindparam("most"))
