"""Steps and what they cost. A step is written and settled in one transaction, once, however often it is tried."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, case, func, select, update

from heartbeat import credits
from heartbeat.store.database import add_up, columns, insert_once, joined, many, one
from heartbeat.store.records import Entry, Run, Step, Usage
from heartbeat.store.tables import Heartbeat, Project

RUN, STEP, ENTRY, USAGE = columns(Run), columns(Step), columns(Entry), columns(Usage)
HEARTBEAT, PROJECT = columns(Heartbeat), columns(Project)

# Built once: putting such a statement together costs more than running it.
TRANSCRIPT = select(STEP).where(STEP.c.run_id == bindparam("run")).order_by(STEP.c.number)
ASKED_OF = (
    select(RUN, STEP).outerjoin(STEP, (STEP.c.run_id == RUN.c.id) & (STEP.c.number == bindparam("number")))
).where(RUN.c.uuid == bindparam("run"))
CHARGED = (
    select(RUN.c.id, RUN.c.project_id, RUN.c.heartbeat_id, PROJECT.c.period_anchor_day)
    .join(PROJECT, PROJECT.c.id == RUN.c.project_id)
    .where(RUN.c.uuid == bindparam("run"))
    .with_for_update(of=RUN)
)
ADD_TO_RUN = (
    update(RUN)
    .where(RUN.c.id == bindparam("run"))
    .values(
        tokens_used=RUN.c.tokens_used + bindparam("more_tokens"),
        credits_charged=RUN.c.credits_charged + bindparam("more_credits"),
    )
)
START = bindparam("start", type_=HEARTBEAT.c.period_start.type)
ADD_TO_HEARTBEAT = (
    update(HEARTBEAT)
    .where(HEARTBEAT.c.id == bindparam("heartbeat"))
    .values(
        period_credits=case((HEARTBEAT.c.period_start == START, HEARTBEAT.c.period_credits), else_=0)
        + bindparam("more_credits"),
        period_start=START,
    )
)


@dataclass(frozen=True)
class NewStep:
    """A step that happened: its content, tokens and duration."""

    number: int
    kind: str
    answer: str
    messages: str
    final: bool
    failure_code: str | None
    failure: str | None
    model: str
    input_tokens: int
    output_tokens: int
    duration_ms: int

    @property
    def tokens(self) -> int:
        """Tokens read and written together, which is what credits are counted on."""
        return self.input_tokens + self.output_tokens


def steps(connection: Connection, run_id: int) -> list[Step]:
    """The transcript of a run so far, in order."""
    return many(connection, Step, TRANSCRIPT, {"run": run_id})


def where_it_stands(connection: Connection, run_uuid: str, number: int) -> tuple[Run, Step | None]:
    """A run, and its step `number` if that was made before."""
    found = joined(connection, (Run, Step), ASKED_OF, {"run": run_uuid, "number": number})
    assert found is not None, f"run {run_uuid} was never opened"
    run, step = found
    return run, step if step.id else None


def settle_step(connection: Connection, run_uuid: str, step: NewStep, rate: int, now: datetime) -> Step:
    """Write a step and its settle entry; a repeated one is left as it is and charges nothing.

    `rate` is in credits for each started 1,000 tokens. Returns the step as the store has it.
    """
    row = connection.execute(CHARGED, {"run": run_uuid}).first()
    assert row is not None, f"a step of run {run_uuid}, which was never opened"
    once = insert_once(connection.dialect.name, STEP)
    stored = one(connection, Step, once, {**vars(step), "run_id": row.id, "created_at": now})
    start, _ = credits.period(now, row.period_anchor_day)
    charge = Charge(row.project_id, row.heartbeat_id, row.id, step.number, step.tokens, start)
    settle(connection, charge, credits.cost(step.tokens, rate), now)
    return stored or next(known for known in steps(connection, row.id) if known.number == step.number)


@dataclass(frozen=True)
class Charge:
    """What is charged: `tokens` of step `step` of a run, in the billing period that began at `period_start`."""

    project_id: int
    heartbeat_id: int
    run_id: int
    step: int
    tokens: int
    period_start: datetime


def settle(connection: Connection, charge: Charge, amount: int, now: datetime) -> None:
    """Settle one step: the entry, and with it every running sum that must equal the entries."""
    entry = {**vars(charge), "kind": "settle", "credits": amount, "created_at": now}
    dialect = connection.dialect.name
    if connection.execute(insert_once(dialect, ENTRY), entry).first() is None:
        return
    connection.execute(ADD_TO_RUN, {"run": charge.run_id, "more_tokens": charge.tokens, "more_credits": amount})
    of_period = {"heartbeat": charge.heartbeat_id, "start": charge.period_start, "more_credits": amount}
    connection.execute(ADD_TO_HEARTBEAT, of_period)
    used = {"project_id": charge.project_id, "period_start": charge.period_start, "credits": amount}
    connection.execute(add_up(dialect, USAGE, ("project_id", "period_start"), ("credits",)), used)


def period_credits(connection: Connection, project_id: int, start: datetime) -> int:
    """What a project used in the period that began at `start`."""
    statement = select(func.coalesce(USAGE.c.credits, 0)).where(
        USAGE.c.project_id == project_id, USAGE.c.period_start == start
    )
    return connection.execute(statement).scalar() or 0
