"""One run as somebody watches it: its log so far, its steps and what each was charged, and every request it made."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select

from heartbeat.domain.errors import NotFound
from heartbeat.store.database.rows import columns, many
from heartbeat.store.projects.access import as_public_id
from heartbeat.store.runs.logs import SHOWN
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Attempt, Run, Step

RUN, STEP, ENTRY, ATTEMPT, HEARTBEAT = columns(Run), columns(Step), columns(Entry), columns(Attempt), columns(Heartbeat)

# Built once: putting such a statement together costs more than running it.
_OF_BOT = (RUN.c.uuid == bindparam("key")) & (RUN.c.bot_id == bindparam("bot"))
LOG: Select[Any] = (
    select(*SHOWN, RUN.c.instruction, RUN.c.opening, RUN.c.expect, HEARTBEAT.c.uuid.label("heartbeat_uuid"))
    .join(HEARTBEAT, HEARTBEAT.c.id == RUN.c.heartbeat_id)
    .where(_OF_BOT)
)
GLANCE = (
    select(RUN.c.id, RUN.c.status, STEP.c.number, STEP.c.state, STEP.c.progress)
    .outerjoin(STEP, STEP.c.run_id == RUN.c.id)
    .where(_OF_BOT)
    .order_by(STEP.c.number)
)
STEPS = select(STEP).where(STEP.c.run_id == bindparam("run")).order_by(STEP.c.number)
SOME_STEPS = STEPS.where(STEP.c.number.in_(bindparam("numbers", expanding=True)))
CHARGED = (
    select(ENTRY.c.step, func.sum(ENTRY.c.credits)).where(ENTRY.c.run_id == bindparam("run")).group_by(ENTRY.c.step)
)
ATTEMPTS = select(ATTEMPT).where(ATTEMPT.c.run_id == bindparam("run")).order_by(ATTEMPT.c.step, ATTEMPT.c.attempt)


@dataclass(frozen=True)
class RunStates:
    """As little of a run as tells whether there is news: its status, and the state and progress of its steps."""

    run_id: int
    status: str
    states: Mapping[int, str]
    progress: Mapping[int, str]


def log(connection: Connection, bot_id: int, uuid: str) -> Row[Any]:
    """A run of a bot, as `logs` has it, also while it runs; raises `NotFound`."""
    found = connection.execute(LOG, {"key": as_public_id(uuid), "bot": bot_id}).first()
    if found is None:
        raise NotFound("run", uuid[:64])
    return found


def glance(connection: Connection, bot_id: int, uuid: str) -> RunStates:
    """One look at a run of a bot, by one statement; raises `NotFound`."""
    rows = connection.execute(GLANCE, {"key": as_public_id(uuid), "bot": bot_id}).all()
    if not rows:
        raise NotFound("run", uuid[:64])
    states = {row.number: row.state for row in rows if row.number is not None}
    return RunStates(rows[0].id, rows[0].status, states, {row.number: row.progress for row in rows if row.progress})


def steps(connection: Connection, run_id: int, numbers: Collection[int] | None = None) -> list[Step]:
    """The steps of a run in order, all of them or those with these numbers."""
    if numbers is None:
        return many(connection, Step, STEPS, {"run": run_id})
    return many(connection, Step, SOME_STEPS, {"run": run_id, "numbers": list(numbers)}) if numbers else []


def charged(connection: Connection, run_id: int) -> dict[int, int]:
    """The credits each step of a run was charged, by its number."""
    return {step: int(amount) for step, amount in connection.execute(CHARGED, {"run": run_id})}


def attempts(connection: Connection, run_id: int) -> list[Attempt]:
    """Every request a run made to a provider, in order, the lost ones too."""
    return many(connection, Attempt, ATTEMPTS, {"run": run_id})


def parsed(arguments: str | None) -> Any:
    """A tool call's arguments; models write what is no JSON now and then, which is shown as it is."""
    if arguments is None:
        return None
    try:
        value = json.loads(arguments)
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return arguments
    return value
