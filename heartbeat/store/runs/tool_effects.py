"""What the built-in tools do to the store, in the transaction that writes the call's outcome: both happen once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from heartbeat.domain.errors import ProductError
from heartbeat.store.heartbeats import task_effects
from heartbeat.store.memory import tool_effects
from heartbeat.store.notifications import run_events
from heartbeat.store.tables.runs import Run

# Each raises `ProductError` before it writes anything; what it returns is for the model to read.
Effect = Callable[[Connection, Run, Mapping[str, Any], datetime], str]
EFFECTS: dict[str, Effect] = {
    "remember": tool_effects.remember_it,
    "recall": tool_effects.recall_it,
    "forget": tool_effects.forget_it,
    "notify_user": run_events.notify_user,
    "schedule_task": task_effects.schedule_it,
}


@dataclass(frozen=True)
class EffectResult:
    """What the model is told of an effect; with a `failure_code` it did not happen."""

    text: str
    failure_code: str | None = None


def carry_out(connection: Connection, run: Run, effect: Mapping[str, Any], now: datetime) -> EffectResult:
    """Do what a built-in tool asks for: `kind` is its name, the rest its arguments."""
    try:
        return EffectResult(EFFECTS[effect["kind"]](connection, run, effect, now))
    except ProductError as problem:
        return EffectResult(problem.message, "failed")
