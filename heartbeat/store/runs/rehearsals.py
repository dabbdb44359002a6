"""What a rehearsal came to: the calls it would have made and the targets it would have told."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.notifications.events import (
    APPROVAL,
    FAILED,
    FINDING,
    NOTIFIED,
    PAUSED,
    RECOVERED,
    interested_targets,
)
from heartbeat.store.runs.details import parsed
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.run_indexes import of_rehearsals
from heartbeat.store.tables.runs import Run, Step

RUN, STEP, HEARTBEAT = columns(Run), columns(Step), columns(Heartbeat)

NOTIFY = "notify_user"
# What a call comes to in a rehearsal; of the second kind are those for which a person would have been asked.
WRITTEN_DOWN = ("rehearsed", "would_ask")


@dataclass(frozen=True)
class RehearsedCall:
    """A call that was written down and not made; `arguments` as the model gave them.

    `needs_approval`: a person would have been asked first.
    """

    tool: str
    arguments: Any
    needs_approval: bool = False


@dataclass(frozen=True)
class RehearsedEvent:
    """A target and the event it would have heard of, had the run been that of a tick.

    Not foreseen is that a finding is known already.
    """

    event: str
    channel: str
    name: str


@dataclass(frozen=True)
class Rehearsal:
    """In the order in which it would have happened."""

    calls: list[RehearsedCall]
    events: list[RehearsedEvent]


def rehearsals_of(connection: Connection, heartbeat: Heartbeat, most: int) -> list[Run]:
    """The newest rehearsals of a heartbeat, those that are still going too."""
    mine = of_rehearsals(select(RUN)).where(RUN.c.bot_id == heartbeat.bot_id, RUN.c.heartbeat_id == heartbeat.id)
    return many(connection, Run, mine.order_by(RUN.c.id.desc()).limit(most))


def rehearsal(connection: Connection, run: Run) -> Rehearsal:
    """What `run`, which was a rehearsal and has ended, would have done."""
    rehearsed = select(STEP).where(STEP.c.run_id == run.id, STEP.c.failure_code.in_(WRITTEN_DOWN))
    steps = many(connection, Step, rehearsed.order_by(STEP.c.number))
    calls = [RehearsedCall(step.name or "", parsed(step.arguments), step.failure_code == "would_ask") for step in steps]
    heartbeat = exactly_one(connection, Heartbeat, select(HEARTBEAT).where(HEARTBEAT.c.id == run.heartbeat_id))
    events = [
        RehearsedEvent(kind, target.channel, target.name)
        for kind in _events(run, heartbeat, calls)
        for target in interested_targets(connection, heartbeat, kind)
    ]
    return Rehearsal(calls, events)


def _events(run: Run, heartbeat: Heartbeat, calls: list[RehearsedCall]) -> list[str]:
    """What would have been heard of such a run at the heartbeat's next tick (see telling.py)."""
    kinds = [APPROVAL] if any(call.needs_approval for call in calls) else []
    if any(call.tool == NOTIFY for call in calls):
        kinds.append(NOTIFIED)
    if run.report and run.report.get("findings") and run.report["outcome"] != "nothing_to_report":
        kinds.append(FINDING)
    if run.status == "success" and heartbeat.error_count:
        kinds.append(RECOVERED)
    if run.status == "error":
        once_more = heartbeat.error_count + 1
        if once_more >= heartbeat.max_consecutive_errors or run.error_code == "budget_exhausted":
            kinds.append(PAUSED)
        elif once_more == 1:
            kinds.append(FAILED)
    return kinds
