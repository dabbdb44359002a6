"""Runs that are over, written straight into the store together with the counters and rollups they leave, and steps."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from heartbeat.domain.ids import new_id
from heartbeat.store.credits.rollup import add_to_day
from heartbeat.store.database.rows import columns
from heartbeat.store.runs.logs import COUNTERS
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Attempt, Run, Step

RUN, HEARTBEAT = columns(Run), columns(Heartbeat)


def a_run(connection: Connection, heartbeat: Heartbeat, status: str = "success", **values: Any) -> str:
    """Insert one run and what it leaves behind; returns its log id."""
    uuid = values.pop("uuid", None) or new_id("log")
    now = values.pop("created_at", None) or datetime.now(UTC)
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
        "cost_nano_usd": 0,
        "started_at": now,
        "duration_ms": 4500,
        "created_at": now,
        **values,
    }
    connection.execute(insert(RUN).values(row))
    if status != "running":
        counter = COUNTERS[status]
        connection.execute(
            update(HEARTBEAT).where(HEARTBEAT.c.id == heartbeat.id).values({counter: HEARTBEAT.c[counter] + 1})
        )
        spent = {"tokens": "tokens_used", "credits": "credits_charged", "cost_nano_usd": "cost_nano_usd"}
        if status != "skipped":
            spent["duration_ms"] = "duration_ms"
        unchanged = int(row["skip_reason"] == "unchanged")
        apart = {"unchanged_count": HEARTBEAT.c.unchanged_count + unchanged}
        connection.execute(update(HEARTBEAT).where(HEARTBEAT.c.id == heartbeat.id).values(apart))
        added = {status: 1, "unchanged": unchanged, **{name: row[column] for name, column in spent.items()}}
        of_type = Heartbeat.model_construct(**{**vars(heartbeat), "type": row["type"]})
        add_to_day(connection, of_type, row["created_at"], added, row["model"])
    return uuid


def a_step(connection: Connection, run_uuid: str, number: int, **values: Any) -> None:
    """Insert one step of a run: a model's answer, unless `kind` says otherwise."""
    row = {
        "run_id": _run_id(connection, run_uuid),
        "number": number,
        "kind": "model",
        "state": "done",
        "answer": "",
        "messages": "[]",
        "final": False,
        "model": "openai:scripted",
        "input_tokens": 0,
        "output_tokens": 0,
        "duration_ms": 900,
        "created_at": datetime.now(UTC),
        **values,
    }
    connection.execute(insert(columns(Step)).values(row))


def a_call(connection: Connection, run_uuid: str, number: int, **values: Any) -> None:
    """Insert a tool call of a run, as it is while nobody has made it yet."""
    call = {"kind": "tool", "state": "asked", "name": "desk__find", "call_id": f"call_{number}", "arguments": "{}"}
    a_step(connection, run_uuid, number, **{**call, "model": "", "duration_ms": 0, **values})


def an_entry(connection: Connection, run_uuid: str, step: int, kind: str, **values: Any) -> None:
    """Insert one entry of a run's ledger; no balance moves along."""
    run = connection.execute(select(RUN).where(RUN.c.uuid == run_uuid)).one()
    row = {
        "project_id": run.project_id,
        "heartbeat_id": run.heartbeat_id,
        "run_id": run.id,
        "step": step,
        "kind": kind,
        **dict.fromkeys(("credits", "held", "granted", "absorbed", "tokens"), 0),
        "period_start": datetime(2026, 11, 1, tzinfo=UTC),
        "created_at": datetime.now(UTC),
        **values,
    }
    connection.execute(insert(columns(Entry)).values(row))


def an_attempt(connection: Connection, run_uuid: str, step: int, **values: Any) -> None:
    """Insert one request to a provider."""
    row = {
        "run_id": _run_id(connection, run_uuid),
        "step": step,
        "attempt": 1,
        "outcome": "answered",
        "model": "openai:scripted",
        "input_tokens": 1000,
        "output_tokens": 250,
        "cost_nano_usd": 1_250_000,
        "created_at": datetime.now(UTC),
        **values,
    }
    connection.execute(insert(columns(Attempt)).values(row))


def change(connection: Connection, run_uuid: str, **values: Any) -> None:
    """Change a run's row."""
    connection.execute(update(RUN).where(RUN.c.uuid == run_uuid).values(values))


def change_step(connection: Connection, run_uuid: str, number: int, **values: Any) -> None:
    """Change a step's row."""
    table = columns(Step)
    mine = (table.c.run_id == _run_id(connection, run_uuid)) & (table.c.number == number)
    connection.execute(update(table).where(mine).values(values))


def _run_id(connection: Connection, uuid: str) -> int:
    run_id: int = connection.execute(select(RUN.c.id).where(RUN.c.uuid == uuid)).scalar_one()
    return run_id
