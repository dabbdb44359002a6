"""What a heartbeat's gate has spared lately: its last looks, and how many of the ticks had news."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from heartbeat.domain.gates import source_of
from heartbeat.store.credits.rollup import HEARTBEAT_DAY
from heartbeat.store.heartbeats.gates import readings_of
from heartbeat.store.tables.gates import GateReading
from heartbeat.store.tables.heartbeats import Heartbeat

DAYS = timedelta(days=30)
SHOWN_LOOKS = 10

EXECUTED = HEARTBEAT_DAY.c.success + HEARTBEAT_DAY.c.error + HEARTBEAT_DAY.c.cancelled
COUNTED = select(
    func.coalesce(func.sum(EXECUTED), 0).label("runs"),
    func.coalesce(func.sum(HEARTBEAT_DAY.c.unchanged), 0).label("rest"),
).where(HEARTBEAT_DAY.c.heartbeat_id == bindparam("heartbeat"), HEARTBEAT_DAY.c.day >= bindparam("since"))


@dataclass(frozen=True)
class GateOutlook:
    """The last looks, newest first. `share` of the ticks was runs; `None` while the gate had nothing new yet."""

    looks: list[GateReading]
    share: float | None

    def of(self, number: float) -> float | None:
        """Return as much of a month's number as the gate leaves."""
        return None if self.share is None else round(self.share * number, 1)


def gate_outlook(
    connection: Connection, heartbeat: Heartbeat | None, gate: dict[str, Any] | None, today: date
) -> GateOutlook | None:
    """Return what is known of a gate; of one that looks elsewhere than the heartbeat's, nothing. `None` for no gate."""
    if gate is None:
        return None
    if heartbeat is None or heartbeat.gate is None or source_of(heartbeat.gate) != source_of(gate):
        return GateOutlook([], None)
    counts = connection.execute(COUNTED, {"heartbeat": heartbeat.id, "since": (today - DAYS).isoformat()}).one()
    share = int(counts.runs) / int(counts.runs + counts.rest) if counts.rest else None
    return GateOutlook(readings_of(connection, heartbeat, SHOWN_LOOKS), share)
