"""What every ended or skipped run leaves beside its own row: its day's rollup, and a pause if it comes to that."""

from datetime import datetime

from sqlalchemy import Connection

from heartbeat.contracts import PauseReason
from heartbeat.store.database import add_up, columns
from heartbeat.store.records import DailyRollup
from heartbeat.store.tables import Heartbeat

HEARTBEAT, ROLLUP = columns(Heartbeat), columns(DailyRollup)

DAY = ("bot_id", "day", "type", "model")
SUMS = ("success", "error", "skipped", "cancelled", "duration_ms", "tokens", "credits", "cost_nano_usd")
NOTHING = dict.fromkeys(SUMS, 0)


def paused(reason: PauseReason, message: str, now: datetime) -> dict[str, object]:
    """The columns that pause a heartbeat; its schedule follows because the version grows."""
    return {
        "enabled": False,
        "pause_reason": reason,
        "pause_since": now,
        "pause_message": message,
        "probe_at": None,
        "probes": 0,
        "version": HEARTBEAT.c.version + 1,
    }


def ended(how: str, now: datetime) -> dict[str, object]:
    """The columns that end a scheduled task, `done` or `cancelled`; its schedule goes because the version grows."""
    gone = {"enabled": False, "pause_reason": None, "pause_since": None, "pause_message": None, "deleted_at": now}
    return {**gone, "ended_as": how, "version": HEARTBEAT.c.version + 1}


def add_to_day(
    connection: Connection, bot_id: int, type_: str, when: datetime, added: dict[str, int], model: str = ""
) -> None:
    """Add to the numbers of a bot's day (in UTC) and of a model; ticks that never ran had none."""
    statement = add_up(connection.dialect.name, ROLLUP, DAY, SUMS)
    of_day = {"bot_id": bot_id, "day": f"{when:%Y-%m-%d}", "type": type_, "model": model}
    connection.execute(statement, {**NOTHING, **added, **of_day})
