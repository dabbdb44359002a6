"""The charge transaction through the store against the same through aiosqlite and the async ORM, 16 callers each."""

import asyncio
import contextlib
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from sqlalchemy import Connection

from bench.charge_orm import Orm
from bench.goals import Result, ratios, rounded
from bench.quantiles import quantile
from bench.tenant import seed
from heartbeat.domain.ids import new_id
from heartbeat.settings import Plan
from heartbeat.store import migrate
from heartbeat.store.database import Database
from heartbeat.store.runs.limits import RunLimits
from heartbeat.store.runs.opening import TickClaim, open_run
from heartbeat.store.runs.steps import NewStep, settle_step
from heartbeat.store.tables.heartbeats import Heartbeat

CALLERS, ROUNDS, CHARGES, CHARGES_ORM = 16, 3, 1600, 160

Settle = Callable[[str, NewStep], Awaitable[object]]


async def measure() -> Result:
    """Both write one step of a run, its ledger entry and every running sum; each has a database of its own."""
    with tempfile.TemporaryDirectory(prefix="heartbeat-bench-") as home:
        urls = [f"sqlite:///{Path(home) / name}.db" for name in ("core", "orm")]
        runs = [_runs(url) for url in urls]
        async with Orm(urls[1]) as orm:
            with contextlib.closing(Database(urls[0])) as database:

                async def core(run: str, step: NewStep) -> object:
                    now = datetime.now(UTC)
                    return await database.write(settle_step, run, step, 1, now)

                rounds = [
                    (
                        await _a_second(core, runs[0], number, CHARGES),
                        await _a_second(orm.settle, runs[1], number, CHARGES_ORM),
                    )
                    for number in range(ROUNDS)
                ]
    return _result([one[0] for one in rounds], [one[1] for one in rounds])


def _result(ours: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> Result:
    raw = {}
    for name, measured in (("store", ours), ("async_orm", theirs)):
        raw[f"{name}_per_second"] = [rounded(rate) for rate, _ in measured]
        raw[f"{name}_p99_ms"] = [rounded(p99) for _, p99 in measured]
    result = Result(raw=raw)
    factor = ratios([rate for rate, _ in ours], [rate for rate, _ in theirs])
    result.at_least("charge transactions a second / the same through the async ORM, 16 callers", factor, 5)
    return result


def _runs(url: str) -> list[str]:
    """A migrated database with a run under way for each caller."""
    migrate.upgrade(url)
    house = RunLimits(lambda _: Plan(), lambda _: "openai:instant", 2048)

    def work(connection: Connection) -> list[str]:
        return [_open(connection, row, house) for row in seed(connection, CALLERS).heartbeats]

    with contextlib.closing(Database(url)) as database:
        return database.write_now(work)


def _open(connection: Connection, row: Heartbeat, house: RunLimits) -> str:
    claim = TickClaim(row.uuid, "manual", new_id("log"), new_id("workflow"), new_id("run"), None)
    run = open_run(connection, claim, house, datetime.now(UTC)).run
    assert run is not None
    return run.uuid


async def _a_second(settle: Settle, runs: list[str], turn: int, charges: int) -> tuple[float, float]:
    """Charges a second, and the p99 of their times in ms."""
    took: list[float] = []

    async def caller(run: str) -> None:
        for number in range(charges // CALLERS):
            began = perf_counter()
            await settle(run, _step(turn * charges + number))
            took.append((perf_counter() - began) * 1000)

    began = perf_counter()
    await asyncio.gather(*(caller(run) for run in runs))
    return charges / (perf_counter() - began), quantile(took, 0.99)


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
