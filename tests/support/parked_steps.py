"""Runs in the store whose second step waits for credits."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from heartbeat.domain.failure_policy import Ending
from heartbeat.domain.plans import Plan
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, many
from heartbeat.store.runs.approvals import decide
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.limits import RunLimits
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.runs.steps import NewStep, Transcript, begin_step, settle_step
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Approval, Run
from tests.support.runs import LIMITS, by_hand, changed, opened_run
from tests.support.seeds import NOW

# Each may cost 2 credits at the most, and costs 1.
STEP = NewStep(1, "All quiet.", "[]", "openai:scripted", 100, 50, 7)
NEXT_PERIOD = NOW.replace(month=12, day=1, hour=0)


def planned(**fields: Any) -> RunLimits:
    return replace(LIMITS, plan=lambda _: Plan(**fields))


def parked(
    database: Database, heartbeat: Heartbeat, limits: RunLimits = LIMITS, owner: type = Heartbeat, **limited: int
) -> Run:
    """A run of which one step was made, and whose second one waits for credits."""
    changed(database, owner, **limited or {"credit_budget": None})
    run = opened_run(database, by_hand(heartbeat), limits)
    database.write_now(lambda c: settle_step(c, run.uuid, STEP, 1, NOW))
    assert approval(begun(database, run, limits)).state == "pending"
    return run


def begun(database: Database, run: Run, limits: RunLimits = LIMITS, now: datetime = NOW) -> Transcript:
    return database.write_now(lambda c: begin_step(c, run.uuid, 2, limits, now))


def approval(transcript: Transcript) -> Approval:
    assert transcript.park is not None
    return transcript.park


def approvals(database: Database) -> list[Approval]:
    rows = select(columns(Approval)).order_by(columns(Approval).c.id)
    return database.read_now(lambda c: many(c, Approval, rows))


def decided(database: Database, decision: Any = "approved", credits_given: int | None = None) -> Approval:
    [*_, last] = approvals(database)
    return database.write_now(lambda c: decide(c, last.uuid, decision, "a test", NOW, credits_given))


def held(database: Database, run: Run) -> tuple[int, bool]:
    row = database.read_now(lambda c: run_by_uuid(c, run.uuid))
    return row.credits_held, row.parked


def close(database: Database, run: Run) -> None:
    database.write_now(lambda c: close_run(c, run.uuid, Ending("success"), NOW))
