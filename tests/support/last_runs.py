"""The last runs of many heartbeats, as lists draw them."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, insert

from heartbeat.domain.ids import new_id
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run

MIXED = ("success", "success", "error", "skipped", "cancelled")
MOSTLY_WELL = ("success",) * 8 + ("error", "skipped")


def last_runs_of(
    connection: Connection, heartbeats: list[Heartbeat], count: int, statuses: tuple[str, ...] = MIXED
) -> list[str]:
    """Give each of these heartbeats so many runs; returns the log ids of the first one's, oldest first."""
    began = datetime.now(UTC) - timedelta(days=1)
    rows = [
        {
            "uuid": new_id("log"),
            "project_id": heartbeat.project_id,
            "bot_id": heartbeat.bot_id,
            "heartbeat_id": heartbeat.id,
            "trigger": "manual",
            "status": statuses[number % len(statuses)],
            "prompt": heartbeat.prompt,
            "model": "openai:scripted",
            "max_reply_tokens": 100,
            "started_at": began + timedelta(minutes=number),
            "duration_ms": 900,
            "created_at": began,
        }
        for heartbeat in heartbeats
        for number in range(count)
    ]
    connection.execute(insert(columns(Run)), rows)
    return [row["uuid"] for row in rows[:count]]
