"""Events: what a person may want to hear of, written in the transaction that caused it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from heartbeat.ids import new_id
from heartbeat.store.database import columns
from heartbeat.store.records import Event
from heartbeat.store.tables import Heartbeat

EVENT = columns(Event)
MISSED = "heartbeat.missed"


def record_missed(connection: Connection, heartbeat: Heartbeat, ticks: Sequence[datetime], now: datetime) -> None:
    """One event for a gap, however many `ticks` (in order) it swallowed."""
    gap = {"ticks": len(ticks), "first": ticks[0].isoformat(), "last": ticks[-1].isoformat()}
    whose = {"project_id": heartbeat.project_id, "bot_id": heartbeat.bot_id, "heartbeat_id": heartbeat.id}
    event = {"uuid": new_id("evt"), "kind": MISSED, "run_id": None, "data": gap, "created_at": now}
    connection.execute(EVENT.insert(), {**whose, **event})
