"""The real processes, killed and stopped under load by a plan that a seed makes: afterwards nothing is lost or doubled.

HEARTBEAT_FAULTS_SEED is the seed, which each run prints, and HEARTBEAT_FAULTS_SECONDS how long the long ones go on.
With HEARTBEAT_FAULTS_RECORD they write report.json.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import randrange
from typing import Any

import pytest
from sqlalchemy import func, select

from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Notification
from heartbeat.store.tables.runs import Run
from tests.faults.aftermath import Aftermath
from tests.faults.checks import schedules, ticks
from tests.faults.happening import Happening
from tests.faults.load import Load
from tests.faults.outside import Outside
from tests.faults.parts import Shape
from tests.faults.plan import faults
from tests.faults.proof import require_proof
from tests.faults.report import record, report, require_nothing_lost
from tests.faults.search import search
from tests.faults.stack import Stack
from tests.support.patience import wait_until

pytestmark = pytest.mark.e2e
SEED = int(os.environ.get("HEARTBEAT_FAULTS_SEED") or randrange(1_000_000))
LONG_SECONDS = float(os.environ.get("HEARTBEAT_FAULTS_SECONDS") or 420)
# With what comes before and after them, two minutes. A message that was refused twice would take five more.
CORE_SECONDS, OUTSIDE = 60.0, ("inbox", "desk", "model")
RECORDS = "HEARTBEAT_FAULTS_RECORD" in os.environ
HEARTBEATS = 4
WARM_RUNS = 10
# On a machine with a lot else to do.
START_SECONDS = 600
EVERYWHERE = ["a trace", "a metric", "temporal.db"]
SEARCHED = {"PostgreSQL": ["the table heartbeat", "a dump"], "SQLite": ["heartbeat.db", "backup"]}
# Ticks of a long outage are written off after ninety seconds, by what comes once a minute.
QUIET_SECONDS = 400
# Messages that were refused twice come five minutes later.
SOON = timedelta(minutes=5)
SHAPES = [Shape("PostgreSQL", 2, linked=True, disk=True), Shape("SQLite", 1, linked=True, disk=True)]


@pytest.fixture
def built(tmp_path: Path) -> Iterator[Callable[[Shape], Stack]]:
    with ExitStack() as running:
        outside = running.enter_context(Outside(SEED))
        yield lambda shape: Stack(tmp_path, outside, shape, running)


@pytest.mark.waits
def test_nothing_is_lost_or_doubled(built: Callable[[Shape], Stack]) -> None:
    require_nothing_lost(under_faults(built(Shape(linked=True)), CORE_SECONDS, stop_seconds=5, spared=OUTSIDE))


@pytest.mark.outage
@pytest.mark.parametrize("shape", SHAPES, ids=[shape.store for shape in SHAPES])
def test_nothing_is_lost_or_doubled_in_the_long_run(shape: Shape, built: Callable[[Shape], Stack]) -> None:
    found = under_faults(built(shape), LONG_SECONDS, stop_seconds=30)
    print(found)
    require_nothing_lost(found)
    if RECORDS:
        require_proof(found)
        record(found)


def under_faults(stack: Stack, length: float, stop_seconds: float, spared: tuple[str, ...] = ()) -> dict[str, Any]:
    """Have the load, do to the parts what the plan says, and let all become quiet; the report of it.

    Links to what is `spared` are not broken.
    """
    print(f"HEARTBEAT_FAULTS_SEED={SEED}")
    happening = Happening(stack)
    wait_until(happening.ready, seconds=START_SECONDS)
    clients = [partial(stack.client, url) for url in stack.urls]
    load = Load(clients, stack.project, stack.outside, stack.addresses(), HEARTBEATS)
    breakable = stack.breakable()
    unbroken = replace(breakable, links=tuple(name for name in breakable.links if not name.endswith(spared)))
    planned = faults(SEED, length, unbroken, stop_seconds)
    with closing(load), closing(Database(stack.database_url)) as database:
        load.start()
        wait_until(lambda: happening.ready() and is_warm(database), seconds=START_SECONDS)
        warm = stack.sizes()
        happening.carry_out(planned)
        load.stop(happening.ready)
        after = Aftermath(database, load.accepted, stack.outside, datetime.now(UTC))
        wait_at_most(QUIET_SECONDS, lambda: happening.ready() and quiet(after, stack))
        # Also where something else kept it from becoming quiet.
        after.schedules = stack.schedules()
        if stack.shape.linked:
            places = search(stack, stack.outside.canaries)
            assert {*EVERYWHERE, *SEARCHED[stack.shape.store]} <= places, places
        after.sizes = {"warm": warm, "end": stack.sizes()}
        with suppress(AssertionError):
            wait_until(lambda: not stack.left())
        after.left = stack.left()
        found = report(stack.shape.store, SEED, length, planned, happening.had_effect, after)
    found["lost or doubled"]["processes"] += stack.stop()
    assert stack.pipes.exists(), "no worker started a tool server"
    return found


def is_warm(database: Database) -> bool:
    """Whether runs enough have ended for the processes to have what they need for one."""
    ended = select(func.count()).select_from(columns(Run)).where(columns(Run).c.status != "running")
    return database.read_now(lambda c: c.scalar(ended) or 0) >= WARM_RUNS


def wait_at_most(seconds: float, what: Callable[[], bool]) -> None:
    """What has not come by then is found by a check, which says what is missing."""
    with suppress(AssertionError):
        wait_until(what, seconds=seconds)


def quiet(after: Aftermath, stack: Stack) -> bool:
    """Every tick and every accepted run is there, no run goes on, and no heartbeat waits for its schedule."""
    rows = [row for row in after.rows(Heartbeat) if row.type == "heartbeat"]
    runs = after.rows(Run)
    if any(run.status == "running" for run in runs) or any(row.synced_version < row.version for row in rows):
        return False
    if not {run.uuid for run in runs} >= after.accepted.triggers.keys() or ticks(after):
        return False
    if any(row.next_attempt_at <= after.until + SOON for row in after.rows(Notification) if row.next_attempt_at):
        return False
    after.schedules = stack.schedules()
    if schedules(after):
        return False
    return {run.heartbeat_id for run in runs if run.scheduled_for is not None} == {row.id for row in rows}
