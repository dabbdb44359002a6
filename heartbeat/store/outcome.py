"""What every ended or skipped run leaves beside its own row: its day's rollup, and a pause if it comes to that."""

from datetime import datetime

from sqlalchemy import Connection

from heartbeat.contracts import PauseReason
from heartbeat.store.database import add_up, columns
from heartbeat.store.records import DailyRollup
from heartbeat.store.tables import Heartbeat

HEARTBEAT, ROLLUP = columns(Heartbeat), columns(DailyRollup)

DAY = ("bot_id", "day", "type")
SUMS = ("success", "error", "skipped", "cancelled", "duration_ms", "tokens", "credits")
NOTHING = dict.fromkeys(SUMS, 0)


def paused(reason: PauseReason, message: str, now: datetime) -> dict[str, object]:
    """The columns that pause a heartbeat; its schedule follows because the version grows."""
    return {
        "enabled": False,
        "pause_reason": reason,
        "pause_since": now,
        "pause_message": message,
        "version": HEARTBEAT.c.version + 1,
    }


def add_to_day(connection: Connection, bot_id: int, type_: str, when: datetime, added: dict[str, int]) -> None:
    """Add to the numbers of a bot's day (in UTC)."""
    statement = add_up(connection.dialect.name, ROLLUP, DAY, SUMS)
    connection.execute(statement, {**NOTHING, **added, "bot_id": bot_id, "day": f"{when:%Y-%m-%d}", "type": type_})
