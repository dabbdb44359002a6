"""Logs: the published object, pages newest first, filters, and totals that come from counters."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from api.schemas.logs import Logs
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.runs import Run
from tests.support.api import Api, error_of
from tests.support.past_runs import a_run

THEN = datetime(2026, 2, 12, 14, 0, tzinfo=UTC)


async def runs(api: Api, heartbeat: dict, *statuses: str, **columns: object) -> list[str]:
    row = await api.row(heartbeat)
    return await api.database.write(lambda c: [a_run(c, row, status, **columns) for status in statuses])


async def uuids(api: Api, bot: dict, **query: object) -> list[str]:
    answer = await api.get("/heartbeat/logs", bot_id=bot["id"], **query)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["total"] == body["pagination"]["total"]
    return [log["uuid"] for log in body["logs"]]


async def test_a_log_as_published(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    times = {"created_at": THEN, "started_at": THEN + timedelta(milliseconds=1234), "scheduled_for": THEN}
    [uuid] = await runs(api, heartbeat, "success", workflow_id="hb_1-2026/02 x", **times)
    answer = (await api.get("/heartbeat/logs", bot_id=bot["id"])).json()
    Logs.model_validate(answer, extra="forbid")
    [log] = answer["logs"]
    assert (log["uuid"], log["heartbeat_id"]) == (uuid, heartbeat["uuid"])
    assert (log["type"], log["status"], log["trigger"]) == ("heartbeat", "success", "schedule")
    assert (log["prompt"], log["response"]) == (heartbeat["prompt"], "All quiet.")
    assert (log["duration_ms"], log["tokens_used"], log["credits_charged"]) == (4500, 1250, 2)
    assert (log["scheduled_for"], log["created_at"]) == ("2026-02-12T14:00:00Z", "2026-02-12T14:00:00Z")
    assert (log["started_at"][:19], log["delay_ms"]) == ("2026-02-12T14:00:01", 1234)
    ui = f"{api.settings.ui_url()}/namespaces/default/workflows"
    assert log["temporal_url"] == f"{ui}/hb_1-2026%2F02%20x/018f-run/history"


async def test_only_a_tick_that_something_started_has_a_delay(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    await runs(api, heartbeat, "success", trigger="manual", scheduled_for=None)
    await runs(api, heartbeat, "skipped", scheduled_for=THEN, workflow_id=None, workflow_run_id=None)
    early = THEN - timedelta(milliseconds=5)
    await runs(api, heartbeat, "success", scheduled_for=THEN + timedelta(hours=1), started_at=early)
    logs = (await api.get("/heartbeat/logs", bot_id=bot["id"])).json()["logs"]
    assert [log["delay_ms"] for log in logs] == [0, None, None]


async def test_a_log_says_what_it_really_cost_and_what_the_agent_reported(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    report = {"outcome": "failed", "findings": [{"title": "Queue is stuck", "severity": "high", "fingerprint": "q"}]}
    failed = {"error_code": "reported_failure", "cost_nano_usd": 123_456_000, "report": report}
    await runs(api, heartbeat, "error", **failed)
    await runs(api, heartbeat, "success")
    plain, reported = (await api.get("/heartbeat/logs", bot_id=bot["id"])).json()["logs"]
    assert (reported["cost_usd"], reported["report"]) == ("0.123456", report)
    assert (reported["error_code"], reported["error_message"]) == ("reported_failure", "It broke.")
    assert (plain["cost_usd"], plain["report"], plain["error_code"]) == ("0", None, None)


async def test_pages_are_newest_first_and_leave_running_ones_out(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    logs = await runs(api, heartbeat, *["success", "error", "skipped", "cancelled"] * 6)
    going = await runs(api, heartbeat, "running", "running", duration_ms=None)
    assert await uuids(api, bot) == logs[:-21:-1]
    assert await uuids(api, bot, page=2) == logs[3::-1]
    assert await uuids(api, bot, page=3) == []
    assert await uuids(api, bot, page=5, per_page=5) == logs[3::-1]
    assert await uuids(api, bot, status="running") == going[::-1]
    body = (await api.get("/heartbeat/logs", bot_id=bot["id"])).json()
    assert body["pagination"] == {"page": 1, "per_page": 20, "total": 24, "total_pages": 2}


async def test_filters_narrow_pages_and_totals(api: Api) -> None:
    bot = await api.bot()
    ann, bob = await api.member(bot), await api.member(bot)
    of_all = await api.heartbeat(bot)
    of_ann = await api.heartbeat(bot, member_id=ann["id"])
    first = await runs(api, of_all, "success", "error")
    second = await runs(api, of_ann, "success", "skipped", "skipped")
    assert await uuids(api, bot) == [*second[::-1], *first[::-1]]
    assert await uuids(api, bot, heartbeat_id=of_all["uuid"]) == first[::-1]
    assert await uuids(api, bot, heartbeat_id=of_ann["uuid"], status="skipped") == second[:0:-1]
    assert await uuids(api, bot, member_id=ann["id"]) == second[::-1]
    assert await uuids(api, bot, member_id=ann["member_id"], status="success") == second[:1]
    assert await uuids(api, bot, member_id=ann["id"], heartbeat_id=of_ann["uuid"]) == second[::-1]
    assert await uuids(api, bot, member_id=bob["id"]) == []
    assert await uuids(api, bot, member_id=ann["id"], heartbeat_id=of_all["uuid"]) == []
    assert await uuids(api, bot, status="error") == first[1:]
    assert await uuids(api, bot, status="cancelled") == []


async def test_logs_outlive_their_heartbeat(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    logs = await runs(api, heartbeat, "success")
    await api.delete("/heartbeat/delete", bot_id=bot["id"], heartbeat_id=heartbeat["uuid"])
    assert await uuids(api, bot) == logs
    gone = await api.get("/heartbeat/logs", bot_id=bot["id"], heartbeat_id=heartbeat["uuid"])
    assert error_of(gone, 404)["code"] == "heartbeat_not_found"


async def test_a_log_keeps_the_prompt_of_its_run(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    await runs(api, heartbeat, "success")
    await api.heartbeat(bot, uuid=heartbeat["uuid"], prompt="Something new")
    [log] = (await api.get("/heartbeat/logs", bot_id=bot["id"])).json()["logs"]
    assert log["prompt"] == heartbeat["prompt"]


async def test_a_response_with_odd_characters_is_answered(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    [uuid] = await runs(api, heartbeat, "success", response="💓 <b>\u2028\x7f")
    [log] = (await api.get("/heartbeat/logs", bot_id=bot["id"])).json()["logs"]
    assert (log["uuid"], log["response"]) == (uuid, "💓 <b>\u2028\x7f")


async def test_totals_are_read_from_the_counters(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    await runs(api, heartbeat, "success", "success")
    table = columns(Run)
    await api.database.write(
        lambda connection: connection.execute(
            update(table).where(table.c.bot_id == bot["bot_id"]).values(status="error")
        )
    )
    assert (await api.get("/heartbeat/logs", bot_id=bot["id"], status="success")).json()["total"] == 2
