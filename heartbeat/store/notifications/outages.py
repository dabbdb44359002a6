"""Models that are down: each target is told once an outage that another one answers, and once when it is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from heartbeat.store.database.rows import columns, exactly_one, first, insert_once, many
from heartbeat.store.notifications.events import FELL_BACK, MODEL_RECOVERED, interested_targets, record_event_for, wants
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import ModelOutage, Target
from heartbeat.store.tables.runs import Run

HEARTBEAT, OUTAGE, TARGET = columns(Heartbeat), columns(ModelOutage), columns(Target)

# A model that answers between two failures is not back yet: a limit of the rate comes and goes by the minute.
OVER_AFTER = timedelta(minutes=15)
# Nobody has asked it for so long: what fails now is another outage.
FORGOTTEN_AFTER = timedelta(days=8)


@dataclass(frozen=True)
class Fallback:
    """What an answer tells of the run's own model: `answered_by` is another one where that is down, for `reason`."""

    answered_by: str
    reason: str | None = None


def note_model(connection: Connection, run: Run, fallback: Fallback, now: datetime) -> None:
    """Begin, go on with or end the outage of the run's own model, and tell of it; a rehearsal tells nobody."""
    if run.dry_run:
        return
    if fallback.reason is None:
        _end(connection, run, now)
    else:
        _go_on(connection, run, fallback.answered_by, fallback.reason, now)


def _go_on(connection: Connection, run: Run, answered_by: str, reason: str, now: datetime) -> None:
    mine = (OUTAGE.c.project_id == run.project_id) & (OUTAGE.c.model == run.model)
    connection.execute(delete(OUTAGE).where(mine, OUTAGE.c.seen_at < now - FORGOTTEN_AFTER))
    row = {"project_id": run.project_id, "model": run.model, "reason": reason, "targets": []}
    new = first(
        connection,
        ModelOutage,
        insert_once(connection.dialect.name, OUTAGE),
        {**row, "began_at": now, "seen_at": now},
    )
    outage = new or exactly_one(connection, ModelOutage, select(OUTAGE).where(mine).with_for_update())
    heartbeat = _heartbeat(connection, run)
    untold = [t for t in interested_targets(connection, heartbeat, FELL_BACK) if t.id not in outage.targets]
    if new or untold:
        data = {"run": run.uuid, "model": run.model, "answered_by": answered_by, "reason": reason}
        record_event_for(connection, heartbeat, untold, {"kind": FELL_BACK, "data": data}, now)
    told = [*outage.targets, *(target.id for target in untold)]
    connection.execute(update(OUTAGE).where(OUTAGE.c.id == outage.id).values(targets=told, seen_at=now))


def _end(connection: Connection, run: Run, now: datetime) -> None:
    mine = (OUTAGE.c.project_id == run.project_id) & (OUTAGE.c.model == run.model)
    over = delete(OUTAGE).where(mine, OUTAGE.c.seen_at <= now - OVER_AFTER).returning(OUTAGE)
    outage = first(connection, ModelOutage, over)
    if outage is None:
        return
    told = select(TARGET).where(TARGET.c.id.in_(outage.targets), TARGET.c.is_enabled, TARGET.c.deleted_at.is_(None))
    targets = [t for t in many(connection, Target, told.order_by(TARGET.c.id)) if wants(t, MODEL_RECOVERED)]
    data = {"run": run.uuid, "model": run.model, "reason": outage.reason, "since": outage.began_at.isoformat()}
    record_event_for(connection, _heartbeat(connection, run), targets, {"kind": MODEL_RECOVERED, "data": data}, now)


def _heartbeat(connection: Connection, run: Run) -> Heartbeat:
    return exactly_one(connection, Heartbeat, select(HEARTBEAT).where(HEARTBEAT.c.id == run.heartbeat_id))
