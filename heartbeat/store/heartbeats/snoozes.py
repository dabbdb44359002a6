"""Snoozing a heartbeat: its ticks are held until a time, unless somebody changes their mind."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from heartbeat.domain.horizon import require_end
from heartbeat.store.heartbeats import states
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.heartbeats import Heartbeat

SECOND = timedelta(seconds=1)


def is_snoozed(row: Heartbeat, now: datetime) -> bool:
    """Whether its ticks are held now."""
    return row.snooze_until is not None and now < row.snooze_until


def awake_after(row: Heartbeat, now: datetime) -> datetime:
    """The instant after which the next tick runs: now, or the end of its snooze."""
    return row.snooze_until - SECOND if row.snooze_until is not None and now < row.snooze_until else now


def snooze(connection: Connection, access: Access, until: datetime, now: datetime) -> Heartbeat:
    """Hold the ticks before `until`; raises `NotFound` and `Invalid`."""
    require_end(until, now)
    return states.snooze(connection, access.heartbeat, until, now)


def unsnooze(connection: Connection, access: Access, now: datetime) -> Heartbeat:
    """Let the ticks run again from now on; one that is not snoozed stays as it is. Raises `NotFound`."""
    row = access.heartbeat
    return row if row.snooze_until is None else states.snooze(connection, row, None, now)
