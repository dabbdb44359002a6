"""Runs that are to be exported as traces: noted when they are opened, taken up by a worker once they are over."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, exists, or_, select, update

from heartbeat.store.database.rows import all_joined, columns, insert_once, many
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Approval, Attempt, PendingTrace, Run, Step

RUN, STEP, ATTEMPT, APPROVAL, PENDING = (columns(one) for one in (Run, Step, Attempt, Approval, PendingTrace))
HEARTBEAT, BOT, PROJECT = columns(Heartbeat), columns(Bot), columns(Project)

# Whoever took a run up and has not exported it by then is lost, and another takes it up.
CLAIM = timedelta(seconds=60)
# A trace that no collector took for so long is given up.
GIVEN_UP_AFTER = timedelta(hours=24)
BATCH_SIZE = 20

OVER = (
    select(PENDING.c.run_id)
    .join(RUN, RUN.c.id == PENDING.c.run_id)
    .where(RUN.c.status != "running")
    .order_by(PENDING.c.run_id)
    .limit(BATCH_SIZE)
)
RECORDED = (
    select(RUN, HEARTBEAT, BOT, PROJECT)
    .join(HEARTBEAT, HEARTBEAT.c.id == RUN.c.heartbeat_id)
    .join(BOT, BOT.c.id == RUN.c.bot_id)
    .join(PROJECT, PROJECT.c.id == RUN.c.project_id)
)


@dataclass(frozen=True)
class RecordedRun:
    """A run that is over, with everything that was written down of it."""

    run: Run
    heartbeat: Heartbeat
    bot: Bot
    project: Project
    steps: list[Step]
    attempts: list[Attempt]
    approvals: list[Approval]


def note_trace(connection: Connection, run_id: int) -> None:
    """Have a run exported once it is over; noting it twice changes nothing."""
    insert_once(connection.dialect.name, PENDING).run(connection, {"run_id": run_id})


def has_traces(connection: Connection, now: datetime) -> bool:
    """Whether there is a run to export."""
    return connection.execute(OVER.where(_is_free(now)).limit(1)).first() is not None


def claim_traces(connection: Connection, now: datetime) -> list[int]:
    """Take up runs that are over and that no other process has, at most twenty, for a minute; returns their ids."""
    of_run = exists().where(RUN.c.id == PENDING.c.run_id)
    # A collector that is gone for good fills nothing.
    connection.execute(delete(PENDING).where(~of_run | of_run.where(RUN.c.finished_at < now - GIVEN_UP_AFTER)))
    run_ids = list(connection.execute(OVER.where(_is_free(now))).scalars())
    # Another process may have come first: what counts is the row as it is now.
    mine = update(PENDING).where(PENDING.c.run_id.in_(run_ids), _is_free(now)).values(claimed_until=now + CLAIM)
    return list(connection.execute(mine.returning(PENDING.c.run_id)).scalars())


def recorded_runs(connection: Connection, run_ids: list[int]) -> list[RecordedRun]:
    """Read all that was written down of these runs."""
    rows = all_joined(connection, (Run, Heartbeat, Bot, Project), RECORDED.where(RUN.c.id.in_(run_ids)), {})
    return [_recorded(connection, *row) for row in rows]


def forget_traces(connection: Connection, run_ids: list[int]) -> None:
    """Note that these runs were exported."""
    connection.execute(delete(PENDING).where(PENDING.c.run_id.in_(run_ids)))


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(PENDING.c.claimed_until.is_(None), PENDING.c.claimed_until < now)


def _recorded(connection: Connection, run: Run, heartbeat: Heartbeat, bot: Bot, project: Project) -> RecordedRun:
    return RecordedRun(
        run,
        heartbeat,
        bot,
        project,
        many(connection, Step, select(STEP).where(STEP.c.run_id == run.id).order_by(STEP.c.number), {}),
        many(connection, Attempt, select(ATTEMPT).where(ATTEMPT.c.run_id == run.id).order_by(ATTEMPT.c.id), {}),
        many(connection, Approval, select(APPROVAL).where(APPROVAL.c.run_id == run.id).order_by(APPROVAL.c.id), {}),
    )
