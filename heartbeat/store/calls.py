"""Tool calls: receipts, so that a call which was or may have been made is not made again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from heartbeat.store.database import columns, joined
from heartbeat.store.effects import carry_out
from heartbeat.store.records import Run, Step

RUN, STEP = columns(Run), columns(Step)

AS_IT_STANDS = (
    select(STEP, RUN)
    .join(RUN, RUN.c.id == STEP.c.run_id)
    .where(RUN.c.uuid == bindparam("run"), STEP.c.number == bindparam("number"))
)
ASKED = AS_IT_STANDS.with_for_update(of=STEP)


@dataclass(frozen=True)
class Receipt:
    """A call and its run. `before` is the state it was found in: `asked` means that nobody has made it yet."""

    call: Step
    run: Run
    before: str

    @property
    def over(self) -> bool:
        """Whether there is nothing to call: it has its outcome, or the run has ended."""
        return self.before == "done" or self.run.status != "running"


def look_at_call(connection: Connection, run_uuid: str, number: int) -> Receipt:
    """A call as it stands; nothing is set out for yet."""
    found = joined(connection, (Step, Run), AS_IT_STANDS, {"run": run_uuid, "number": number})
    assert found is not None, f"step {number} of run {run_uuid} was never asked for"
    call, run = found
    return Receipt(call, run, call.state)


def begin_call(connection: Connection, run_uuid: str, number: int) -> Receipt:
    """Set out to make a call; from here on it counts as made, perhaps."""
    found = joined(connection, (Step, Run), ASKED, {"run": run_uuid, "number": number})
    assert found is not None, f"step {number} of run {run_uuid} was never asked for"
    call, run = found
    if call.state == "asked" and run.status == "running":
        connection.execute(update(STEP).where(STEP.c.id == call.id).values(state="called"))
    return Receipt(call, run, call.state)


@dataclass(frozen=True)
class Outcome:
    """What a call came to. `failure_code` failed, unknown, changed or refused; `report` as the agent gave it.

    `effect` is what a built-in tool still has to do to the store (see effects.py), which then says the answer.
    """

    answer: str
    failure_code: str | None = None
    duration_ms: int = 0
    report: dict[str, Any] | None = None
    effect: Mapping[str, Any] | None = None


def finish_call(connection: Connection, receipt: Receipt, outcome: Outcome, now: datetime) -> None:
    """Write the outcome down and carry out its effect, once; one that was written before stays."""
    mine = update(STEP).where(STEP.c.id == receipt.call.id)
    written = mine.where(STEP.c.state != "done").values(
        state="done", answer=outcome.answer, failure_code=outcome.failure_code, duration_ms=outcome.duration_ms
    )
    if not connection.execute(written).rowcount:
        return
    if outcome.report is not None:
        connection.execute(update(RUN).where(RUN.c.id == receipt.run.id).values(report=outcome.report))
    if outcome.effect is not None:
        said = carry_out(connection, receipt.run, outcome.effect, now)
        connection.execute(mine.values(answer=said.text, failure_code=said.failure_code))
