"""What a plan allows, and how many requests a minute."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from heartbeat.domain.errors import RateLimited, Unavailable
from heartbeat.domain.quotas import PROJECT, Quota
from heartbeat.settings import Settings
from heartbeat.store.database.rows import columns
from heartbeat.store.projects.rate_limit import CountedRequest, count_request
from heartbeat.store.tables.projects import Project, RequestWindow
from tests.support.api import Api, error_of, wrong_fields
from tests.support.seeds import YEARLY
from tests.support.still_clock import NOON, api, starter

__all__ = ["api", "starter"]

WINDOW = columns(RequestWindow)
TASK = {"name": "Report", "prompt": "Report.", "schedule_type": "daily", "schedule_config": {"time": "09:00"}}


async def change_plan(api: Api, plan: str) -> None:
    table = columns(Project)
    await api.database.write(
        lambda connection: connection.execute(update(table).where(table.c.id == api.project.id).values(plan=plan))
    )


@pytest.mark.parametrize("plan", ["free", "hobby"])
async def test_a_plan_without_heartbeats(api: Api, plan: str) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    await change_plan(api, plan)
    which = {"bot_id": bot["id"], "heartbeat_id": heartbeat["uuid"]}
    for path, more in (("configure", {"prompt": "Another"}), ("enable", {}), ("trigger", {})):
        answer = await api.post(f"/heartbeat/{path}", **which, **more)
        assert error_of(answer, 403)["code"] == "plan_heartbeats_not_supported"
    assert (await api.post("/heartbeat/disable", **which)).status_code == 200
    assert (await api.delete("/heartbeat/delete", **which)).status_code == 200


async def test_a_plans_heartbeats_per_bot(starter: Api) -> None:
    bot, other = await starter.bot(), await starter.bot()
    heartbeats = [await starter.heartbeat(bot, prompt=f"Prompt {number}") for number in range(3)]
    refused = await starter.post("/heartbeat/configure", bot_id=bot["id"], prompt="One more", cron_pattern=YEARLY)
    assert error_of(refused, 403)["code"] == "plan_heartbeat_limit"
    assert (await starter.heartbeat(bot, prompt="Prompt 0", label="Still mine"))["uuid"] == heartbeats[0]["uuid"]
    await starter.heartbeat(other)
    await starter.delete("/heartbeat/delete", bot_id=bot["id"], heartbeat_id=heartbeats[1]["uuid"])
    await starter.heartbeat(bot, prompt="One more")


async def test_a_plans_spread_is_that_of_new_heartbeats_that_name_none(starter: Api) -> None:
    bot = await starter.bot()
    new = await starter.heartbeat(bot, enabled=True)
    own = await starter.heartbeat(bot, enabled=True, prompt="At once", jitter_seconds=0)
    assert (new["jitter_seconds"], own["jitter_seconds"]) == (300, 0)
    assert own["next_start_at"] == own["next_run_at"]
    delay = datetime.fromisoformat(new["next_start_at"]) - datetime.fromisoformat(new["next_run_at"])
    seen = await starter.post("/heartbeat/preview", bot_id=bot["id"], prompt=new["prompt"], count=1)
    [tick] = seen.json()["ticks"]
    assert datetime.fromisoformat(tick["starts_at"]) - datetime.fromisoformat(tick["utc"]) == delay
    unsaved = (await starter.post("/heartbeat/preview", bot_id=bot["id"], prompt="Another", count=1)).json()
    assert (unsaved["starts_within_seconds"], unsaved["ticks"][0]["starts_at"]) == (300, None)


async def test_a_plans_models_are_held_to_wherever_one_is_named(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    bot = await api.bot(model="gpt-4o-mini")
    heartbeat = await api.heartbeat(bot, fallback_models=["claude-x"])
    which = {"bot_id": bot["id"], "heartbeat_id": heartbeat["uuid"]}
    changed = {"bot_id": bot["id"], "uuid": heartbeat["uuid"], "prompt": "Check."}
    plan = Settings(_env_file=None, plans={"small": {"models": ["openai:gpt-5.4", "google:*"]}}).plan("small")
    monkeypatch.setitem(api.settings.plans, "small", plan)
    await change_plan(api, "small")
    refused = [
        ("POST", "/create", {"name": "Desk", "model": "claude-x"}),
        ("PUT", "/update", {"bot_id": bot["id"], "model": "claude-x"}),
        ("POST", "/heartbeat/configure", {"bot_id": bot["id"], "prompt": "Its bot's model."}),
        ("POST", "/heartbeat/configure", {**changed, "model": "gpt-5.4"}),
        ("POST", "/heartbeat/configure", {"bot_id": bot["id"], "prompt": "Own.", "model": "claude-x"}),
        ("POST", "/heartbeat/enable", which),
        ("POST", "/heartbeat/trigger", which),
        ("POST", "/heartbeat/trigger", {**which, "dry_run": True, "model": "claude-x"}),
        ("POST", "/task/create", {**TASK, "bot_id": bot["id"]}),
        ("POST", "/task/create", {**TASK, "bot_id": bot["id"], "model": "gemini-x", "fallback_models": ["gpt-4o"]}),
    ]
    for method, path, body in refused:
        problem = error_of(await api.call(method, path, body), 403)
        assert problem["code"] == "plan_model_not_allowed", (path, body)
        assert problem["message"].endswith("choose one of these: openai:gpt-5.4, google:*.")
    seen = (await api.post("/heartbeat/preview", bot_id=bot["id"], prompt="Look ahead.")).json()
    assert "does not allow the model gpt-4o-mini" in seen["warnings"][0]
    answer = await api.post("/heartbeat/configure", **changed, model="GPT-5.4", fallback_models=[])
    assert answer.status_code == 200
    assert (await api.post("/heartbeat/enable", **which)).status_code == 200


async def test_configures_at_the_same_time_keep_to_the_limit(starter: Api) -> None:
    bot = await starter.bot()
    answers = await asyncio.gather(
        *(starter.post("/heartbeat/configure", bot_id=bot["id"], prompt=f"Prompt {number}") for number in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 403, 403, 403]


async def test_enable_checks_the_plan_of_today(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot, interval_minutes=5)
    await change_plan(api, "starter")
    answer = await api.post("/heartbeat/enable", bot_id=bot["id"], heartbeat_id=heartbeat["uuid"])
    assert wrong_fields(answer) == ["interval_minutes"]
    assert (await api.row(heartbeat)).enabled is False


async def test_requests_a_minute(starter: Api) -> None:
    answers = [await starter.get("/readall") for _ in range(60)]
    assert {answer.status_code for answer in answers} == {200}
    refused = await starter.get("/readall")
    assert error_of(refused, 429)["code"] == "rate_limited"
    assert refused.headers["retry-after"] == "40"
    earlier = update(WINDOW).where(WINDOW.c.project_id == starter.project.id).values(minute=WINDOW.c.minute - 1)
    await starter.database.write(lambda connection: connection.execute(earlier))
    assert (await starter.get("/readall")).status_code == 200
    of_project = select(WINDOW.c.requests).where(WINDOW.c.project_id == starter.project.id).order_by(WINDOW.c.minute)
    assert await starter.database.read(lambda connection: connection.execute(of_project).scalars().all()) == [60, 1]
    # A process whose clock is behind still counts in the minute before.
    behind = CountedRequest([Quota(PROJECT, 60)], starter.project.id)
    with pytest.raises(RateLimited):
        await starter.database.write(count_request, behind, NOON - timedelta(minutes=1))
    assert await starter.database.read(lambda connection: connection.execute(of_project).scalars().all()) == [60, 1]
    for _ in range(2):
        await starter.database.write(lambda connection: connection.execute(earlier))
        await starter.get("/readall")
    assert await starter.database.read(lambda connection: connection.execute(of_project).scalars().all()) == [1, 1]


async def test_a_request_that_fails_counts_too_and_one_that_writes_counts_once(starter: Api) -> None:
    await starter.get("/heartbeat/logs", bot_id="bot_no")
    await starter.get("/heartbeat/logs", bot_id="bot_no", page=0)
    await starter.post("/create", name="Desk")
    of_project = select(WINDOW.c.requests).where(WINDOW.c.project_id == starter.project.id)
    assert await starter.database.read(lambda connection: connection.execute(of_project).scalars().all()) == [3]


async def test_a_plan_without_a_limit_counts_nothing(api: Api) -> None:
    await api.get("/readall")
    of_project = select(WINDOW.c.requests).where(WINDOW.c.project_id == api.project.id)
    assert await api.database.read(lambda connection: connection.execute(of_project).scalars().all()) == []


async def test_a_plan_that_the_settings_do_not_know(api: Api) -> None:
    await change_plan(api, "platinum")
    answer = await api.get("/readall")
    assert error_of(answer, 503)["code"] == "plan_unknown"
    assert "platinum" in answer.json()["message"]
    with pytest.raises(Unavailable, match="'platinum' is not one of this server's HEARTBEAT_PLANS"):
        api.settings.plan("platinum")
