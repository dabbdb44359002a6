"""The built-in tools remember, recall and forget, and the sentences that the model gets back."""

from datetime import datetime

from sqlalchemy import Connection

from heartbeat.domain.tool_effects import ForgetEffect, RecallEffect, RememberEffect
from heartbeat.store.memory.memory import MemoryOwner, forget, recall, remember
from heartbeat.store.tables.runs import Run

MAX_RECALLED = 10
MAX_CHARACTERS = 16_000


def remember_text(connection: Connection, run: Run, effect: RememberEffect, now: datetime) -> str:
    """Store a text; raises `Invalid` or `Conflict`, in words for the model."""
    memory = remember(connection, _owner(run), effect.text, run.id, now)
    return f"Remembered as {memory.uuid}."


def recall_memories(connection: Connection, run: Run, effect: RecallEffect) -> str:
    """List the memories that fit a query best, up to `MAX_CHARACTERS`, each with the id that `forget` takes."""
    lines: list[str] = []
    for memory in recall(connection, _owner(run), effect.query, MAX_RECALLED):
        line = f"{memory.uuid} ({memory.created_at:%Y-%m-%d}): {memory.text}"
        if sum(map(len, lines)) + len(line) <= MAX_CHARACTERS:
            lines.append(line)
    return "\n".join(lines) or "Nothing that is remembered fits; other words may."


def forget_memory(connection: Connection, run: Run, effect: ForgetEffect) -> str:
    """Delete one memory; raises `NotFound`, in words for the model."""
    forget(connection, _owner(run), effect.memory_uuid)
    return f"{effect.memory_uuid} is forgotten."


def _owner(run: Run) -> MemoryOwner:
    return MemoryOwner(run.bot_id, run.member_id)
