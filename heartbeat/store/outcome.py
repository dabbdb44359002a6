"""What every ended or skipped run leaves beside its own row: its day's rollup, and a pause if it comes to that."""

from datetime import datetime

from sqlalchemy import Connection, select

from heartbeat.contracts import PauseReason, RunStatus
from heartbeat.store.database import columns, insert
from heartbeat.store.tables import DailyRollup, Heartbeat, Run

RUN, HEARTBEAT, ROLLUP = columns(Run), columns(Heartbeat), columns(DailyRollup)


def paused(reason: PauseReason, message: str, now: datetime) -> dict[str, object]:
    """The columns that pause a heartbeat; its schedule follows because the version grows."""
    return {
        "enabled": False,
        "pause_reason": reason,
        "pause_since": now,
        "pause_message": message,
        "version": HEARTBEAT.c.version + 1,
    }


def roll_up(connection: Connection, run: Run, status: RunStatus, duration_ms: int) -> None:
    """Add an ended run to its bot's day (the day it began, in UTC)."""
    spent = connection.execute(select(RUN.c.tokens_used, RUN.c.credits_charged).where(RUN.c.id == run.id)).one()
    added = {status: 1, "duration_ms": duration_ms, "tokens": spent.tokens_used, "credits": spent.credits_charged}
    add_to_day(connection, run.bot_id, run.type, run.created_at, added)


def add_to_day(connection: Connection, bot_id: int, type_: str, when: datetime, added: dict[str, int]) -> None:
    """Add to the numbers of a bot's day (in UTC)."""
    zero = dict.fromkeys(("success", "error", "skipped", "cancelled"), 0)
    key = {"bot_id": bot_id, "day": f"{when:%Y-%m-%d}", "type": type_}
    statement = insert(connection, ROLLUP).values({**key, **zero, **added})
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(key), set_={name: ROLLUP.c[name] + by for name, by in added.items()}
        )
    )
