"""See it before it runs: ticks, money and warnings, and nothing stored."""

from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from heartbeat.domain.gates import Look, source_of
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.gates import record_reading
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run
from tests.support.api import Api
from tests.support.past_runs import a_run
from tests.support.seeds import NOW


async def previewed(api: Api, **fields: Any) -> dict[str, Any]:
    bot = await api.bot()
    answer = await api.post("/heartbeat/preview", bot_id=bot["id"], prompt="Check the queue.", **fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_next_ticks_in_both_clocks(api: Api) -> None:
    seen = await previewed(api, cron_pattern="30 9 * * 1#2", timezone="America/New_York", count=3)
    assert seen["schedule"] == "At 09:30, on the second Monday of the month, New York time"
    assert len(seen["ticks"]) == 3
    for tick in seen["ticks"]:
        assert tick["local"][11:16] == "09:30"
        assert tick["local"][-6:] in ("-05:00", "-04:00")
        assert tick["utc"][11:] in ("14:30:00Z", "13:30:00Z")
    assert seen["runs_per_month"] == 1


async def test_ten_ticks_unless_told_otherwise(api: Api) -> None:
    assert len((await previewed(api, cron_pattern="0 * * * *"))["ticks"]) == 10


async def test_what_daylight_saving_does_is_told(api: Api) -> None:
    seen = await previewed(api, cron_pattern="30 2 13,14,15 3 *", timezone="America/New_York", count=6)
    notes = [tick["note"] for tick in seen["ticks"]]
    assert "the clocks skip 02:00 to 03:00; it runs at the first moment after" in notes
    assert notes.count(None) >= 4


async def test_without_runs_the_plans_usual_cost_is_taken_and_said(api: Api) -> None:
    seen = await previewed(api, cron_pattern="0 9 * * *", credit_budget=10)
    assert (seen["credits_per_run"], seen["credits_per_run_from"]) == (2, "the usual cost of the plan self_hosted")
    assert seen["runs_per_month"] == 30.4
    assert seen["credits_per_month"] == 60.8
    assert seen["budget_spent_on"] is not None


async def test_a_bots_own_runs_tell_cost_and_duration(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    row = await api.row(heartbeat)
    runs = [
        {
            "uuid": f"log_{row.uuid}_{number}",
            "project_id": row.project_id,
            "bot_id": row.bot_id,
            "heartbeat_id": row.id,
            "type": "heartbeat",
            "trigger": "schedule",
            "status": "success",
            "prompt": "x",
            "instruction": "",
            "model": "m",
            "max_reply_tokens": 1,
            "tokens_used": 1,
            "credits_charged": 5,
            "started_at": NOW,
            "duration_ms": 95_000,
            "created_at": NOW,
        }
        for number in range(20)
    ]
    await api.database.write(lambda c: c.execute(columns(Run).insert(), runs))
    fields = {"bot_id": bot["id"], "prompt": "Check the queue.", "cron_pattern": "* * * * *"}
    seen = (await api.post("/heartbeat/preview", **fields)).json()
    assert (seen["credits_per_run"], seen["credits_per_run_from"]) == (5, "the median of this bot's newest 20 runs")
    assert seen["warnings"] == [
        "Its ticks come as close as a minute, but one run in twenty takes longer than 95 s: "
        "those ticks will be skipped as overlap."
    ]


async def test_the_dearest_of_its_models_is_priced(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(api.settings.model_rates, "anthropic:*", 3)
    dear = {"cron_pattern": "0 9 * * *", "model": "openai:m", "fallback_models": ["openai:n", "anthropic:claude-x"]}
    seen = await previewed(api, **dear)
    source = "the usual cost of the plan self_hosted (at the rate of anthropic:claude-x)"
    assert (seen["credits_per_run"], seen["credits_per_run_from"]) == (6, source)
    # It takes no tools, so it stands in for nobody who has some.
    monkeypatch.setitem(api.settings.model_rates, "local:*", 9)
    seen = await previewed(api, **{**dear, "fallback_models": "local:smollm2"})
    assert seen["credits_per_run"] == 2
    assert (await previewed(api, **{**dear, "fallback_models": "local:smollm2", "chat_mode": "ask"}))[
        "credits_per_run"
    ] == 18


async def test_nothing_is_stored(api: Api) -> None:
    await previewed(api, cron_pattern="0 9 * * *", enabled=True)
    table = columns(Heartbeat)
    mine = select(table.c.id).where(table.c.project_id == api.project.id)
    assert await api.database.read(lambda c: c.execute(mine).first()) is None


async def test_what_configure_would_refuse_is_a_warning(api: Api) -> None:
    await api.database.write(
        lambda c: c.execute(
            update(columns(Project)).where(columns(Project).c.id == api.project.id).values(plan="starter")
        )
    )
    seen = await previewed(api, cron_pattern="*/10 * * * *")
    assert seen["warnings"][0].startswith("Configure would refuse this: cron_pattern: runs every 10 minutes")


async def test_a_cadence_that_cannot_be_is_a_400(api: Api) -> None:
    bot = await api.bot()
    fields = {"bot_id": bot["id"], "prompt": "x", "cron_pattern": "0 0 31 2 *"}
    answer = await api.post("/heartbeat/preview", **fields)
    assert answer.status_code == 400
    assert answer.json()["details"][0]["field"] == "cron_pattern"
    for count in (0, 101):
        answer = await api.post("/heartbeat/preview", **{**fields, "cron_pattern": "0 9 * * *", "count": count})
        assert answer.json()["details"][0]["field"] == "count"


async def test_a_month_with_and_without_the_gate(api: Api) -> None:
    bot = await api.bot()
    gate = {"url": "https://example.com/feed", "select": "/items"}
    heartbeat = await api.heartbeat(bot, gate=gate, interval_minutes=60)
    row = await api.row(heartbeat)

    async def outlook(**fields: Any) -> dict[str, Any]:
        body = {"bot_id": bot["id"], "uuid": heartbeat["uuid"], "prompt": row.prompt, **fields}
        answer = await api.post("/heartbeat/preview", **body)
        assert answer.status_code == 200, answer.text
        return answer.json()["gate"]

    unknown = {"looks": [], "runs_per_month": None, "credits_per_month": None, "price_per_month": None}
    assert await outlook() == unknown

    def seed(connection: Connection) -> None:
        for reason in ["unchanged"] * 3 + ["overlap"]:
            a_run(connection, row, "skipped", skip_reason=reason)
        a_run(connection, row)
        source = source_of(gate)
        for look in (Look("unchanged", source), Look("failed", source, failure="It is down.")):
            record_reading(connection, row, look, NOW)

    await api.database.write(seed)
    known = await outlook()
    assert known["runs_per_month"] == round(365 * 24 / 12 / 4, 1)
    assert known["credits_per_month"] == 2 * known["runs_per_month"]
    assert [(look["outcome"], look["detail"]) for look in known["looks"]] == [
        ("failed", "It is down."),
        ("unchanged", None),
    ]
    assert await outlook(gate={**gate, "select": "/other"}) == unknown
    assert await outlook(gate=None) is None
