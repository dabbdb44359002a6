"""Events: what a person may want to hear of, written in the transaction that caused it, with a message for each target.

The targets are chosen in the same transaction: what is not in the outbox when it commits is never sent, and what is in
it is sent even if the process dies next.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, not_, or_, select, update

from heartbeat.domain.ids import new_id
from heartbeat.store.database.rows import columns, many
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Notification, Target

EVENT, TARGET, NOTIFICATION = columns(Event), columns(Target), columns(Notification)

FINDING, FAILED, RECOVERED = "run.finding", "run.failed", "run.recovered"
QUALITY_DROPPED = "run.quality_dropped"
PAUSED, RESUMED, MISSED = "heartbeat.paused", "heartbeat.resumed", "heartbeat.missed"
NOTIFIED, APPROVAL = "user.notified", "approval.requested"
TOOL_CHANGED, SIGN_IN_NEEDED = "tool.changed", "tool.needs_reconnect"
BUDGET_THRESHOLD, COSTLY = "budget.threshold", "run.costly"
FELL_BACK, MODEL_RECOVERED = "model.fell_back", "model.recovered"
GATE_FAILED, GATE_RECOVERED = "gate.failed", "gate.recovered"
KINDS = (
    *(FINDING, FAILED, RECOVERED, QUALITY_DROPPED, COSTLY, PAUSED, RESUMED, MISSED, BUDGET_THRESHOLD),
    *(GATE_FAILED, GATE_RECOVERED),
    *(APPROVAL, TOOL_CHANGED, SIGN_IN_NEEDED, FELL_BACK, MODEL_RECOVERED, NOTIFIED),
)

# Built once: putting such a statement together costs more than running it.
TARGETS_OF_HEARTBEAT = select(TARGET).where(
    TARGET.c.project_id == bindparam("project"),
    or_(TARGET.c.bot_id.is_(None), TARGET.c.bot_id == bindparam("bot")),
    or_(TARGET.c.heartbeat_id.is_(None), TARGET.c.heartbeat_id == bindparam("heartbeat")),
    TARGET.c.is_enabled,
    TARGET.c.deleted_at.is_(None),
)


def record_event(
    connection: Connection,
    heartbeat: Heartbeat,
    kind: str,
    data: Mapping[str, Any],
    now: datetime,
    run_id: int | None = None,
) -> list[str]:
    """Write an event, and a pending notification for each target that wants it; returns their public ids."""
    event = {"kind": kind, "run_id": run_id, "data": dict(data)}
    return record_event_for(connection, heartbeat, interested_targets(connection, heartbeat, kind), event, now)


def record_event_for(
    connection: Connection, heartbeat: Heartbeat, targets: Iterable[Target], event: Mapping[str, Any], now: datetime
) -> list[str]:
    """Write an event of a heartbeat, for these targets alone: its `kind`, its `data` and perhaps a `run_id`."""
    event_id = _insert(connection, heartbeat, {**event, "created_at": now})
    rows = [_notification(target, heartbeat, now) | {"event_id": event_id, "kind": event["kind"]} for target in targets]
    if rows:
        connection.execute(NOTIFICATION.insert(), rows)
    return [row["uuid"] for row in rows]


def record_shared_event(
    connection: Connection, heartbeats: Sequence[Heartbeat], kind: str, data: Mapping[str, Any], now: datetime
) -> None:
    """Write one event of several heartbeats, as the first one's: each target of any of them gets it once."""
    targets = [target for one in heartbeats for target in interested_targets(connection, one, kind)]
    to = list({target.id: target for target in targets}.values())
    record_event_for(connection, heartbeats[0], to, {"kind": kind, "data": dict(data)}, now)


def update_untold_findings(
    connection: Connection, heartbeat: Heartbeat, latest: Mapping[str, Mapping[str, Any]]
) -> None:
    """Put the `latest` words for findings, by fingerprint, into events that no attempt was made to tell of yet.

    What was attempted stays as it was sent. The lock keeps an attempt from beginning meanwhile.
    """
    is_waiting = and_(NOTIFICATION.c.attempts == 0, NOTIFICATION.c.next_attempt_at.is_not(None))
    waiting = select(NOTIFICATION.c.event_id).join(EVENT, EVENT.c.id == NOTIFICATION.c.event_id)
    waiting = waiting.where(EVENT.c.heartbeat_id == heartbeat.id, EVENT.c.kind == FINDING, is_waiting)
    event_ids = set(connection.execute(waiting.with_for_update(of=NOTIFICATION)).scalars())
    if not event_ids:
        return
    attempted = select(NOTIFICATION.c.event_id).where(NOTIFICATION.c.event_id.in_(event_ids), not_(is_waiting))
    untold = event_ids.difference(connection.execute(attempted).scalars())
    for event in many(connection, Event, select(EVENT).where(EVENT.c.id.in_(untold))):
        findings = [{**finding, **latest.get(finding["fingerprint"], {})} for finding in event.data["findings"]]
        data = {**event.data, "findings": findings}
        connection.execute(update(EVENT).where(EVENT.c.id == event.id).values(data=data))


def record_missed_ticks(connection: Connection, heartbeat: Heartbeat, ticks: Sequence[datetime], now: datetime) -> None:
    """Write one event for a gap, however many `ticks` (in order) it swallowed."""
    gap = {"ticks": len(ticks), "first": ticks[0].isoformat(), "last": ticks[-1].isoformat()}
    record_event(connection, heartbeat, MISSED, gap, now)


def interested_targets(connection: Connection, heartbeat: Heartbeat, kind: str) -> list[Target]:
    """List the owner's targets; what an agent tells its user goes to those of the heartbeat's member, if it has any."""
    parameters = {"project": heartbeat.project_id, "bot": heartbeat.bot_id, "heartbeat": heartbeat.id}
    targets = many(connection, Target, TARGETS_OF_HEARTBEAT, parameters)
    interested = [target for target in targets if wants(target, kind)]
    if kind == NOTIFIED and heartbeat.member_id is not None:
        of_member = [target for target in interested if target.member_id == heartbeat.member_id]
        if of_member:
            return of_member
    return [target for target in interested if target.member_id is None]


def wants(target: Target, kind: str) -> bool:
    """Whether a target gets events of this kind; one that names none gets all."""
    return target.events is None or kind in target.events


def _insert(connection: Connection, heartbeat: Heartbeat, fields: Mapping[str, Any]) -> int:
    owner = {"project_id": heartbeat.project_id, "bot_id": heartbeat.bot_id, "heartbeat_id": heartbeat.id}
    insert = EVENT.insert().values({"uuid": new_id("evt"), **owner, **fields}).returning(EVENT.c.id)
    event_id: int = connection.execute(insert).scalar_one()
    return event_id


def _notification(target: Target, heartbeat: Heartbeat, now: datetime) -> dict[str, Any]:
    return {
        "uuid": new_id("ntf"),
        "project_id": heartbeat.project_id,
        "bot_id": heartbeat.bot_id,
        "target_id": target.id,
        "status": "pending",
        "attempts": 0,
        "next_attempt_at": now,
        "created_at": now,
    }
