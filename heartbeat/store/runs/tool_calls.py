"""Tool calls: receipts, so that a call which was or may have been made is not made again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, exists, select, update

from heartbeat.domain.errors import RunLost
from heartbeat.domain.plans import Plan
from heartbeat.domain.tool_effects import ToolEffect
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import columns, joined
from heartbeat.store.runs.tool_effects import carry_out
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Approval, Run, Step

RUN, STEP, HEARTBEAT, APPROVAL = columns(Run), columns(Step), columns(Heartbeat), columns(Approval)

AS_IT_STANDS = (
    select(STEP, RUN)
    .join(RUN, RUN.c.id == STEP.c.run_id)
    .where(RUN.c.uuid == bindparam("run"), STEP.c.number == bindparam("number"))
)
LOCK_CALL = Prepared(AS_IT_STANDS.with_for_update(of=STEP))
# In the same statement, for it is asked before every call.
WITH_ITS_OWNER = Prepared(
    AS_IT_STANDS.join(HEARTBEAT, HEARTBEAT.c.id == RUN.c.heartbeat_id).add_columns(
        HEARTBEAT.c.made_by_run_id.is_(None),
        exists().where(APPROVAL.c.run_id == STEP.c.run_id, APPROVAL.c.step == STEP.c.number),
    )
)


@dataclass(frozen=True)
class CallReceipt:
    """A call and its run. `before` is the state it was found in: `asked` means that nobody has made it yet.

    `by_owner`: an owner wrote the run's prompt, not an agent that scheduled it. `approval`: a person was asked.
    """

    call: Step
    run: Run
    before: str
    by_owner: bool = False
    approval: bool = False

    @property
    def over(self) -> bool:
        """Whether there is nothing to call: it has its outcome, or the run has ended."""
        return self.before == "done" or self.run.status != "running"

    @property
    def owners_words(self) -> tuple[str, ...]:
        """What of the run's first question no model has written."""
        return (self.run.instruction, self.run.prompt) if self.by_owner else (self.run.instruction,)


def read_call(connection: Connection, run_uuid: str, number: int) -> CallReceipt:
    """A call as it stands; nothing is set out for yet."""
    row = joined(connection, (Step, Run), WITH_ITS_OWNER, {"run": run_uuid, "number": number})
    if row is None:
        raise RunLost(run_uuid)
    call, run, by_owner, approval = row
    return CallReceipt(call, run, call.state, by_owner, approval)


def was_called_before(connection: Connection, call: Step, name_prefix: str) -> bool:
    """Whether a tool whose name begins so was called, perhaps, earlier in the run of `call`."""
    was_made = STEP.c.failure_code.is_(None) | STEP.c.failure_code.in_(("failed", "unknown"))
    earlier = (STEP.c.run_id == call.run_id) & (STEP.c.number < call.number) & (STEP.c.state == "done")
    is_of_server = STEP.c.name.startswith(name_prefix, autoescape=True)
    return connection.execute(select(exists().where(earlier, was_made, is_of_server))).scalar_one()


def begin_call(connection: Connection, run_uuid: str, number: int) -> CallReceipt:
    """Set out to make a call; from here on it counts as made, perhaps."""
    row = joined(connection, (Step, Run), LOCK_CALL, {"run": run_uuid, "number": number})
    if row is None:
        raise RunLost(run_uuid)
    call, run = row
    if call.state == "asked" and run.status == "running":
        connection.execute(update(STEP).where(STEP.c.id == call.id).values(state="called"))
    return CallReceipt(call, run, call.state)


def note_progress(connection: Connection, call: Step, words: str) -> None:
    """Write how far a call that is being made has come; one that is done stays as it is."""
    going = (STEP.c.id == call.id) & (STEP.c.state == "called")
    connection.execute(update(STEP).where(going).values(progress=words))


@dataclass(frozen=True)
class CallOutcome:
    """What a call came to. `failure_code` failed, down, unknown, changed or refused; `report` as the agent gave it.

    `effect` is what a built-in tool still has to do to the store (see tool_effects.py), which then says the answer.
    """

    answer: str
    failure_code: str | None = None
    duration_ms: int = 0
    report: dict[str, Any] | None = None
    effect: ToolEffect | None = None


def finish_call(
    connection: Connection, receipt: CallReceipt, outcome: CallOutcome, plans: Mapping[str, Plan], now: datetime
) -> None:
    """Write the outcome down and carry out its effect, once; one that was written before stays.

    `plans` are the installation's, by name: an effect may be held to the limits of its project's plan.
    """
    mine = update(STEP).where(STEP.c.id == receipt.call.id)
    written = mine.where(STEP.c.state != "done").values(
        state="done",
        progress=None,
        answer=outcome.answer,
        failure_code=outcome.failure_code,
        duration_ms=outcome.duration_ms,
    )
    if not connection.execute(written).rowcount:
        return
    if outcome.report is not None:
        connection.execute(update(RUN).where(RUN.c.id == receipt.run.id).values(report=outcome.report))
    if outcome.effect is not None:
        said = carry_out(connection, receipt.run, outcome.effect, plans, now)
        connection.execute(mine.values(answer=said.text, failure_code=said.failure_code))
