"""Runs that are over, written straight into the store together with the counters and rollups they leave."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, update

from heartbeat.ids import new_id
from heartbeat.store.database import columns
from heartbeat.store.logs import COUNTERS
from heartbeat.store.outcome import add_to_day
from heartbeat.store.records import Run
from heartbeat.store.tables import Heartbeat

RUN, HEARTBEAT = columns(Run), columns(Heartbeat)


def a_run(connection: Connection, heartbeat: Heartbeat, status: str = "success", **given: Any) -> str:
    """Insert one run and what it leaves behind; returns its log id."""
    uuid = given.pop("uuid", None) or new_id("log")
    now = given.pop("created_at", None) or datetime.now(UTC)
    row = {
        "uuid": uuid,
        "project_id": heartbeat.project_id,
        "bot_id": heartbeat.bot_id,
        "member_id": heartbeat.member_id,
        "heartbeat_id": heartbeat.id,
        "workflow_id": f"{heartbeat.uuid}-{uuid}",
        "workflow_run_id": "018f-run",
        "type": "heartbeat",
        "trigger": "schedule",
        "status": status,
        "prompt": heartbeat.prompt,
        "instruction": "",
        "response": "All quiet." if status == "success" else None,
        "error_message": "It broke." if status == "error" else None,
        "skip_reason": "overlap" if status == "skipped" else None,
        "model": "openai:scripted",
        "max_reply_tokens": 100,
        "tokens_used": 1250,
        "credits_charged": 2,
        "started_at": now,
        "duration_ms": 4500,
        "created_at": now,
        **given,
    }
    connection.execute(insert(RUN).values(row))
    if status != "running":
        counter = COUNTERS[status]
        connection.execute(
            update(HEARTBEAT).where(HEARTBEAT.c.id == heartbeat.id).values({counter: HEARTBEAT.c[counter] + 1})
        )
        spent = {"duration_ms": "duration_ms", "tokens": "tokens_used", "credits": "credits_charged"}
        added = {status: 1, **{name: row[column] for name, column in spent.items()}}
        add_to_day(connection, heartbeat.bot_id, row["type"], row["created_at"], added)
    return uuid
