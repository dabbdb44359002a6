"""What the built-in tools do to the store, in the transaction that writes the call's outcome: both happen once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from heartbeat.errors import ProductError
from heartbeat.store import recollection, self_scheduling, telling
from heartbeat.store.records import Run

# Each raises `ProductError` before it writes anything; what it returns is for the model to read.
Effect = Callable[[Connection, Run, Mapping[str, Any], datetime], str]
EFFECTS: dict[str, Effect] = {
    "remember": recollection.remember_it,
    "recall": recollection.recall_it,
    "forget": recollection.forget_it,
    "notify_user": telling.notify_user,
    "schedule_task": self_scheduling.schedule_it,
}


@dataclass(frozen=True)
class Said:
    """What the model is told of an effect; with a `failure_code` it did not happen."""

    text: str
    failure_code: str | None = None


def carry_out(connection: Connection, run: Run, effect: Mapping[str, Any], now: datetime) -> Said:
    """Do what a built-in tool asks for: `kind` is its name, the rest its arguments."""
    try:
        return Said(EFFECTS[effect["kind"]](connection, run, effect, now))
    except ProductError as problem:
        return Said(problem.message, "failed")
