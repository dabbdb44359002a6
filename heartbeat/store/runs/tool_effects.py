"""What the built-in tools do to the store, in the transaction that writes the call's outcome: both happen once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from heartbeat.domain.actors import Actor
from heartbeat.domain.errors import ProductError
from heartbeat.domain.plans import Plan
from heartbeat.domain.tool_effects import (
    ForgetEffect,
    NotifyUserEffect,
    RecallEffect,
    RememberEffect,
    ScheduleTaskEffect,
    ToolEffect,
)
from heartbeat.store.database.acting import act_as
from heartbeat.store.heartbeats.task_effects import schedule_task
from heartbeat.store.memory.tool_effects import forget_memory, recall_memories, remember_text
from heartbeat.store.notifications.run_events import notify_user
from heartbeat.store.tables.runs import Run


@dataclass(frozen=True)
class EffectResult:
    """What the model is told of an effect; with a `failure_code` it did not happen."""

    text: str
    failure_code: str | None = None


def carry_out(
    connection: Connection, run: Run, effect: ToolEffect, plans: Mapping[str, Plan], now: datetime
) -> EffectResult:
    """Do what a built-in tool asks for. What fails has written nothing."""
    act_as(connection, Actor("agent", run.uuid))
    try:
        return EffectResult(_answer(connection, run, effect, plans, now))
    except ProductError as problem:
        return EffectResult(problem.message, "failed")


def _answer(connection: Connection, run: Run, effect: ToolEffect, plans: Mapping[str, Plan], now: datetime) -> str:
    """Each raises `ProductError` before it writes anything; what it returns is for the model to read."""
    match effect:
        case RememberEffect():
            return remember_text(connection, run, effect, now)
        case RecallEffect():
            return recall_memories(connection, run, effect)
        case ForgetEffect():
            return forget_memory(connection, run, effect)
        case NotifyUserEffect():
            return notify_user(connection, run, effect, now)
        case ScheduleTaskEffect():
            return schedule_task(connection, run, effect, plans, now)
