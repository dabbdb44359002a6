"""Runs opened straight in the store, without Temporal."""

from datetime import UTC, datetime

from sqlalchemy import update

from heartbeat.domain.plans import DEFAULT_PLANS
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.runs.candidates import TickClaim
from heartbeat.store.runs.limits import RunLimits
from heartbeat.store.runs.opening import Opening, open_run
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from tests.support.seeds import NOW

LIMITS = RunLimits(plan=DEFAULT_PLANS.__getitem__, model=lambda name: name or "local:smollm2", max_reply_tokens=1500)
TICK = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def scheduled(heartbeat: Heartbeat, tick: datetime = TICK, workflow: str | None = None) -> TickClaim:
    name = workflow or f"{heartbeat.uuid}-{tick:%Y-%m-%dT%H:%M:%SZ}"
    return TickClaim(heartbeat.uuid, "schedule", None, name, "run-1", tick)


def by_hand(heartbeat: Heartbeat, log: str = "log_1") -> TickClaim:
    return TickClaim(heartbeat.uuid, "manual", log, f"{heartbeat.uuid}-manual-{log}", "run-1", None)


def opened(database: Database, claim: TickClaim, limits: RunLimits = LIMITS, now: datetime = NOW) -> Opening:
    return database.write_now(lambda c: open_run(c, claim, limits, now))


def opened_run(database: Database, claim: TickClaim, limits: RunLimits = LIMITS, now: datetime = NOW) -> Run:
    run = opened(database, claim, limits, now).run
    assert run is not None
    return run


def changed(database: Database, table: type, **values: object) -> None:
    database.write_now(lambda c: c.execute(update(columns(table)).values(**values)))
