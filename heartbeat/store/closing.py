"""Closing runs: status, counters, streak, rollup and verdict, once each."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from heartbeat.contracts import RunStatus
from heartbeat.policy import judge
from heartbeat.store.accounting import leave
from heartbeat.store.database import columns, one
from heartbeat.store.outcome import paused, roll_up
from heartbeat.store.tables import Heartbeat, Run, Step

RUN, STEP, HEARTBEAT = columns(Run), columns(Step), columns(Heartbeat)


@dataclass(frozen=True)
class Ending:
    """How a run ended: `error_code` and `message` for what was no success."""

    status: RunStatus
    error_code: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class Closing:
    """The status the run has now, and whether the heartbeat's schedule must follow its row."""

    status: RunStatus
    sync: bool


def close_run(connection: Connection, run_uuid: str, ending: Ending, now: datetime) -> Closing:
    """End a run: status, counters, streak, rollup and verdict in one transaction. Closing twice changes nothing."""
    run = one(connection, Run, select(RUN).where(RUN.c.uuid == run_uuid).with_for_update())
    assert run is not None, f"run {run_uuid} was never opened"
    heartbeat = one(
        connection, Heartbeat, select(HEARTBEAT).where(HEARTBEAT.c.id == run.heartbeat_id).with_for_update()
    )
    assert heartbeat is not None
    if run.status != "running":
        return Closing(run.status, heartbeat.synced_version < heartbeat.version)  # type: ignore[arg-type]
    duration_ms = max(0, round((now - run.started_at).total_seconds() * 1000))
    connection.execute(
        update(RUN)
        .where(RUN.c.id == run.id)
        .values(
            status=ending.status,
            error_code=ending.error_code,
            error_message=ending.message,
            response=_last_answer(connection, run),
            finished_at=now,
            duration_ms=duration_ms,
        )
    )
    roll_up(connection, run, ending.status, duration_ms)
    return Closing(ending.status, _count(connection, heartbeat, run, ending, now))


def _last_answer(connection: Connection, run: Run) -> str | None:
    statement = select(STEP.c.answer).where(STEP.c.run_id == run.id).order_by(STEP.c.number.desc()).limit(1)
    return connection.execute(statement).scalar()


def _count(connection: Connection, heartbeat: Heartbeat, run: Run, ending: Ending, now: datetime) -> bool:
    """Move the heartbeat's counters and streak; returns whether it was paused."""
    judgement = judge(
        ending.status,
        run.trigger,  # type: ignore[arg-type]
        heartbeat.error_count,
        heartbeat.max_consecutive_errors,
        ending.message,
    )
    total = {"success": "success_count", "error": "total_error_count", "cancelled": "cancelled_count"}[ending.status]
    changes = {
        total: HEARTBEAT.c[total] + 1,
        "error_count": judgement.streak,
        "last_status": ending.status,
        "last_executed_at": run.started_at,
        "updated_at": now,
    }
    pause = judgement.pause if heartbeat.enabled else None
    if pause:
        leave(connection, heartbeat, now)
        changes |= paused(pause, judgement.message or "", now)
    connection.execute(update(HEARTBEAT).where(HEARTBEAT.c.id == heartbeat.id).values(changes))
    return pause is not None
