"""Trigger: a real worker, a model server on loopback, and the answer over HTTP."""

import asyncio
import threading

import pytest

from api.schemas.logs import Logs, Triggered
from tests.support.api import Api, error_of
from tests.support.model_server import ModelServer, Reply, fails, says
from tests.support.patience import until


async def a_heartbeat(api: Api, **fields: object) -> dict:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot, **fields)
    return {"bot_id": bot["id"], "heartbeat_id": heartbeat["uuid"]}


async def log_of(api: Api, which: dict, uuid: str) -> dict:
    """The log once the run has ended."""

    async def found() -> dict | None:
        logs = (await api.get("/heartbeat/logs", **which)).json()["logs"]
        return next((log for log in logs if log["uuid"] == uuid), None)

    return await until(found)


async def test_a_trigger_answers_with_the_result(working: Api, model: ModelServer) -> None:
    which = await a_heartbeat(working, prompt="What is new?")
    model.script(says("Three new tickets.", 1000, 250))
    answer = await working.post("/heartbeat/trigger", **which)
    assert answer.status_code == 200
    result = Triggered.model_validate(answer.json(), extra="forbid").result
    assert (result.status, result.response, result.error_message) == ("success", "Three new tickets.", None)
    assert (result.tokens_used, result.credits_charged, result.price) == (1250, 2, None)
    assert result.duration_ms >= 0
    logs = Logs.model_validate((await working.get("/heartbeat/logs", **which)).json(), extra="forbid")
    [log] = logs.logs
    assert (log.uuid, log.trigger, log.status, log.prompt) == (result.log_id, "manual", "success", "What is new?")
    assert log.temporal_url.endswith("/history")
    assert (log.triggered_by, log.cancelled_by) == ("the key key", None)
    heartbeat = (await working.get("/heartbeat/read", **which)).json()["heartbeat"]
    assert (heartbeat["execution_count"], heartbeat["credits_used"], heartbeat["last_status"]) == (1, 2, "success")
    assert heartbeat["enabled"] == 0
    stats = (await working.get("/heartbeat/stats", **which)).json()["stats"]
    assert (stats["success_count"], stats["total_credits"]) == (1, 2)


async def test_a_failed_run_is_a_result_too_and_moves_no_streak(working: Api, model: ModelServer) -> None:
    which = await a_heartbeat(working, max_consecutive_errors=1, enabled=True)
    model.script(fails(401, "invalid_api_key", "Incorrect API key"))
    result = (await working.post("/heartbeat/trigger", **which)).json()["result"]
    assert (result["status"], result["response"], result["credits_charged"]) == ("error", None, 0)
    assert result["error_message"]
    heartbeat = (await working.get("/heartbeat/read", **which)).json()["heartbeat"]
    assert (heartbeat["error_count"], heartbeat["total_error_count"], heartbeat["pause"]) == (0, 1, None)
    assert heartbeat["enabled"] == 1


async def test_a_spent_budget_makes_the_result_skipped(working: Api, model: ModelServer) -> None:
    which = await a_heartbeat(working, credit_budget=0)
    result = (await working.post("/heartbeat/trigger", **which)).json()["result"]
    assert (result["status"], result["skip_reason"]) == ("skipped", "budget")
    assert model.requests == []


async def test_five_triggers_at_once_are_five_runs(working: Api, model: ModelServer) -> None:
    which = await a_heartbeat(working)
    answers = await asyncio.gather(*(working.post("/heartbeat/trigger", **which) for _ in range(5)))
    assert len({answer.json()["result"]["log_id"] for answer in answers}) == 5
    assert (await working.get("/heartbeat/logs", **which)).json()["total"] == 5
    assert len(model.requests) == 5


async def test_without_waiting_the_answer_is_202_and_the_log_follows(working: Api, model: ModelServer) -> None:
    which = await a_heartbeat(working)
    go_on = threading.Event()
    model.reply = lambda _: Reply(**{**vars(says("Later.")), "wait_for": go_on})
    answer = await working.post("/heartbeat/trigger", **which, wait="false")
    assert answer.status_code == 202
    result = answer.json()["result"]
    assert (result["status"], set(result)) == ("running", {"status", "log_id"})
    going = await until_running(working, which)
    assert [log["uuid"] for log in going] == [result["log_id"]]
    assert (await working.get("/heartbeat/logs", **which)).json()["logs"] == []
    go_on.set()
    assert (await log_of(working, which, result["log_id"]))["response"] == "Later."


async def until_running(api: Api, which: dict) -> list[dict]:
    async def going() -> list[dict]:
        return (await api.get("/heartbeat/logs", **which, status="running")).json()["logs"]

    return await until(going)


async def test_a_run_that_takes_too_long_is_answered_with_202(working: Api, model: ModelServer) -> None:
    which = await a_heartbeat(working)
    go_on = threading.Event()
    model.reply = lambda _: Reply(**{**vars(says("At last.")), "wait_for": go_on})
    working.settings.trigger_wait = 0.3
    answer = await working.post("/heartbeat/trigger", **which)
    assert answer.status_code == 202
    go_on.set()
    assert (await log_of(working, which, answer.json()["result"]["log_id"]))["status"] == "success"


async def test_a_caller_who_hangs_up_loses_nothing(working: Api, model: ModelServer) -> None:
    which = await a_heartbeat(working)
    go_on = threading.Event()
    model.reply = lambda _: Reply(**{**vars(says("Done anyway.")), "wait_for": go_on})
    call = asyncio.create_task(working.post("/heartbeat/trigger", **which))
    [log] = await until_running(working, which)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    go_on.set()
    assert (await log_of(working, which, log["uuid"]))["response"] == "Done anyway."


async def test_the_bots_flag_must_be_on(working: Api) -> None:
    which = await a_heartbeat(working)
    await working.put("/update", bot_id=which["bot_id"], heartbeat=0)
    answer = await working.post("/heartbeat/trigger", **which)
    assert error_of(answer, 403)["code"] == "heartbeat_not_enabled"
    assert (await working.get("/heartbeat/logs", bot_id=which["bot_id"])).json()["total"] == 0
