"""What a rehearsal came to: the calls it would have made and the targets it would have told."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from heartbeat.store.database import columns, many, one
from heartbeat.store.events import FAILED, FINDING, NOTIFIED, listeners
from heartbeat.store.records import Run, Step
from heartbeat.store.tables import Heartbeat
from heartbeat.store.watching import parsed

STEP, HEARTBEAT = columns(Step), columns(Heartbeat)

NOTIFY = "notify_user"


@dataclass(frozen=True)
class Call:
    """A call that was written down and not made; `arguments` as the model gave them."""

    tool: str
    arguments: Any


@dataclass(frozen=True)
class Told:
    """A target and the event it would have heard of, unless that is a finding that it knows already."""

    event: str
    channel: str
    name: str


@dataclass(frozen=True)
class Rehearsal:
    """In the order in which it would have happened."""

    calls: list[Call]
    told: list[Told]


def rehearsal(connection: Connection, run: Run) -> Rehearsal:
    """What `run`, which was a rehearsal and has ended, would have done."""
    rehearsed = select(STEP).where(STEP.c.run_id == run.id, STEP.c.failure_code == "rehearsed")
    steps = many(connection, Step, rehearsed.order_by(STEP.c.number))
    calls = [Call(step.name or "", parsed(step.arguments)) for step in steps]
    heartbeat = one(connection, Heartbeat, select(HEARTBEAT).where(HEARTBEAT.c.id == run.heartbeat_id))
    assert heartbeat is not None
    told = [
        Told(kind, target.channel, target.name)
        for kind in _events(run, calls)
        for target in listeners(connection, heartbeat, kind)
    ]
    return Rehearsal(calls, told)


def _events(run: Run, calls: list[Call]) -> list[str]:
    """What would have been heard of such a run. A success after a failure is heard of, too, but not foreseen here."""
    notified = [NOTIFIED] if any(call.tool == NOTIFY for call in calls) else []
    if run.status == "error":
        return [*notified, FAILED]
    return [*notified, FINDING] if run.report and run.report.get("findings") else notified
