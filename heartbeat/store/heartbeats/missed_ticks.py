"""A heartbeat that has gone silent: which ticks have no log, and what is to become of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Connection, exists, select

from heartbeat.store.database.rows import columns, first
from heartbeat.store.heartbeats import states
from heartbeat.store.heartbeats.tick_accounting import due, overlapped
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run

HEARTBEAT, RUN = columns(Heartbeat), columns(Run)

# How long Temporal and a worker get before a tick without a log counts as lost.
GRACE = timedelta(seconds=90)
# Older than this nobody wants it any more; it is also the schedule's own catch-up window.
CATCH_UP = timedelta(hours=24)


@dataclass(frozen=True)
class MissedTicks:
    """`catch_up` is the newest lost tick if it should still be run: not one that came while a run was in progress."""

    heartbeat: Heartbeat
    lost: list[datetime]
    catch_up: datetime | None


def silent(connection: Connection, now: datetime, limit: int) -> list[str]:
    """Enabled heartbeats that owe a log for a tick past its grace, longest silent first."""
    # Whose run of a tick goes on owes nothing before it ends: what comes meanwhile is overlap.
    running = exists().where(RUN.c.heartbeat_id == HEARTBEAT.c.id, RUN.c.status == "running")
    owing = select(HEARTBEAT.c.uuid, HEARTBEAT.c.next_tick_at, HEARTBEAT.c.jitter_seconds).where(
        HEARTBEAT.c.enabled,
        HEARTBEAT.c.next_tick_at < now - GRACE,
        HEARTBEAT.c.deleted_at.is_(None),
        ~running.where(RUN.c.trigger == "schedule"),
    )
    # Thousands that are merely spread over an hour, or wait for a person, must not hide the one that is lost.
    late = (
        row.uuid
        for row in connection.execute(owing.order_by(HEARTBEAT.c.next_tick_at, HEARTBEAT.c.id))
        if row.next_tick_at < now - GRACE - timedelta(seconds=row.jitter_seconds)
    )
    return list(islice(late, limit))


def silence(connection: Connection, uuid: str, now: datetime) -> MissedTicks | None:
    """What this heartbeat owes; `None` when nothing any more."""
    row = first(
        connection, Heartbeat, select(HEARTBEAT).where(HEARTBEAT.c.uuid == uuid).with_for_update(key_share=True)
    )
    if row is None or row.deleted_at is not None or not row.enabled:
        return None
    lost = due(row, now - GRACE - timedelta(seconds=row.jitter_seconds))
    if not lost:
        return None
    wanted = row.catch_up == "once" and now - lost[-1] < CATCH_UP and not _in_progress(connection, row)
    wanted = wanted and not overlapped(connection, row, lost[-1:])
    return MissedTicks(row, lost, lost[-1] if wanted else None)


def write_off(connection: Connection, uuid: str, until: datetime, now: datetime) -> int:
    """Log everything this heartbeat owes at `until` as missed or overlap; returns how many were missed."""
    missed = silence(connection, uuid, until)
    return states.write_off(connection, missed.heartbeat, missed.lost, now) if missed else 0


def _in_progress(connection: Connection, row: Heartbeat) -> bool:
    running = select(RUN.c.id).where(RUN.c.heartbeat_id == row.id, RUN.c.status == "running")
    running = running.where(RUN.c.dry_run.is_(False)).limit(1)
    return connection.execute(running).first() is not None
