"""Stats: added up from the daily rollup."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, delete

from api.schemas.stats import OneStats
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.runs import Run
from tests.support.api import Api
from tests.support.past_runs import a_run


async def stats(api: Api, bot: dict, **query: object) -> dict:
    answer = await api.get("/heartbeat/stats", bot_id=bot["id"], **query)
    OneStats.model_validate(answer.json(), extra="forbid")
    return answer.json()["stats"]


async def test_a_bot_without_logs(api: Api) -> None:
    bot = await api.bot()
    await api.heartbeat(bot, enabled=True)
    await api.heartbeat(bot, prompt="Off")
    totals = await stats(api, bot)
    assert (totals["total_executions"], totals["success_rate"], totals["avg_duration_ms"]) == (0, 0.0, 0)
    assert (totals["active_heartbeats"], totals["time_series"]) == (1, [])
    assert (totals["by_model"], totals["total_cost_usd"]) == ({}, "0")
    assert totals["by_type"]["heartbeat"] == totals["by_type"]["scheduled_task"] == {"count": 0, "success_rate": 0.0}
    unrated = {"met": 0, "unmet": 0, "met_rate": None, "liked": 0, "disliked": 0, "liked_rate": None}
    assert totals["quality"] == {"7_days": unrated, "30_days": unrated}


async def test_everything_is_added_up_by_type_and_by_day(api: Api) -> None:
    bot = await api.bot()
    row = await api.row(await api.heartbeat(bot))
    today = datetime.now(UTC).replace(hour=12)
    yesterday = today - timedelta(days=1)

    def seed(connection: Connection) -> None:
        for status in ("success", "success", "error"):
            a_run(connection, row, status, created_at=today)
        a_run(connection, row, "success", created_at=yesterday, type="scheduled_task", duration_ms=900)
        a_run(connection, row, "skipped", created_at=yesterday, duration_ms=0, tokens_used=0, credits_charged=0)
        a_run(connection, row, "cancelled", created_at=yesterday)
        a_run(connection, row, "running", duration_ms=None)
        a_run(connection, row, "error", created_at=today - timedelta(days=40))

    await api.database.write(seed)
    totals = await stats(api, bot)
    assert {name: totals[name] for name in ("total_executions", "success_count", "error_count", "skipped_count")} == {
        "total_executions": 6,
        "success_count": 3,
        "error_count": 1,
        "skipped_count": 1,
    }
    assert (totals["success_rate"], totals["total_tokens"], totals["total_credits"]) == (50.0, 6250, 10)
    assert totals["avg_duration_ms"] == round((4 * 4500 + 900) / 5)
    assert totals["by_type"] == {
        "heartbeat": {"count": 5, "success_rate": 40.0},
        "scheduled_task": {"count": 1, "success_rate": 100.0},
    }
    assert [day["date"] for day in totals["time_series"]] == [f"{today:%Y-%m-%d}", f"{yesterday:%Y-%m-%d}"]
    assert totals["time_series"][0] == {
        "date": f"{today:%Y-%m-%d}",
        "total": 3,
        "success": 2,
        "error": 1,
        "skipped": 0,
        "unchanged": 0,
        "cancelled": 0,
        "credits": 6,
        "price": None,
        "tokens": 3750,
    }
    assert (await stats(api, bot, days=1))["total_executions"] == 3
    assert (await stats(api, bot, days=365))["total_executions"] == 7


async def test_ticks_at_which_a_gate_had_nothing_new_are_counted_apart(api: Api) -> None:
    bot = await api.bot()
    row = await api.row(await api.heartbeat(bot))

    def seed(connection: Connection) -> None:
        for reason in ("unchanged", "unchanged", "overlap"):
            a_run(connection, row, "skipped", skip_reason=reason)
        a_run(connection, row, "success")

    await api.database.write(seed)
    totals = await stats(api, bot)
    names = ("total_executions", "skipped_count", "unchanged_count", "success_rate")
    assert [totals[name] for name in names] == [4, 3, 2, 50.0]
    assert [day["unchanged"] for day in totals["time_series"]] == [2]


async def test_each_model_has_its_own_sums_and_its_real_cost(api: Api) -> None:
    bot = await api.bot()
    row = await api.row(await api.heartbeat(bot))

    def seed(connection: Connection) -> None:
        a_run(connection, row, cost_nano_usd=1_250_000)
        a_run(connection, row, "error", cost_nano_usd=250_000)
        a_run(connection, row, model="local:smollm2", credits_charged=0)
        a_run(connection, row, "skipped", model="", tokens_used=0, credits_charged=0)

    await api.database.write(seed)
    totals = await stats(api, bot)
    assert totals["by_model"] == {
        "openai:scripted": {"count": 2, "credits": 4, "price": None, "tokens": 2500, "cost_usd": "0.0015"},
        "local:smollm2": {"count": 1, "credits": 0, "price": None, "tokens": 1250, "cost_usd": "0"},
        "none": {"count": 1, "credits": 0, "price": None, "tokens": 0, "cost_usd": "0"},
    }
    assert (totals["total_cost_usd"], totals["total_executions"]) == ("0.0015", 4)
    assert [(day["total"], day["credits"]) for day in totals["time_series"]] == [(4, 4)]
    assert totals["by_type"]["heartbeat"] == {"count": 4, "success_rate": 50.0}


@pytest.mark.parametrize("days", ["7", 7])
async def test_logs_are_not_looked_at(api: Api, days: object) -> None:
    bot = await api.bot()
    row = await api.row(await api.heartbeat(bot))
    table = columns(Run)

    def seed(connection: Connection) -> None:
        a_run(connection, row)
        connection.execute(delete(table).where(table.c.bot_id == row.bot_id))

    await api.database.write(seed)
    assert (await stats(api, bot, days=days))["success_count"] == 1
