"""Held ticks: a person has single ticks of a heartbeat skipped, and may change their mind until these come."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from heartbeat.domain.errors import Conflict, Invalid
from heartbeat.domain.horizon import AHEAD
from heartbeat.store.audit.recording import record
from heartbeat.store.database.rows import columns, exactly_one, insert, many
from heartbeat.store.heartbeats.tick_accounting import HELD, cadence_of
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.heartbeats import Heartbeat, HeldTick

HEARTBEAT = columns(Heartbeat)

LOCKED = select(HEARTBEAT).where(HEARTBEAT.c.id == bindparam("id")).with_for_update(key_share=True)
TO_COME = (
    select(HELD)
    .where(HELD.c.heartbeat_id == bindparam("heartbeat_id"), HELD.c.tick > bindparam("now"))
    .order_by(HELD.c.tick)
)


def hold_tick(connection: Connection, access: Access, tick: datetime, now: datetime) -> list[HeldTick]:
    """Have one tick of the heartbeat or task skipped; returns those that are to come and held.

    Raises `NotFound`, `Invalid` for what is none of its ticks, and `Conflict` for one that has come.
    """
    heartbeat = _before(connection, access, tick, now)
    if tick > now + AHEAD:
        raise Invalid("tick", "choose a tick of the next year")
    if not cadence_of(heartbeat).is_tick(tick):
        raise Invalid("tick", "is none of the ticks of this heartbeat; write one exactly as it is due")
    row = {"heartbeat_id": heartbeat.id, "tick": tick, "held_by": access.actor.words, "created_at": now}
    if connection.execute(insert(connection, HELD).values(row).on_conflict_do_nothing()).rowcount:
        _record(connection, heartbeat, "skip", tick)
    return held_ticks(connection, access, now)


def release_tick(connection: Connection, access: Access, tick: datetime, now: datetime) -> list[HeldTick]:
    """Let a tick run after all; one that was not held stays as it is. Returns and raises as `hold_tick` does."""
    heartbeat = _before(connection, access, tick, now)
    if connection.execute(HELD.delete().where(HELD.c.heartbeat_id == heartbeat.id, HELD.c.tick == tick)).rowcount:
        _record(connection, heartbeat, "release", tick)
    return held_ticks(connection, access, now)


def held_ticks(connection: Connection, access: Access, now: datetime) -> list[HeldTick]:
    """List the ticks of the heartbeat or task that are to come and held, in order; raises `NotFound`."""
    return many(connection, HeldTick, TO_COME, {"heartbeat_id": access.heartbeat_or_task.id, "now": now})


def held_of_all(connection: Connection, heartbeats: Sequence[Heartbeat], now: datetime) -> list[HeldTick]:
    """List the ticks of all these that are to come and held, in order."""
    which = HELD.c.heartbeat_id.in_([heartbeat.id for heartbeat in heartbeats]), HELD.c.tick > now
    return many(connection, HeldTick, select(HELD).where(*which).order_by(HELD.c.tick))


def held_by_heartbeat(
    connection: Connection, heartbeats: Sequence[Heartbeat], now: datetime
) -> dict[int, list[datetime]]:
    """Those of `held_of_all` by the id of their heartbeat."""
    held: dict[int, list[datetime]] = {}
    for tick in held_of_all(connection, heartbeats, now):
        held.setdefault(tick.heartbeat_id, []).append(tick.tick)
    return held


def _record(connection: Connection, heartbeat: Heartbeat, verb: str, tick: datetime) -> None:
    name = heartbeat.label or heartbeat.uuid
    record(connection, heartbeat.project_id, f"tick.{verb}", f"{heartbeat.uuid} {tick.isoformat()}", name)


def _before(connection: Connection, access: Access, tick: datetime, now: datetime) -> Heartbeat:
    """Lock the heartbeat, so that no run is opened for the tick meanwhile; raises `Conflict` if one was."""
    heartbeat = exactly_one(connection, Heartbeat, LOCKED, {"id": access.heartbeat_or_task.id})
    if tick <= max(now, heartbeat.accounted_until):
        raise Conflict("tick_passed", "This tick has come; nothing was changed.")
    return heartbeat
