"""What the tool calls of a replay are answered with: what the run that is replayed recorded."""

import json

from sqlalchemy import Connection, bindparam, select

from heartbeat.store.database.rows import columns, many
from heartbeat.store.runs.details import parsed
from heartbeat.store.runs.tool_calls import CallOutcome, CallReceipt
from heartbeat.store.tables.runs import Run, Step

RUN, STEP = columns(Run), columns(Step)

NOT_RECORDED = "This call is not in the recording of the run that is replayed, so nothing is known of what it answers."

CALLS = (
    select(STEP)
    .join(RUN, RUN.c.id == STEP.c.run_id)
    .where(RUN.c.uuid == bindparam("run"), STEP.c.kind == "tool", STEP.c.name == bindparam("name"))
    .order_by(STEP.c.number)
)


TOOLS = (
    select(STEP.c.name)
    .distinct()
    .join(RUN, RUN.c.id == STEP.c.run_id)
    .where(RUN.c.uuid == bindparam("run"), STEP.c.kind == "tool")
    .order_by(STEP.c.name)
)


def recorded_tools(connection: Connection, run_uuid: str) -> list[str]:
    """List the names of the tools that a run called, in the order of the alphabet."""
    return list(connection.execute(TOOLS, {"run": run_uuid}).scalars())


def recorded_outcome(connection: Connection, receipt: CallReceipt) -> CallOutcome:
    """Return the outcome of the same call (same tool, same arguments) in the run that is replayed, else `not_recorded`.

    Of several the first answers the first, and so on; a call made more often than it was recorded gets the last one
    again. Which one that is follows from the steps alone, however often and in whatever order calls are tried.
    """
    run, call = receipt.run, receipt.call
    recorded = [step for step in _same_calls(connection, run.replay_of, call) if step.state == "done"]
    if not recorded:
        return CallOutcome(NOT_RECORDED, "not_recorded")
    earlier = sum(step.number < call.number for step in _same_calls(connection, run.uuid, call))
    step = recorded[min(earlier, len(recorded) - 1)]
    return CallOutcome(step.answer, step.failure_code)


def _same_calls(connection: Connection, run_uuid: str | None, call: Step) -> list[Step]:
    calls = many(connection, Step, CALLS, {"run": run_uuid, "name": call.name})
    return [step for step in calls if _canonical(step.arguments) == _canonical(call.arguments)]


def _canonical(arguments: str | None) -> str:
    return json.dumps(parsed(arguments), sort_keys=True)
