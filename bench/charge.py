"""The charge transaction through the store against the same through aiosqlite and the async ORM, 16 callers each."""

import asyncio
import contextlib
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from time import perf_counter

from sqlalchemy import Connection

from bench.charge_orm import Orm
from bench.goals import Result, median_ratio, rounded
from bench.quantiles import quantile
from bench.tenant import seed
from heartbeat.domain.ids import new_id
from heartbeat.domain.plans import Plan
from heartbeat.store.database.database import Database
from heartbeat.store.migrations import migrate
from heartbeat.store.runs.candidates import TickClaim
from heartbeat.store.runs.limits import RunLimits
from heartbeat.store.runs.opening import open_run
from heartbeat.store.runs.steps import NewStep, settle_step
from heartbeat.store.tables.heartbeats import Heartbeat

CALLERS, ROUNDS, CHARGES, CHARGES_ORM = 16, 3, 1600, 160

Settle = Callable[[str, NewStep], Awaitable[object]]


async def measure() -> Result:
    """Measure both: each writes one step of a run, its ledger entry and every running sum, in its own database."""
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="heartbeat-bench-") as home:
        urls = [f"sqlite:///{Path(home) / name}.db" for name in ("core", "orm")]
        runs = [_open_runs(url) for url in urls]
        async with Orm(urls[1]) as orm:
            with contextlib.closing(Database(urls[0])) as database:
                for number in range(ROUNDS):
                    ours.append(await _rate(partial(_settle, database), runs[0], number, CHARGES))
                    theirs.append(await _rate(orm.settle, runs[1], number, CHARGES_ORM))
    return _result(ours, theirs)


async def _settle(database: Database, run_uuid: str, step: NewStep) -> object:
    return await database.write(settle_step, run_uuid, step, 1, datetime.now(UTC))


def _result(ours: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> Result:
    raw = {}
    for name, measured in (("store", ours), ("async_orm", theirs)):
        raw[f"{name}_per_second"] = [rounded(rate) for rate, _ in measured]
        raw[f"{name}_p99_ms"] = [rounded(p99) for _, p99 in measured]
    result = Result(raw=raw)
    factor = median_ratio([rate for rate, _ in ours], [rate for rate, _ in theirs])
    result.at_least("charge transactions a second / the same through the async ORM, 16 callers", factor, 5)
    return result


def _open_runs(url: str) -> list[str]:
    """Migrate a database and open a run for each caller; returns the ids of the runs."""
    migrate.upgrade(url)
    with contextlib.closing(Database(url)) as database:
        tenant = database.write_now(seed, CALLERS)
        return [database.write_now(_open, heartbeat) for heartbeat in tenant.heartbeats]


def _open(connection: Connection, heartbeat: Heartbeat) -> str:
    limits = RunLimits(lambda _: Plan(), lambda _: "openai:instant", 2048)
    claim = TickClaim(heartbeat.uuid, "manual", new_id("log"), new_id("workflow"), new_id("run"), None)
    run = open_run(connection, claim, limits, datetime.now(UTC)).run
    assert run is not None
    return run.uuid


async def _rate(settle: Settle, run_uuids: list[str], turn: int, charges: int) -> tuple[float, float]:
    """Measure the charges a second, and the p99 of their times in ms."""
    steps = range(turn * charges, turn * charges + charges // CALLERS)
    began = perf_counter()
    took = await asyncio.gather(*(_charge(settle, run_uuid, steps) for run_uuid in run_uuids))
    return charges / (perf_counter() - began), quantile([*chain.from_iterable(took)], 0.99)


async def _charge(settle: Settle, run_uuid: str, steps: Iterable[int]) -> list[float]:
    """Settle steps one after the other; returns how long each took, in ms."""
    took = []
    for number in steps:
        began = perf_counter()
        await settle(run_uuid, _step(number))
        took.append((perf_counter() - began) * 1000)
    return took


def _step(number: int) -> NewStep:
    return NewStep(
        number=number,
        answer="Nothing is urgent.",
        messages="[]",
        model="openai:instant",
        input_tokens=1200,
        output_tokens=50,
        duration_ms=3,
    )
