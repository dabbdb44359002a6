"""Steps and what they cost. A step is written and settled in one transaction, once, however often it is tried."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, func, select, update

from heartbeat import credits
from heartbeat.store.database import columns, insert, many, one
from heartbeat.store.tables import Entry, Heartbeat, Project, Run, Step, Usage

RUN, STEP, ENTRY, USAGE = columns(Run), columns(Step), columns(Entry), columns(Usage)
HEARTBEAT, PROJECT = columns(Heartbeat), columns(Project)


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
    return many(connection, Step, select(STEP).where(STEP.c.run_id == run_id).order_by(STEP.c.number))


def settle_step(connection: Connection, run_uuid: str, step: NewStep, rate: int, now: datetime) -> Step:
    """Write a step and its settle entry; a repeated one is left as it is and charges nothing.

    `rate` is in credits for each started 1,000 tokens. Returns the step as the store has it.
    """
    run = one(connection, Run, select(RUN).where(RUN.c.uuid == run_uuid).with_for_update())
    assert run is not None, f"a step of run {run_uuid}, which was never opened"
    assert run.id is not None
    row = {**vars(step), "run_id": run.id, "created_at": now}
    connection.execute(insert(connection, STEP).values(row).on_conflict_do_nothing())
    charge(connection, run, step.number, step.tokens, credits.cost(step.tokens, rate), now)
    stored = one(connection, Step, select(STEP).where(STEP.c.run_id == run.id, STEP.c.number == step.number))
    assert stored is not None
    return stored


def charge(connection: Connection, run: Run, step: int, tokens: int, amount: int, now: datetime) -> None:
    """Settle one step: the entry, and with it every running sum that must equal the entries."""
    anchor = connection.execute(select(PROJECT.c.period_anchor_day).where(PROJECT.c.id == run.project_id)).scalar_one()
    start, _ = credits.period(now, anchor)
    entry = {
        "project_id": run.project_id,
        "heartbeat_id": run.heartbeat_id,
        "run_id": run.id,
        "step": step,
        "kind": "settle",
        "credits": amount,
        "tokens": tokens,
        "period_start": start,
        "created_at": now,
    }
    once = insert(connection, ENTRY).values(entry).on_conflict_do_nothing().returning(ENTRY.c.id)
    if connection.execute(once).first() is None:
        return
    connection.execute(
        update(RUN)
        .where(RUN.c.id == run.id)
        .values(tokens_used=RUN.c.tokens_used + tokens, credits_charged=RUN.c.credits_charged + amount)
    )
    connection.execute(
        update(HEARTBEAT)
        .where(HEARTBEAT.c.id == run.heartbeat_id)
        .values(
            period_credits=case((HEARTBEAT.c.period_start == start, HEARTBEAT.c.period_credits), else_=0) + amount,
            period_start=start,
        )
    )
    usage = insert(connection, USAGE).values(project_id=run.project_id, period_start=start, credits=amount)
    connection.execute(
        usage.on_conflict_do_update(
            index_elements=["project_id", "period_start"], set_={"credits": USAGE.c.credits + usage.excluded.credits}
        )
    )


def period_credits(connection: Connection, project_id: int, start: datetime) -> int:
    """What a project used in the period that began at `start`."""
    statement = select(func.coalesce(USAGE.c.credits, 0)).where(
        USAGE.c.project_id == project_id, USAGE.c.period_start == start
    )
    return connection.execute(statement).scalar() or 0
