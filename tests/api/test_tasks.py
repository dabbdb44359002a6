"""Tasks over HTTP: created, read, listed, cancelled, refused in words, and kept apart from heartbeats."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from api.schemas.tasks import AllTasks, OneTask
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats import tasks
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.api import Api, error_of, owner, wrong_fields
from tests.support.rows import every_row
from tests.support.seeds import YEARLY

FRIDAY = {
    "schedule_type": "once",
    "schedule_config": {"at": f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%dT09:00}"},
}
DAILY = {"schedule_type": "daily", "schedule_config": {"time": "09:00"}}


async def create(api: Api, bot: dict[str, Any], **fields: Any) -> dict[str, Any]:
    body = {"bot_id": bot["id"], "name": "Quarter end", "prompt": "Send the figures.", **DAILY, **fields}
    answer = await api.post("/task/create", **body)
    assert answer.status_code == 200, answer.text
    OneTask.model_validate(answer.json(), extra="forbid")
    task: dict[str, Any] = answer.json()["task"]
    return task


async def listed(api: Api, bot: dict[str, Any], **query: Any) -> list[str]:
    answer = await api.get("/task/readall", bot_id=bot["id"], **query)
    page_of_tasks = AllTasks.model_validate(answer.json(), extra="forbid")
    assert page_of_tasks.total == len(page_of_tasks.tasks) == page_of_tasks.pagination.total
    return [task.uuid for task in page_of_tasks.tasks]


async def test_a_task_for_a_time(api: Api) -> None:
    bot = await api.bot()
    member = await api.member(bot)
    task = await create(
        api, bot, **FRIDAY, timezone="Europe/Rome", description="For the board", member_id=member["uuid"]
    )
    assert task["uuid"].startswith("task_")
    assert (task["name"], task["prompt"], task["description"]) == (
        "Quarter end",
        "Send the figures.",
        "For the board",
    )
    assert (task["status"], task["schedule_state"], task["schedule_type"]) == ("active", "active", "once")
    assert (task["member_uuid"], task["made_by"], task["max_executions"]) == (member["uuid"], None, 1)
    assert task["schedule"].startswith("Once, on ")
    assert task["schedule"].endswith(" at 09:00, Rome time")
    [next_run] = (await described(api, task)).info.next_action_times[:1]
    assert datetime.fromisoformat(task["next_run_at"]) == next_run
    read = await api.get("/task/read", bot_id=bot["id"], task_id=task["uuid"])
    assert read.json()["task"] == task


async def described(api: Api, task: dict[str, Any]) -> Any:
    return await api.temporal.get_schedule_handle(task["uuid"]).describe()


async def test_a_cancelled_task_is_over_and_its_schedule_gone(api: Api) -> None:
    bot = await api.bot()
    task = await create(api, bot, max_executions=3, max_credits_per_run=40)
    assert (task["status"], task["schedule"], task["max_executions"]) == ("active", "At 09:00, UTC", 3)
    assert task["max_credits_per_run"] == 40
    other = await create(api, bot)
    which = {"bot_id": bot["id"], "task_id": task["uuid"]}
    answer = await api.post("/task/cancel", **which)
    cancelled = answer.json()["task"]
    assert (cancelled["status"], cancelled["next_run_at"], cancelled["schedule_state"]) == ("cancelled", None, "none")
    with pytest.raises(RPCError) as gone:
        await described(api, task)
    assert gone.value.status == RPCStatusCode.NOT_FOUND
    assert (await api.post("/task/cancel", **which)).json()["task"] == cancelled
    assert (await api.get("/task/read", **which)).json()["task"] == cancelled
    assert await listed(api, bot) == [other["uuid"]] == await listed(api, bot, status="active")
    assert await listed(api, bot, status="cancelled") == [task["uuid"]]
    logs = await api.get("/heartbeat/logs", bot_id=bot["id"], heartbeat_id=task["uuid"])
    assert (logs.status_code, logs.json()["total"]) == (200, 0)


async def test_a_task_rests_while_it_is_paused(api: Api) -> None:
    bot = await api.bot()
    task = await create(api, bot)
    which = {"bot_id": bot["id"], "task_id": task["uuid"]}
    for _ in range(2):
        paused = (await api.post("/task/pause", **which)).json()["task"]
        assert (paused["status"], paused["next_run_at"]) == ("paused", None)
    assert (await described(api, task)).schedule.state.paused
    for _ in range(2):
        resumed = (await api.post("/task/resume", **which)).json()["task"]
        assert (resumed["status"], resumed["next_run_at"]) == ("active", task["next_run_at"])
    assert not (await described(api, task)).schedule.state.paused
    await api.post("/task/cancel", **which)
    for call in ("pause", "resume"):
        assert (await api.post(f"/task/{call}", **which)).json()["task"]["status"] == "cancelled"


async def test_a_task_whose_time_passed_while_it_was_paused_is_done(api: Api) -> None:
    bot = await api.bot()
    at = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
    task = await create(api, bot, schedule_type="once", schedule_config={"at": at})
    which = {"bot_id": bot["id"], "task_id": task["uuid"]}
    await api.post("/task/pause", **which)
    past = columns(Heartbeat).update().values(run_at=datetime.now(UTC) - timedelta(minutes=1))
    await api.database.write(lambda c: c.execute(past.where(columns(Heartbeat).c.uuid == task["uuid"])))
    assert (await api.post("/task/resume", **which)).json()["task"]["status"] == "done"


async def test_the_same_key_makes_one_task(api: Api) -> None:
    bot = await api.bot()
    body = {"bot_id": bot["id"], "name": "Once", "prompt": "Go.", **DAILY}
    first = await api.call("POST", "/task/create", body, idempotency_key="k1")
    again = await api.call("POST", "/task/create", body, idempotency_key="k1")
    assert first.json() == again.json()
    assert len(await listed(api, bot)) == 1


async def test_tasks_are_no_heartbeats(api: Api) -> None:
    bot = await api.bot()
    task = await create(api, bot)
    heartbeat = await api.heartbeat(bot, prompt=task["prompt"], cron_pattern=YEARLY)
    assert heartbeat["uuid"].startswith("hb_")
    every = (await api.get("/heartbeat/readall", bot_id=bot["id"])).json()["heartbeats"]
    assert [one["uuid"] for one in every] == [heartbeat["uuid"]]
    as_heartbeat = {"bot_id": bot["id"], "heartbeat_id": task["uuid"]}
    refused = [
        await api.get("/heartbeat/read", **as_heartbeat),
        await api.post("/heartbeat/enable", **as_heartbeat),
        await api.post("/heartbeat/disable", **as_heartbeat),
        await api.post("/heartbeat/trigger", **as_heartbeat),
        await api.delete("/heartbeat/delete", **as_heartbeat),
        await api.post("/heartbeat/configure", bot_id=bot["id"], prompt="x", uuid=task["uuid"]),
    ]
    assert [error_of(answer, 404)["code"] for answer in refused] == ["heartbeat_not_found"] * 6
    for call in (api.get("/task/read", bot_id=bot["id"], task_id=heartbeat["uuid"]),
                 api.post("/task/cancel", bot_id=bot["id"], task_id=heartbeat["uuid"])):  # fmt: skip
        assert error_of(await call, 404)["code"] == "task_not_found"
    stats = (await api.get("/heartbeat/stats", bot_id=bot["id"])).json()["stats"]
    assert stats["active_heartbeats"] == 0


BAD: list[tuple[dict[str, Any], str]] = [
    ({"name": " "}, "name"),
    ({"prompt": ""}, "prompt"),
    ({"schedule_type": "monthly"}, "schedule_type"),
    ({"schedule_config": "09:00"}, "schedule_config"),
    ({"schedule_config": {"time": "9 am"}}, "schedule_config.time"),
    ({"schedule_type": "weekly"}, "schedule_config.days"),
    ({"schedule_type": "once", "schedule_config": {"at": "2020-01-01T09:00"}}, "schedule_config.at"),
    ({"timezone": "Europe/Roma"}, "timezone"),
    ({"max_executions": 0}, "max_executions"),
    ({**FRIDAY, "max_executions": 2}, "max_executions"),
]


async def test_bad_input_is_told_its_field(api: Api) -> None:
    bot = await api.bot()
    with every_row() as row:
        for fields, field in BAD:
            with row(fields):
                body = {"bot_id": bot["id"], "name": "Quarter end", "prompt": "Send the figures.", **DAILY, **fields}
                assert wrong_fields(await api.post("/task/create", **body)) == [field]
                assert await listed(api, bot) == []


async def test_a_bot_that_is_off_and_a_stranger_make_none(api: Api, shared_app: Any) -> None:
    off = await api.bot(heartbeat=0)
    body = {"name": "Quarter end", "prompt": "Send the figures.", **DAILY}
    assert error_of(await api.post("/task/create", bot_id=off["id"], **body), 403)["code"] == "heartbeat_not_enabled"
    bot = await api.bot()
    task = await create(api, bot)
    async with owner(shared_app) as stranger:
        for answer in (
            await stranger.post("/task/create", bot_id=bot["id"], **body),
            await stranger.get("/task/readall", bot_id=bot["id"]),
            await stranger.get("/task/read", bot_id=bot["id"], task_id=task["uuid"]),
            await stranger.post("/task/cancel", bot_id=bot["id"], task_id=task["uuid"]),
        ):
            assert error_of(answer, 404)["code"] == "bot_not_found"


async def test_a_plan_limits_tasks_and_how_often_they_run(shared_app: Any) -> None:
    async with owner(shared_app, plan="starter") as starter:
        bot = await starter.bot()
        often = {"schedule_type": "interval", "schedule_config": {"interval_minutes": 5}}
        body = {"bot_id": bot["id"], "name": "Quarter end", "prompt": "Send the figures."}
        assert wrong_fields(await starter.post("/task/create", **body, **often)) == ["schedule_config"]
        for _ in range(10):
            last = await create(starter, bot, **FRIDAY)
        refused = error_of(await starter.post("/task/create", **body, **DAILY), 403)
        assert (refused["code"], "10 scheduled tasks" in refused["message"]) == ("plan_task_limit", True)
        for number in range(3):
            await starter.heartbeat(bot, prompt=f"Heartbeat {number}")
        await starter.post("/task/cancel", bot_id=bot["id"], task_id=last["uuid"])
        await create(starter, bot)


async def test_a_member_has_so_many_at_most(alone: Api) -> None:
    bot = await alone.bot()
    one, other = await alone.member(bot), await alone.member(bot)
    for _ in range(tasks.MOST_A_MEMBER):
        await create(alone, bot, **FRIDAY, member_id=one["uuid"])
    body = {"bot_id": bot["id"], "name": "One more", "prompt": "Go.", **DAILY}
    refused = await alone.post("/task/create", **body, member_id=one["uuid"])
    assert error_of(refused, 403)["code"] == "task_member_limit"
    assert (await create(alone, bot, member_id=other["uuid"]))["status"] == "active"
    assert (await create(alone, bot))["member_id"] is None


async def test_what_takes_heartbeats_along_takes_tasks(api: Api) -> None:
    bot = await api.bot()
    member = await api.member(bot)
    theirs, mine = await create(api, bot, member_id=member["uuid"]), await create(api, bot)
    await api.put("/update", bot_id=bot["id"], heartbeat=0)
    which = {"bot_id": bot["id"], "task_id": mine["uuid"]}
    paused = (await api.get("/task/read", **which)).json()["task"]
    assert (paused["status"], paused["pause"]["reason"]) == ("paused", "operator")
    assert set(await listed(api, bot, status="paused")) == {theirs["uuid"], mine["uuid"]}
    await api.put("/update", bot_id=bot["id"], heartbeat=1)
    await api.delete("/subscriber/delete", bot_id=bot["id"], member_id=member["uuid"])
    assert await listed(api, bot) == [mine["uuid"]]
    await api.delete("/delete", bot_id=bot["id"])
    with pytest.raises(RPCError) as gone:
        await described(api, mine)
    assert gone.value.status == RPCStatusCode.NOT_FOUND
