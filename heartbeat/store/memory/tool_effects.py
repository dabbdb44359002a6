"""The built-in tools remember, recall and forget: what an agent may ask of its memories, and what it is told."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from heartbeat.store.memory.memory import MemoryOwner, forget, recall, remember
from heartbeat.store.tables.runs import Run

MOST_RECALLED = 10
MOST_CHARACTERS = 16_000


def remember_it(connection: Connection, run: Run, given: Mapping[str, Any], now: datetime) -> str:
    """Keep a text; raises `Invalid` or `Conflict`, in words for the model."""
    memory = remember(connection, _owner(run), given["text"], run.id, now)
    return f"Remembered as {memory.uuid}."


def recall_it(connection: Connection, run: Run, given: Mapping[str, Any], now: datetime) -> str:
    """The memories that fit a query best, as many as there is room for, each with the id it is forgotten by."""
    lines: list[str] = []
    for memory in recall(connection, _owner(run), given["query"], MOST_RECALLED):
        line = f"{memory.uuid} ({memory.created_at:%Y-%m-%d}): {memory.text}"
        if sum(map(len, lines)) + len(line) <= MOST_CHARACTERS:
            lines.append(line)
    return "\n".join(lines) or "Nothing that is remembered fits; other words may."


def forget_it(connection: Connection, run: Run, given: Mapping[str, Any], now: datetime) -> str:
    """Drop one memory; raises `NotFound`, in words for the model."""
    forget(connection, _owner(run), given["id"])
    return f"{given['id']} is forgotten."


def _owner(run: Run) -> MemoryOwner:
    return MemoryOwner(run.bot_id, run.member_id)
