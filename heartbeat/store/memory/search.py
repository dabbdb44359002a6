"""Memories by the words they have: statements that find them, in each database's own index and syntax."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, select, text

from heartbeat.store.database.rows import columns
from heartbeat.store.tables.bots import Memory

MEMORY = columns(Memory)

# The index of words: on SQLite a table of its own.
ROW: ColumnElement[int] = literal_column("memory_words.rowid")
INDEXED, TERMS = func.to_tsvector(text("'simple'"), MEMORY.c.words), text("to_tsquery('simple', :terms)")


def terms(dialect: str, query_phrases: Sequence[tuple[str, ...]], bot_ids: Sequence[int]) -> str:
    """Write an OR of phrases in the database's search syntax."""
    if dialect == "sqlite":
        any_of = " OR ".join(f'"{" ".join(phrase)}"' for phrase in query_phrases)
        # The bot is a word of the index, so that no other bot's memories are read.
        bots = " OR ".join(f'"{bot_id}"' for bot_id in bot_ids)
        return f"bot_id : ({bots}) AND words : ({any_of})"
    return " | ".join("(" + " <-> ".join(f"'{word}'" for word in phrase) + ")" for phrase in query_phrases)


def ranked(dialect: str) -> Select[Any]:
    """Select the memories that match `:terms`, best first, then newest."""
    best = literal_column("memory_words.rank") if dialect == "sqlite" else func.ts_rank(INDEXED, TERMS).desc()
    return matching(dialect).order_by(best, MEMORY.c.id.desc())


def newest_matching(dialect: str) -> Select[Any]:
    """Select the memories that match `:terms`, newest first, which SQLite's index has them in."""
    return matching(dialect).order_by((ROW if dialect == "sqlite" else MEMORY.c.id).desc())


def matching(dialect: str) -> Select[Any]:
    """Select the memories that match `:terms`."""
    if dialect == "sqlite":
        rows = select(MEMORY).select_from(text("memory_words")).join(MEMORY, MEMORY.c.id == ROW)
        return rows.where(text("memory_words MATCH :terms"))
    return select(MEMORY).where(INDEXED.op("@@")(TERMS))
