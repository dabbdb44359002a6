"""Closing runs: status, counters, streak, rollup and verdict, once each."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from heartbeat.domain.budgets import with_newest
from heartbeat.domain.contracts import CloseRunResult
from heartbeat.domain.errors import RunLost
from heartbeat.domain.failure_policy import Ending, FailureStreak, judge
from heartbeat.domain.redaction import SAID
from heartbeat.store.credits.ledger import release
from heartbeat.store.credits.rollup import add_to_day
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import columns, joined
from heartbeat.store.heartbeats import states
from heartbeat.store.heartbeats.gates import accept_value_of
from heartbeat.store.heartbeats.probes import conclude
from heartbeat.store.heartbeats.project_holds import cancelled_by
from heartbeat.store.notifications.findings import REMIND_AFTER
from heartbeat.store.notifications.outbox import unsent_notifications
from heartbeat.store.notifications.run_events import ClosedRun, record_run_events
from heartbeat.store.runs.attempts import last_provider_words, spent_by_others
from heartbeat.store.runs.conduct import missing
from heartbeat.store.runs.last_words import last_words
from heartbeat.store.runs.quality import follow_quality
from heartbeat.store.runs.reminders import UNVERIFIED
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Approval, Run, Step

log = logging.getLogger(__name__)

RUN, STEP, HEARTBEAT, APPROVAL = columns(Run), columns(Step), columns(Heartbeat), columns(Approval)

# Of a run that asked for nothing: nobody said anything but that.
ONLY_ANSWER = select(STEP.c.answer).where(STEP.c.run_id == RUN.c.id, STEP.c.number == 1, STEP.c.final).scalar_subquery()
# Built once: putting such a statement together costs more than running it.
LOCK = Prepared(
    select(RUN, HEARTBEAT, ONLY_ANSWER)
    .join(HEARTBEAT, HEARTBEAT.c.id == RUN.c.heartbeat_id)
    .where(RUN.c.uuid == bindparam("key"))
    .with_for_update(of=[RUN, HEARTBEAT], key_share=True)
)
END = Prepared(
    update(RUN)
    .where(RUN.c.id == bindparam("key"))
    .values(
        status=bindparam("came_to"),
        error_code=bindparam("code"),
        error_message=bindparam("message"),
        response=bindparam("words"),
        finished_at=bindparam("at"),
        duration_ms=bindparam("took"),
        expect_met=bindparam("met"),
    )
)
# Nobody need decide about a call that will not be made.
CALL_OFF = Prepared(
    update(APPROVAL).where(APPROVAL.c.run_id == bindparam("key"), APPROVAL.c.state == "pending").values(state="expired")
)
COUNT = (
    update(HEARTBEAT)
    .where(HEARTBEAT.c.id == bindparam("key"))
    .values(
        error_count=bindparam("streak"),
        last_status=bindparam("came_to"),
        last_executed_at=bindparam("began"),
        recent_credits=bindparam("recent", type_=HEARTBEAT.c.recent_credits.type),
        updated_at=bindparam("at"),
    )
)
COUNT_AS = {
    "success": Prepared(COUNT.values(success_count=HEARTBEAT.c.success_count + 1)),
    "error": Prepared(COUNT.values(total_error_count=HEARTBEAT.c.total_error_count + 1)),
    "cancelled": Prepared(COUNT.values(cancelled_count=HEARTBEAT.c.cancelled_count + 1)),
}


def close_run(
    connection: Connection, run_uuid: str, ending: Ending, now: datetime, remind: timedelta = REMIND_AFTER
) -> CloseRunResult:
    """End a run: status, counters, streak, rollup and verdict in one transaction. Closing twice changes nothing.

    Whoever closes again was lost the first time, perhaps before anybody was told, so `notification_uuids` are
    those that still wait. A run that the database has lost is over, or its heartbeat would wait for it for ever.
    """
    locked = joined(connection, (Run, Heartbeat), LOCK, {"key": run_uuid})
    if locked is None:
        log.error("the run %s is closed without a log: %s", run_uuid, RunLost(run_uuid))
        return CloseRunResult("error")
    run, heartbeat, only_answer = locked
    if run.status != "running":
        is_behind = heartbeat.synced_version < heartbeat.version
        return CloseRunResult(run.status, is_behind, unsent_notifications(connection, run.id))
    if run.credits_held:
        release(connection, run.id, now)
    ending = _as_recorded(connection, ending, run, now)
    duration_ms = max(0, round((now - run.started_at).total_seconds() * 1000))
    ended: dict[str, Any] = {"came_to": ending.status, "code": ending.error_code, "message": ending.message, "at": now}
    is_met = _is_met(run, ending)
    words = only_answer if only_answer and not run.expect else last_words(connection, run)
    ended |= {"met": is_met, "took": duration_ms, "words": words}
    END.run(connection, {**ended, "key": run.id})
    if ending.status != "success":
        CALL_OFF.run(connection, {"key": run.id})
    if run.dry_run:
        return CloseRunResult(ending.status)
    if ending.status == "success":
        accept_value_of(connection, run, now)
    _add_to_day(connection, heartbeat, run, {ending.status: 1, "duration_ms": duration_ms}, is_met)
    after = _count(connection, heartbeat, run, ending, now)
    notification_uuids = record_run_events(connection, ClosedRun(run, ending, heartbeat, after), now, remind)
    if is_met is not None:
        notification_uuids = (*notification_uuids, *follow_quality(connection, heartbeat, run, now))
    return CloseRunResult(ending.status, after is not None, notification_uuids)


def _add_to_day(
    connection: Connection, heartbeat: Heartbeat, run: Run, ended: dict[str, int], is_met: bool | None
) -> None:
    spent = {"tokens": run.tokens_used, "credits": run.credits_charged, "cost_nano_usd": run.cost_nano_usd}
    judged = {} if is_met is None else {"met" if is_met else "unmet": 1}
    others = spent_by_others(connection, run) if run.fallback_models else {}
    add_to_day(connection, heartbeat, run.created_at, {**ended, **spent, **judged}, run.model, others)


def _as_recorded(connection: Connection, ending: Ending, run: Run, now: datetime) -> Ending:
    """How a run really ended, by what was written down of it."""
    if ending.status == "cancelled" and not ending.by_hand and (hold := cancelled_by(connection, run, now)):
        if run.cancelled_by:
            # They asked before, and Temporal was away.
            connection.execute(update(RUN).where(RUN.c.id == run.id).values(cancelled_by=None))
        return replace(ending, message=hold)
    ending = _as_expected(connection, _as_reported(connection, ending, run), run)
    return _with_provider_words(connection, ending, run)


def _as_reported(connection: Connection, ending: Ending, run: Run) -> Ending:
    """An agent that says it failed has failed, however well its run went; perhaps because a tool server was down."""
    if ending.status != "success" or not run.report or run.report.get("outcome") != "failed":
        return ending
    said = run.report.get("summary") or "the agent reported that it failed"
    down = select(STEP.c.id).where(STEP.c.run_id == run.id, STEP.c.failure_code == "down").limit(1)
    return Ending("error", "tool_server_down" if connection.execute(down).first() else "reported_failure", said)


def _as_expected(connection: Connection, ending: Ending, run: Run) -> Ending:
    """A run that did not do what is expected of it is no success, whatever its agent says."""
    if ending.status != "success" or not (sentences := missing(connection, run)):
        return ending
    return Ending("error", UNVERIFIED, f"The run did not do what is expected of it. {' '.join(sentences)}")


def _is_met(run: Run, ending: Ending) -> bool | None:
    """Whether a run did what is expected of it; `None` if nothing is, or if it failed for another reason."""
    return {"success": True, UNVERIFIED: False}.get(ending.error_code or ending.status) if run.expect else None


def _with_provider_words(connection: Connection, ending: Ending, run: Run) -> Ending:
    """An error with what the provider said after our own words: that was not told to Temporal."""
    said = last_provider_words(connection, run.id) if ending.status == "error" else None
    return replace(ending, message=f"{ending.message} {SAID.format(said)}") if said else ending


def _is_done(heartbeat: Heartbeat) -> bool:
    """Whether the run that is being closed was a task's last one; `heartbeat` is as it was before."""
    if heartbeat.max_executions is None or heartbeat.deleted_at is not None:
        return False
    return heartbeat.execution_count + 1 >= heartbeat.max_executions


def _count(connection: Connection, heartbeat: Heartbeat, run: Run, ending: Ending, now: datetime) -> Heartbeat | None:
    """Move the heartbeat's counters and streak; returns it as the run left it if that is another state, else `None`."""
    streak = FailureStreak(heartbeat.error_count, heartbeat.max_consecutive_errors, heartbeat.auto_resume)
    verdict = judge(ending, run.trigger, streak, now)
    counted = {"key": heartbeat.id, "streak": verdict.failures, "came_to": ending.status}
    recent = with_newest(heartbeat.recent_credits, run.credits_charged)
    COUNT_AS[ending.status].run(connection, {**counted, "began": run.started_at, "recent": recent, "at": now})
    if _is_done(heartbeat):
        return states.end(connection, heartbeat, "done", now)
    if run.trigger == "probe":
        return conclude(connection, heartbeat, run, ending, now)
    if verdict.pause is None or not heartbeat.enabled:
        return None
    return states.pause(connection, heartbeat, verdict.pause, now)
