"""What the end of a run is worth telling: the events it leaves, and whom they wait for."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from heartbeat.domain.contracts import RunStatus
from heartbeat.domain.errors import ProductError
from heartbeat.domain.tool_effects import NotifyUserEffect
from heartbeat.store.notifications.events import FAILED, FINDING, NOTIFIED, PAUSED, RECOVERED, record
from heartbeat.store.notifications.findings import note_findings
from heartbeat.store.notifications.outbox import waiting_of
from heartbeat.store.rows import columns, exactly_one, first
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event
from heartbeat.store.tables.runs import Run

HEARTBEAT, EVENT = columns(Heartbeat), columns(Event)

MOST_A_RUN = 5
RESUME = {
    "errors": "Enable it again once it is mended: POST /v1/bot/heartbeat/enable, or the dashboard.",
    "budget": "It goes on by itself when the next period begins. Raise credit_budget and enable it to have it sooner.",
}
RESUME_TASK = {
    "errors": "Mend it, make the task anew (POST /v1/bot/task/create), and cancel this one.",
    "budget": "It goes on by itself when the next period begins.",
}


def tell_of_run(
    connection: Connection,
    heartbeat: Heartbeat,
    run: Run,
    status: RunStatus,
    failure: tuple[str | None, str | None],
    changed: bool,
    now: datetime,
    remind: timedelta,
) -> tuple[str, ...]:
    """Record what a person should hear of a run that ended; returns the notifications to deliver.

    `heartbeat` is the row as it was before, `failure` the error's code and message; `changed`: the run has paused it,
    which is told in place of the failure, or was a task's last one. Whoever triggered a run by hand
    has its answer and is not told of a failure again. A run without report or streak costs no statement here.
    """
    told = _tell_findings(connection, heartbeat, run, status == "success", now, remind) if run.report else []
    if run.trigger == "manual":
        return tuple(told)
    if run.trigger == "probe":
        # What it means for the pause has been recorded with its verdict.
        return waiting_of(connection, run.id)
    code, message = failure
    pause = tell_of_pause(connection, heartbeat, now, run.id) if changed else None
    if pause is not None:
        told += pause
    elif status == "error" and heartbeat.error_count == 0 and code != "budget_exhausted":
        failed = {"run": run.uuid, "code": code, "message": message, **({"last": True} if changed else {})}
        told += record(connection, heartbeat, FAILED, failed, now, run.id)
    elif status == "success" and heartbeat.error_count:
        mended = {"run": run.uuid, "failures": heartbeat.error_count}
        told += record(connection, heartbeat, RECOVERED, mended, now, run.id)
    return tuple(told)


def tell_of_pause(
    connection: Connection, heartbeat: Heartbeat, now: datetime, run_id: int | None = None
) -> list[str] | None:
    """Record the pause that was just written into the heartbeat's row, with its reason and how to resume.

    `None` when it was not paused for a reason that anybody needs to hear of.
    """
    row = first(connection, Heartbeat, select(HEARTBEAT).where(HEARTBEAT.c.id == heartbeat.id))
    if row is None or row.pause_reason not in RESUME:
        return None
    data: dict[str, Any] = {
        "reason": row.pause_reason,
        "message": row.pause_message,
        "resume": RESUME[row.pause_reason],
    }
    if row.type == "scheduled_task":
        data |= {"resume": RESUME_TASK[row.pause_reason], "task": True}
    if row.probe_at is not None:
        data["probe_at"] = row.probe_at.isoformat()
    return record(connection, heartbeat, PAUSED, data, now, run_id)


def notify_user(connection: Connection, run: Run, effect: NotifyUserEffect, now: datetime) -> str:
    """The effect of the built-in tool: tell the heartbeat's member, or the owner. Raises `ProductError` beyond 5."""
    sent = select(EVENT.c.id).where(EVENT.c.heartbeat_id == run.heartbeat_id, EVENT.c.run_id == run.id)
    if len(connection.execute(sent.where(EVENT.c.kind == NOTIFIED)).all()) >= MOST_A_RUN:
        raise ProductError(f"Nobody was told: a run may call notify_user {MOST_A_RUN} times; report the rest.")
    heartbeat = exactly_one(connection, Heartbeat, select(HEARTBEAT).where(HEARTBEAT.c.id == run.heartbeat_id))
    data = {"run": run.uuid, **asdict(effect)}
    if not record(connection, heartbeat, NOTIFIED, data, now, run.id):
        return "Nobody could be told: no notification target wants this. Put it in your answer instead."
    return "They will be told."


def _tell_findings(
    connection: Connection, heartbeat: Heartbeat, run: Run, complete: bool, now: datetime, remind: timedelta
) -> list[str]:
    """One event for all that a run newly found: one message a target, however much there is."""
    assert run.report is not None
    news = note_findings(connection, heartbeat, run.report, complete, now, remind)
    if not news:
        return []
    data = {"run": run.uuid, "summary": run.report.get("summary"), "findings": news}
    return record(connection, heartbeat, FINDING, data, now, run.id)
