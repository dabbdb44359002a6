"""The events that the end of a run leaves: what a person should hear of it."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from heartbeat.domain.budgets import usual_credits
from heartbeat.domain.errors import ProductError
from heartbeat.domain.failure_policy import BUDGET_EXHAUSTED, Ending
from heartbeat.domain.money import dollars
from heartbeat.domain.tool_effects import NotifyUserEffect
from heartbeat.store.database.rows import columns, exactly_one
from heartbeat.store.notifications.events import COSTLY, FAILED, FINDING, NOTIFIED, PAUSED, RECOVERED, record_event
from heartbeat.store.notifications.findings import record_findings
from heartbeat.store.notifications.outbox import unsent_notifications
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event
from heartbeat.store.tables.runs import Run

HEARTBEAT, EVENT = columns(Heartbeat), columns(Event)

MAX_PER_RUN = 5
RESUME = {
    "errors": "Enable it again once it is mended: POST /v1/bot/heartbeat/enable, or the dashboard.",
    "budget": "It goes on by itself when the next period begins. Raise credit_budget to have it sooner.",
}
RESUME_TASK = {
    "errors": "Resume it once it is mended: POST /v1/bot/task/resume, or the dashboard.",
    "budget": "It goes on by itself when the next period begins.",
}


@dataclass(frozen=True)
class ClosedRun:
    """A run, how it ended, and its heartbeat before; `after` is the heartbeat in the state the run brought it into.

    `after` is `None` if that is the one it was in.
    """

    run: Run
    ending: Ending
    before: Heartbeat
    after: Heartbeat | None = None


def record_run_events(connection: Connection, closed: ClosedRun, now: datetime, remind: timedelta) -> tuple[str, ...]:
    """Record what a person should hear of a run that ended; returns the notifications to deliver.

    A pause takes the place of the failure that led to it. A person who triggered a run by hand has its answer, and no
    message about its failure. A run without report or streak costs no statement here.
    """
    run, ending = closed.run, closed.ending
    notification_uuids = _record_findings(connection, closed, now, remind) if run.report else []
    if run.trigger == "manual":
        return tuple(notification_uuids)
    if run.trigger == "probe":
        # What it means for the pause was recorded when the probe was judged.
        return unsent_notifications(connection, run.id)
    notification_uuids += _record_costly(connection, closed, now)
    pause = record_pause(connection, closed.after, now, run.id) if closed.after else None
    if pause is not None:
        return (*notification_uuids, *pause)
    failures = closed.before.error_count
    if ending.status == "error" and failures == 0 and ending.error_code != BUDGET_EXHAUSTED:
        failed = {"run": run.uuid, "code": ending.error_code, "message": ending.message}
        # It was a task's last run.
        last = {"last": True} if closed.after else {}
        notification_uuids += record_event(connection, closed.before, FAILED, {**failed, **last}, now, run.id)
    elif ending.status == "success" and failures:
        recovered = {"run": run.uuid, "failures": failures}
        notification_uuids += record_event(connection, closed.before, RECOVERED, recovered, now, run.id)
    return tuple(notification_uuids)


def _record_costly(connection: Connection, closed: ClosedRun, now: datetime) -> list[str]:
    """Record a run that cost far more than this heartbeat's runs do."""
    run, recent = closed.run, closed.before.recent_credits
    usual = usual_credits(recent, run.credits_charged)
    if usual is None:
        return []
    spent = {"credits": run.credits_charged, "cost_usd": dollars(run.cost_nano_usd)}
    data = {"run": run.uuid, **spent, "usual": usual, "runs": len(recent)}
    return record_event(connection, closed.before, COSTLY, data, now, run.id)


def record_pause(
    connection: Connection, heartbeat: Heartbeat, now: datetime, run_id: int | None = None
) -> list[str] | None:
    """Record the pause of a heartbeat, with its reason and how to resume.

    `None` when it is not paused for a reason that anybody needs to hear of.
    """
    pause, reason = heartbeat.pause, heartbeat.pause_reason
    if pause is None or reason not in RESUME:
        return None
    data: dict[str, Any] = {
        "reason": reason,
        "message": pause.message,
        "resume": (RESUME_TASK if pause.task else RESUME)[reason],
        "cause": {"code": pause.cause, "detail": pause.detail, "times": pause.times},
    }
    if pause.task:
        data["task"] = True
    if pause.probe_at is not None:
        data["probe_at"] = pause.probe_at.isoformat()
    return record_event(connection, heartbeat, PAUSED, data, now, run_id)


def notify_user(connection: Connection, run: Run, effect: NotifyUserEffect, now: datetime) -> str:
    """Send a message to the heartbeat's member, or to the owner. Raises `ProductError` beyond 5 in a run."""
    events = select(EVENT.c.id).where(EVENT.c.heartbeat_id == run.heartbeat_id, EVENT.c.run_id == run.id)
    if len(connection.execute(events.where(EVENT.c.kind == NOTIFIED)).all()) >= MAX_PER_RUN:
        raise ProductError(f"Nobody was told: a run may call notify_user {MAX_PER_RUN} times; report the rest.")
    heartbeat = exactly_one(connection, Heartbeat, select(HEARTBEAT).where(HEARTBEAT.c.id == run.heartbeat_id))
    data = {"run": run.uuid, **asdict(effect)}
    if not record_event(connection, heartbeat, NOTIFIED, data, now, run.id):
        return "Nobody could be told: no notification target wants this. Put it in your answer instead."
    return "They will be told."


def _record_findings(connection: Connection, closed: ClosedRun, now: datetime, remind: timedelta) -> list[str]:
    """Write one event for all that is news: one message for a target, however much there is."""
    run, heartbeat = closed.run, closed.before
    assert run.report is not None
    news = record_findings(connection, heartbeat, run.report, closed.ending.status == "success", now, remind)
    if not news:
        return []
    data = {"run": run.uuid, "summary": run.report.get("summary"), "findings": news}
    return record_event(connection, heartbeat, FINDING, data, now, run.id)
