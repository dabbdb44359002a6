"""A provider's 429 is heard by all: who comes while it limits the rate waits for a turn, without an attempt."""

import asyncio
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from heartbeat.agents.rate_limits import rate_limit_scope
from heartbeat.domain.ids import new_id
from heartbeat.store.database.rows import columns, many
from heartbeat.store.runs.rate_limits import note_refusal
from heartbeat.store.tables.runs import Attempt, RateLimit, Run
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, fails, says
from tests.support.patience import until
from tests.support.world import World


def waiting(connection: Connection) -> int:
    runs = columns(Run)
    return connection.execute(select(func.count()).where(runs.c.waiting == "rate_limit")).scalar_one()


@ON_SQLITE
async def test_others_wait_while_one_run_is_refused(working: World, model: ModelServer) -> None:
    refusal = fails(429, "rate_limit_exceeded", headers={"retry-after": "6"})
    model.script(refusal, *[says("All quiet.")] * 4)
    refused = await working.start("log_refused")
    await until(lambda: working.asked(model), bool)
    await until(lambda: working.database.read(lambda c: many(c, RateLimit, select(columns(RateLimit)))), bool)
    others = [await working.start(new_id("log")) for _ in range(3)]
    await until(lambda: working.database.read(waiting), lambda number: number >= 3)
    assert len(model.requests) == 1
    results = await asyncio.gather(*(handle.result() for handle in (refused, *others)))
    assert [result.status for result in results] == ["success"] * 4
    attempts = await working.database.read(lambda c: many(c, Attempt, select(columns(Attempt))))
    assert sorted(attempt.attempt for attempt in attempts) == [1, 1, 1, 1, 2]
    assert len(model.requests) == 5


@ON_SQLITE
async def test_a_limit_that_outlasts_a_run_ends_it_and_asks_nobody(working: World, model: ModelServer) -> None:
    scope = rate_limit_scope("openai:scripted", working.settings)
    await working.database.write(note_refusal, scope, 86_400.0, datetime.now(UTC))
    run = await working.run_once()
    assert (run.status, run.error_code, run.credits_charged) == ("error", "rate_limited", 0)
    assert model.requests == []
