"""A project's credits: read from running sums alone, and they add up."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from api.schemas.credits import OneCredits
from heartbeat.domain import credits
from heartbeat.domain.errors import Conflict
from heartbeat.domain.plans import Plan
from heartbeat.store.credits.grants import grant
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.credits import Entry, Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run
from tests.support.api import Api, error_of, owner, wrong_fields
from tests.support.past_runs import a_run
from tests.support.statements import statements

NOW = datetime.now(UTC)
START, END = credits.period(NOW)
HEARTBEAT, USAGE = columns(Heartbeat), columns(Usage)


async def read(api: Api) -> dict[str, Any]:
    answer = await api.get("/project/credits")
    assert answer.status_code == 200, answer.text
    OneCredits.model_validate(answer.json(), extra="forbid")
    usage: dict[str, Any] = answer.json()["credits"]
    return usage


def use(connection: Connection, uuid: str, used: int, held: int = 0, start: datetime = START) -> None:
    """Move a heartbeat's sums, as its runs would."""
    sums = {"period_credits": used, "period_held": held, "period_start": start}
    connection.execute(update(HEARTBEAT).where(HEARTBEAT.c.uuid == uuid).values(sums))


def in_period(connection: Connection, project: Project, **sums: int) -> None:
    connection.execute(insert(USAGE).values(project_id=project.id, period_start=START, **sums))


async def test_a_project_that_used_nothing(api: Api) -> None:
    usage = await read(api)
    assert (usage["period_start"], usage["period_ends_at"]) == (
        f"{START:%Y-%m-%d}T00:00:00Z",
        f"{END:%Y-%m-%d}T00:00:00Z",
    )
    assert (usage["limit"], usage["available"], usage["cost_usd"]) == (None, None, "0")
    assert (usage["granted"], usage["used"], usage["held"]) == (0, 0, 0)
    assert [usage[name] for name in ("by_bot", "by_heartbeat", "by_model", "by_day")] == [[], [], [], []]


async def test_use_by_bot_heartbeat_model_and_day(api: Api) -> None:
    one, two = await api.bot(name="One"), await api.bot(name="Two")
    much = await api.heartbeat(one, prompt="Much", credit_budget=500, label="Busy")
    little = await api.heartbeat(one, prompt="Little")
    other = await api.heartbeat(two, prompt="Other")
    before = await api.heartbeat(two, prompt="Before")
    row = await api.row(much)

    def seed(connection: Connection) -> None:
        use(connection, much["uuid"], 300, 9)
        use(connection, little["uuid"], 10)
        use(connection, other["uuid"], 90, 1)
        use(connection, before["uuid"], 7777, start=START - timedelta(days=3))
        in_period(connection, api.project, credits=400, held=10, granted=0)
        spent = {"created_at": START + timedelta(hours=1), "credits_charged": 300, "tokens_used": 9000}
        a_run(connection, row, **spent, cost_nano_usd=2_000_000_000)
        a_run(connection, row, **spent | {"credits_charged": 90}, model="google:other", cost_nano_usd=1)
        a_run(connection, row, "skipped", created_at=START, credits_charged=0, tokens_used=0, model="")
        a_run(connection, row, created_at=START - timedelta(hours=1), credits_charged=5555)

    await api.database.write(seed)
    usage = await read(api)
    assert (usage["used"], usage["held"], usage["cost_usd"]) == (400, 10, "2.000000001")
    assert [(bot["name"], bot["bot_uuid"], bot["used"], bot["held"]) for bot in usage["by_bot"]] == [
        ("One", one["id"], 310, 9),
        ("Two", two["id"], 90, 1),
    ]
    assert usage["by_heartbeat"][0] == {
        "heartbeat_id": much["uuid"],
        "bot_id": one["bot_id"],
        "label": "Busy",
        "credit_budget": 500,
        "used": 300,
        "price": None,
        "held": 9,
    }
    assert [heartbeat["used"] for heartbeat in usage["by_heartbeat"]] == [300, 90, 10]
    assert sum(bot["used"] for bot in usage["by_bot"]) == usage["used"]
    assert [(of["model"], of["count"], of["credits"], of["cost_usd"]) for of in usage["by_model"]] == [
        ("openai:scripted", 1, 300, "2"),
        ("google:other", 1, 90, "0.000000001"),
        ("none", 1, 0, "0"),
    ]
    assert usage["by_day"] == [
        {
            "date": f"{START:%Y-%m-%d}",
            "count": 3,
            "credits": 390,
            "price": None,
            "tokens": 18_000,
            "cost_usd": "2.000000001",
        }
    ]


async def test_what_a_deleted_heartbeat_used_is_still_used(api: Api) -> None:
    bot = await api.bot()
    gone = await api.heartbeat(bot)
    await api.database.write(use, gone["uuid"], 12)
    await api.delete("/heartbeat/delete", bot_id=bot["id"], heartbeat_id=gone["uuid"])
    await api.delete("/delete", bot_id=bot["id"])
    usage = await read(api)
    assert [(of["heartbeat_id"], of["used"]) for of in usage["by_heartbeat"]] == [(gone["uuid"], 12)]
    assert [of["bot_uuid"] for of in usage["by_bot"]] == [bot["id"]]


@pytest.mark.parametrize(("granted", "available"), [(0, 40), (500, 540), (-30, 10), (-500, 0)])
async def test_what_is_left_of_a_plan_with_a_limit(alone: Api, granted: int, available: int) -> None:
    alone.settings.plans["limited"] = Plan(credits_per_month=100)
    async with owner(alone.app, "limited") as api:

        def seed(connection: Connection) -> None:
            if granted:
                grant(connection, api.project, granted, "a test", "once", NOW)
            else:
                in_period(connection, api.project, credits=0, held=0, granted=0)
            connection.execute(update(USAGE).where(USAGE.c.project_id == api.project.id).values(credits=50, held=10))

        await api.database.write(seed)
        usage = await read(api)
    assert (usage["limit"], usage["granted"], usage["used"], usage["held"]) == (100, granted, 50, 10)
    assert usage["available"] == available


async def test_neither_runs_nor_entries_are_looked_at(api: Api) -> None:
    row = await api.row(await api.heartbeat(await api.bot()))

    def seed(connection: Connection) -> None:
        a_run(connection, row, created_at=NOW)
        connection.execute(delete(columns(Run)).where(columns(Run).c.bot_id == row.bot_id))

    await api.database.write(seed)
    with statements(api.database._engine) as sent:
        usage = await read(api)
    assert usage["by_day"][0]["credits"] == 2
    assert len([statement for statement in sent if statement.startswith("SELECT")]) == 5
    assert not any(f"FROM {table}" in statement for statement in sent for table in ("run", "entry"))


async def test_no_more_than_a_hundred_heartbeats_are_named(api: Api) -> None:
    bot = await api.bot()
    row = await api.row(await api.heartbeat(bot))

    def seed(connection: Connection) -> None:
        pattern = connection.execute(select(HEARTBEAT).where(HEARTBEAT.c.id == row.id)).one()._asdict()
        del pattern["id"]
        copies = [{**pattern, "uuid": f"{row.uuid}{n}", "period_start": START, "period_credits": n} for n in range(150)]
        connection.execute(insert(HEARTBEAT), copies)

    await api.database.write(seed)
    usage = await read(api)
    assert [of["used"] for of in usage["by_heartbeat"]] == list(range(149, 49, -1))
    assert usage["by_bot"][0]["used"] == sum(range(150))


async def test_a_grant_is_made_once_for_its_key(api: Api) -> None:
    def give(amount: int, key: str) -> Any:
        return api.database.write(grant, api.project, amount, "why", key, NOW)

    first, again, more = await give(100, "a"), await give(100, "a"), await give(-30, "b")
    assert (first.total, first.repeated) == (100, False)
    assert (again.total, again.repeated) == (100, True)
    assert (more.total, more.repeated, more.period_start, more.period_ends_at) == (70, False, START, END)
    with pytest.raises(Conflict, match="choose another"):
        await give(5, "a")
    entry = columns(Entry)
    mine = select(entry.c.kind, entry.c.granted, entry.c.note).where(entry.c.project_id == api.project.id)
    written = await api.database.read(lambda connection: connection.execute(mine.order_by(entry.c.id)).all())
    assert [tuple(row) for row in written if row.kind != "period"] == [("grant", 100, "why"), ("adjust", -30, "why")]
    assert (await read(api))["granted"] == 70


async def test_no_key_of_a_project_can_grant(api: Api) -> None:
    answer = await api.http.post(
        "/v1/project/credits",
        json={"project_id": api.project.uuid, "credits": 5},
        headers={"authorization": f"Bearer {api.key}"},
    )
    assert error_of(answer, 405)
    assert (await read(api))["granted"] == 0


async def test_an_earlier_period_can_be_read(api: Api) -> None:
    begun, _ = credits.period(START - timedelta(days=40))
    row = {"project_id": api.project.id, "period_start": begun, "credits": 7, "held": 0, "granted": 0}
    await api.database.write(lambda c: c.execute(insert(USAGE).values(row)))
    usage = (await api.get("/project/credits", period_start=f"{begun:%Y-%m-%d}")).json()["credits"]
    assert (usage["used"], usage["period_ends_at"]) == (7, f"{START:%Y-%m-%dT%H:%M:%SZ}")
    assert (await api.get("/project/credits", period_start="2020-01-01")).status_code == 404
    assert (await api.get("/project/credits", period_start="soon")).status_code == 400


async def test_a_project_has_a_budget_of_its_own(alone: Api) -> None:
    alone.settings.plans["limited"] = Plan(credits_per_month=100)
    async with owner(alone.app, "limited") as api:
        await api.database.write(lambda c: in_period(c, api.project, credits=50, held=10, granted=0))
        for budget, available in ((75, 15), (0, 0), (1000, 40), (None, 40)):
            answer = await api.put("/project/budget", credit_budget=budget)
            shown = OneCredits.model_validate(answer.json(), extra="forbid").credits
            assert (shown.credit_budget, shown.available) == (budget, available)
            assert (await read(api))["credit_budget"] == budget


async def test_money_stands_beside_credits(alone: Api) -> None:
    async with owner(alone.app) as api:
        heartbeat = await api.heartbeat(bot := await api.bot())
        row = await api.row(heartbeat)

        def seed(connection: Connection) -> None:
            use(connection, heartbeat["uuid"], 12)
            in_period(connection, api.project, credits=12, held=0, granted=0)
            a_run(connection, row, created_at=NOW, credits_charged=12)

        await api.database.write(seed)
        which = {"bot_id": bot["id"], "heartbeat_id": heartbeat["uuid"]}
        for price, worth in ((None, None), ("0.002 EUR", "0.024 EUR")):
            alone.settings.currency_per_credit = price
            usage = await read(api)
            lists = [usage[name][0]["price"] for name in ("by_bot", "by_heartbeat", "by_model", "by_day")]
            assert [usage["price"], *lists] == [worth] * 5
            logs = (await api.get("/heartbeat/logs", bot_id=bot["id"])).json()["logs"]
            stats = (await api.get("/heartbeat/stats", bot_id=bot["id"])).json()["stats"]
            assert [logs[0]["price"], stats["total_price"]] == [worth] * 2
            assert [stats["by_model"]["openai:scripted"]["price"], stats["time_series"][0]["price"]] == [worth] * 2
            assert (await api.get("/heartbeat/read", **which)).json()["heartbeat"]["price"] == worth
        preview = await api.post("/heartbeat/preview", bot_id=bot["id"], prompt="x", interval_minutes=1440)
        # Its bot's runs took twelve.
        assert (preview.json()["credits_per_month"], preview.json()["price_per_month"]) == (365.0, "0.73 EUR")
        assert preview.json()["price_per_run"] == "0.024 EUR"


async def test_a_bot_has_a_budget_of_its_own(api: Api) -> None:
    bot = await api.bot(credit_budget=200)
    assert bot["credit_budget"] == 200
    used = await api.heartbeat(bot)
    await api.database.write(use, used["uuid"], 12)
    assert (await read(api))["by_bot"][0]["credit_budget"] == 200
    for fields, budget in (({"name": "Desk"}, 200), ({"credit_budget": "0"}, 0), ({"credit_budget": None}, None)):
        answer = await api.put("/update", bot_id=bot["id"], **fields)
        assert answer.json()["bot"]["credit_budget"] == budget
        assert ("credit_budget" in answer.json()) == ("name" not in fields)
    assert wrong_fields(await api.put("/update", bot_id=bot["id"], credit_budget=-1)) == ["credit_budget"]
