"""The states of a heartbeat and every transition between them: no other file writes their columns.

A heartbeat is on; off, because its owner wants it; paused, which is off for a cause that its row keeps, with
`probe_at` if it is tried again by itself; or gone: deleted, or as a task ended. `version` grows with whatever its
schedule must follow. Each function writes all the columns of its transition and returns the row as it is then.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from heartbeat.domain.heartbeat_fields import HeartbeatFields
from heartbeat.domain.pauses import REASONS, HeartbeatPause
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import columns, exactly_one
from heartbeat.store.heartbeats.recorded import record_heartbeat
from heartbeat.store.heartbeats.tick_accounting import CADENCE, account, due, moved_to
from heartbeat.store.tables.heartbeats import DRAFT, Heartbeat
from heartbeat.store.tables.runs import Run

HEARTBEAT, RUN = columns(Heartbeat), columns(Run)

# What a draft takes over from the heartbeat that it is for: the declared fields, and what follows from them.
FIELDS = frozenset({*HeartbeatFields.model_fields, "prompt_hash", "anchor_at", "sealed_gate_headers"})
NO_PAUSE: dict[str, Any] = {
    "pause_reason": None,
    "pause_since": None,
    "pause_cause": None,
    "pause_detail": None,
    "probe_at": None,
    "probes": 0,
}
COLUMNS = frozenset({"enabled", *NO_PAUSE, "ended_as", "deleted_at", "version"})
NEXT_VERSION: dict[str, Any] = {"version": HEARTBEAT.c.version + 1}
ON = {"enabled": True, **NO_PAUSE, **NEXT_VERSION}
OFF = {"enabled": False, **NO_PAUSE, **NEXT_VERSION}

# A change of one of these changes which ticks are due.
DUE = {*CADENCE, "anchor_at", "enabled"}
# What a schedule is made from: the beginning of the prompt is its summary, and whether there is a gate goes with it.
SCHEDULED = {*CADENCE, "anchor_at", "prompt", "jitter_seconds", "gate"}

_INSERT = Prepared(HEARTBEAT.insert().returning(HEARTBEAT))
_LOCKED = select(HEARTBEAT).where(HEARTBEAT.c.id == bindparam("id")).with_for_update(key_share=True)

EndedAs = Literal["done", "cancelled"]


def create(connection: Connection, heartbeat: Heartbeat, enabled: bool, now: datetime) -> Heartbeat:
    """Insert a heartbeat, on or off, which owes nothing for the time before."""
    values = heartbeat.model_dump(exclude={"id"}) | {"created_at": now, "updated_at": now, "enabled": enabled}
    created = exactly_one(connection, Heartbeat, _INSERT, values | moved_to(heartbeat, now))
    record_heartbeat(connection, "create", created)
    return created


def draft(connection: Connection, heartbeat: Heartbeat, now: datetime) -> Heartbeat:
    """Insert a draft: off and deleted from the beginning, with no schedule to follow it."""
    values = heartbeat.model_dump(exclude={"id"}) | {"created_at": now, "updated_at": now, "accounted_until": now}
    values |= {"type": DRAFT, "enabled": False, "deleted_at": now, "synced_version": heartbeat.version}
    return exactly_one(connection, Heartbeat, _INSERT, values)


def redraft(connection: Connection, row: Heartbeat, heartbeat: Heartbeat, now: datetime) -> Heartbeat:
    """Write the fields of `heartbeat` over those of a draft."""
    fields = heartbeat.model_dump(include={*FIELDS, "bot_id", "member_id"})
    return _update(connection, row, fields, now)


def adopt(connection: Connection, row: Heartbeat, heartbeat: Heartbeat, enabled: bool, now: datetime) -> Heartbeat:
    """Make a draft the heartbeat that is saved, on or off, with its id, its rehearsals and what these were charged."""
    fields = heartbeat.model_dump(include={*FIELDS, "bot_id", "member_id", "type"})
    values = {**fields, **NEXT_VERSION, "enabled": enabled, "deleted_at": None, "created_at": now}
    rehearsals = update(RUN).where(RUN.c.heartbeat_id == row.id)
    connection.execute(rehearsals.values(bot_id=heartbeat.bot_id, member_id=heartbeat.member_id))
    adopted = _update(connection, row, values | moved_to(heartbeat, now), now)
    record_heartbeat(connection, "create", adopted)
    return adopted


def change(
    connection: Connection, heartbeat: Heartbeat, fields: Mapping[str, Any], enabled: bool | None, now: datetime
) -> Heartbeat:
    """Write the fields that a configure changes, and switch on or off as `enabled` says, unless it is `None`.

    A budget that is raised lifts the pause that it led to. If it still does not do, the next tick says so.
    """
    assert not COLUMNS & fields.keys()
    values = dict(fields)
    if SCHEDULED & fields.keys():
        values |= NEXT_VERSION
    if fields.get("auto_resume") is False and heartbeat.probe_at is not None:
        values |= {"probe_at": None, **NEXT_VERSION}
    if enabled is None and "credit_budget" in fields and _is_raised(heartbeat, fields["credit_budget"]):
        values |= ON
    if enabled is not None:
        values |= _enabling(heartbeat) if enabled else _disabling(heartbeat)
    return _write(connection, heartbeat, values, now, "update")


def enable(connection: Connection, heartbeat: Heartbeat, now: datetime, verb: str = "enable") -> Heartbeat:
    """Switch on, lift a pause and start the streak of failures anew, which is all that is done to one that is on."""
    anew = {"error_count": 0} if heartbeat.error_count else {}
    return _write(connection, heartbeat, anew | _enabling(heartbeat), now, verb)


def resume(connection: Connection, heartbeat: Heartbeat, now: datetime) -> Heartbeat:
    """`enable` what nobody has enabled: the cause of its pause is over."""
    return enable(connection, heartbeat, now, "resume")


def disable(connection: Connection, heartbeat: Heartbeat, now: datetime) -> Heartbeat:
    """Switch off and forget a pause; one that is off already stays as it is."""
    return _write(connection, heartbeat, _disabling(heartbeat), now, "disable")


def pause(connection: Connection, heartbeat: Heartbeat, reason: HeartbeatPause, now: datetime) -> Heartbeat:
    """Switch off for a cause, which the row keeps, to be tried again at `reason.probe_at`, if that is a time."""
    assert reason.cause is not None
    cause = {"pause_cause": reason.cause, "pause_reason": REASONS[reason.cause], "pause_detail": reason.detail}
    values = {**OFF, **cause, "pause_since": now, "probe_at": reason.probe_at}
    return _write(connection, heartbeat, values, now, "pause")


def lift_pause(connection: Connection, heartbeat: Heartbeat, now: datetime) -> Heartbeat:
    """Switch on again what was paused for something else than its failures: their streak goes on."""
    return _write(connection, heartbeat, ON, now, "resume")


def note_failed_probe(
    connection: Connection, heartbeat: Heartbeat, error: str | None, probe_at: datetime | None, now: datetime
) -> Heartbeat:
    """Keep a pause after a probe in vain, to be tried again at `probe_at`, or not at all."""
    cause = {"pause_cause": "failed_probes", "pause_detail": error}
    values = {**cause, "probes": heartbeat.probes + 1, "probe_at": probe_at, **NEXT_VERSION}
    return _write(connection, heartbeat, values, now, "pause")


def end(connection: Connection, task: Heartbeat, ended_as: EndedAs, now: datetime) -> Heartbeat:
    """End a scheduled task: its work is done, or it was cancelled."""
    return _write(connection, task, _ended(ended_as, now), now, "end")


def delete(connection: Connection, heartbeat: Heartbeat, now: datetime) -> Heartbeat:
    """Delete softly: its logs and its ledger stay."""
    return _write(connection, heartbeat, {**OFF, "deleted_at": now}, now, "delete")


def outdate(connection: Connection, which: ColumnElement[bool]) -> list[str]:
    """Have the schedules of all these follow, for something that they show has changed; returns their public ids."""
    statement = update(HEARTBEAT).where(which).values(NEXT_VERSION).returning(HEARTBEAT.c.uuid)
    return list(connection.execute(statement).scalars())


def restore(connection: Connection, uuid: str, version: int, put_version: int, now: datetime) -> bool:
    """Give a row that went back, with its whole database, a version above `put_version`, that of its schedule.

    Schedules are put from what is committed, so a newer one than the row's is of a time that the database has lost.
    False when the row is newer than `version` meanwhile: then it has overtaken its schedule by itself.
    """
    newest = (HEARTBEAT.c.uuid == uuid) & (HEARTBEAT.c.version == version) & (HEARTBEAT.c.version < put_version)
    statement = update(HEARTBEAT).where(newest).values(version=put_version + 1, restored_at=now)
    return connection.execute(statement).rowcount == 1


def snooze(connection: Connection, heartbeat: Heartbeat, until: datetime | None, now: datetime) -> Heartbeat:
    """Hold the ticks from now until then; with `None` let them run again. What was due before is accounted for."""
    heartbeat = exactly_one(connection, Heartbeat, _LOCKED, {"id": heartbeat.id})
    # One that is over and accounted for leaves alone the tick that is just being opened.
    owing = heartbeat.next_tick_at
    if heartbeat.snooze_until is not None and owing is not None and owing < heartbeat.snooze_until:
        heartbeat = leave(connection, heartbeat, now)
    snoozed = _update(connection, heartbeat, {"snoozed_at": now if until else None, "snooze_until": until}, now)
    record_heartbeat(connection, "snooze" if until else "unsnooze", snoozed, heartbeat)
    return snoozed


def leave(connection: Connection, heartbeat: Heartbeat, now: datetime) -> Heartbeat:
    """Account for what was due until now, because what is due is about to change: off, deleted, another cadence."""
    while heartbeat.enabled and (ticks := due(heartbeat, now)):
        write_off(connection, heartbeat, ticks, now)
        heartbeat = exactly_one(connection, Heartbeat, _LOCKED, {"id": heartbeat.id})
    return heartbeat


def write_off(connection: Connection, heartbeat: Heartbeat, ticks: Sequence[datetime], now: datetime) -> int:
    """Log `ticks`, the next ones due, as skipped; a task whose only one is among them is over. Returns the missed."""
    missed = account(connection, heartbeat, ticks, now)
    end_if_over(connection, heartbeat, ticks[-1], now)
    return missed


def end_if_over(connection: Connection, heartbeat: Heartbeat, tick: datetime, now: datetime) -> bool:
    """End a task whose only time is not later than `tick`; returns whether it was one."""
    if not _is_over(heartbeat, tick):
        return False
    _update(connection, heartbeat, _ended("done", now), now)
    return True


def _is_over(heartbeat: Heartbeat, tick: datetime) -> bool:
    return heartbeat.run_at is not None and heartbeat.run_at <= tick


def _ended(ended_as: EndedAs, now: datetime) -> dict[str, Any]:
    return {**OFF, "deleted_at": now, "ended_as": ended_as}


def _is_raised(heartbeat: Heartbeat, budget: int | None) -> bool:
    """Whether the budget for which a heartbeat is paused becomes a larger one."""
    if heartbeat.pause_cause != "budget" or heartbeat.credit_budget is None:
        return False
    return budget is None or budget > heartbeat.credit_budget


def _enabling(heartbeat: Heartbeat) -> dict[str, Any]:
    return {} if heartbeat.enabled else {**ON, "error_count": 0}


def _disabling(heartbeat: Heartbeat) -> dict[str, Any]:
    return OFF if heartbeat.enabled or heartbeat.pause_reason is not None else {}


def _write(
    connection: Connection, heartbeat: Heartbeat, values: Mapping[str, Any], now: datetime, verb: str
) -> Heartbeat:
    """Write `values`, if there are any. What is due may be something else from now on, so it is accounted for first."""
    if not values:
        return heartbeat
    before = heartbeat
    if DUE & values.keys():
        # A run that is being opened holds this row while it writes the log of a tick: who wrote that log first and
        # then waited for the row would be waited for.
        heartbeat = exactly_one(connection, Heartbeat, _LOCKED, {"id": heartbeat.id})
        heartbeat = leave(connection, heartbeat, now)
        values = {**values, **moved_to(Heartbeat.model_construct(**{**vars(heartbeat), **values}), now)}
        if values.get("enabled") and _is_over(heartbeat, now):
            values |= _ended("done", now)
    after = _update(connection, heartbeat, values, now)
    record_heartbeat(connection, verb, after, before)
    return after


def _update(connection: Connection, heartbeat: Heartbeat, values: Mapping[str, Any], now: datetime) -> Heartbeat:
    statement = update(HEARTBEAT).where(HEARTBEAT.c.id == heartbeat.id).values({**values, "updated_at": now})
    return exactly_one(connection, Heartbeat, statement.returning(HEARTBEAT))
