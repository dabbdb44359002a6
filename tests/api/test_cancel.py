"""Cancel: a real worker in the middle of a model request that never ends, and the answer over HTTP."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import worker
from api.schemas.runs import Cancelled
from heartbeat.store.credits.audit import audit
from heartbeat.temporal.client import connect
from tests.support.api import Api, error_of
from tests.support.model_server import ModelServer, Reply, asks, says
from tests.support.patience import PATIENCE, until


async def a_heartbeat(api: Api, **fields: object) -> dict[str, Any]:
    bot = await api.bot()
    return {"bot_id": bot["id"], "heartbeat_id": (await api.heartbeat(bot, **fields))["uuid"]}


async def start(api: Api, which: dict[str, Any]) -> str:
    answer = await api.post("/heartbeat/trigger", **which, wait=False)
    log_id: str = answer.json()["result"]["log_id"]
    return log_id


async def run_of(api: Api, which: dict[str, Any], log_id: str, status: str | None = None) -> dict[str, Any]:
    """The run as the API shows it, once it has ended, or once its status is this one."""

    async def found() -> dict[str, Any] | None:
        answer = await api.get("/run/read", bot_id=which["bot_id"], run_id=log_id)
        return answer.json()["run"] if answer.status_code == 200 else None

    def holds(run: dict[str, Any] | None) -> bool:
        return run is not None and (run["status"] == status if status else run["status"] != "running")

    run = await until(found, holds)
    assert run is not None
    return run


async def balanced(api: Api) -> bool:
    return await api.database.read(audit) == []


async def test_a_run_in_the_middle_of_a_model_request_ends(working: Api, model: ModelServer, never: Reply) -> None:
    which = await a_heartbeat(working, enabled=True, max_consecutive_errors=1)
    # The first answer is paid for and asks for a call; the second never comes.
    model.script(asks(("report", {"outcome": "ok", "summary": "So far."}), input_tokens=1000, output_tokens=250), never)
    log_id = await start(working, which)
    await until(lambda: len(model.requests) == 2)
    assert (await run_of(working, which, log_id, "running"))["credits_held"] > 0

    answer = await working.post("/heartbeat/cancel", **which)
    assert answer.status_code == 200, answer.text
    result = Cancelled.model_validate(answer.json(), extra="forbid").result
    assert (result.status, result.tokens_used, result.credits_charged) == ("cancelled", 1250, 2)
    [only] = result.runs
    assert (only.log_id, only.status, only.credits_charged) == (log_id, "cancelled", 2)
    assert result.price is None

    run = await run_of(working, which, log_id)
    assert (run["status"], run["credits_charged"], run["credits_held"]) == ("cancelled", 2, 0)
    assert [(step["kind"], step["name"], step["credits"]) for step in run["steps"]] == [
        ("model", None, 2),
        ("tool", "report", 0),
    ]
    assert [(attempt["step"], attempt["outcome"]) for attempt in run["attempts"]] == [(1, "answered"), (3, "lost")]
    [log] = (await working.get("/heartbeat/logs", **which)).json()["logs"]
    assert (log["uuid"], log["status"], log["credits_charged"]) == (log_id, "cancelled", 2)
    assert (log["triggered_by"], log["cancelled_by"]) == ("the key key", "the key key")
    heartbeat = (await working.get("/heartbeat/read", **which)).json()["heartbeat"]
    assert (heartbeat["credits_used"], heartbeat["error_count"], heartbeat["enabled"]) == (2, 0, 1)
    spent = (await working.get("/project/credits")).json()["credits"]
    assert (spent["used"], spent["held"]) == (2, 0)
    assert await balanced(working)


async def test_the_run_that_is_named_is_cancelled_and_no_other(working: Api, model: ModelServer) -> None:
    which = await a_heartbeat(working)
    go_on = threading.Event()
    model.reply = lambda _: replace(says("Went on."), wait_for=go_on)
    first, second = await start(working, which), await start(working, which)
    await until(lambda: len(model.requests) == 2)
    result = (await working.post("/heartbeat/cancel", **which, log_id=first)).json()["result"]
    assert [(run["log_id"], run["status"]) for run in result["runs"]] == [(first, "cancelled")]
    go_on.set()
    assert (await run_of(working, which, second))["response"] == "Went on."
    assert await balanced(working)


async def test_without_a_name_every_run_in_progress_is_cancelled(
    working: Api, model: ModelServer, never: Reply
) -> None:
    which, other = await a_heartbeat(working), await a_heartbeat(working)
    model.script(never)
    mine = {await start(working, which) for _ in range(3)}
    theirs = await start(working, other)
    await until(lambda: len(model.requests) == 4)
    result = (await working.post("/heartbeat/cancel", **which)).json()["result"]
    assert {run["log_id"]: run["status"] for run in result["runs"]} == dict.fromkeys(mine, "cancelled")
    assert (await run_of(working, other, theirs, "running"))["uuid"] == theirs
    assert await balanced(working)


async def test_without_waiting_the_answer_is_202_and_the_log_follows(
    working: Api, model: ModelServer, never: Reply
) -> None:
    which = await a_heartbeat(working)
    model.script(never)
    log_id = await start(working, which)
    await until(lambda: len(model.requests) == 1)
    answer = await working.post("/heartbeat/cancel", **which, wait="false")
    assert answer.status_code == 202
    Cancelled.model_validate(answer.json(), extra="forbid")
    assert [(run["log_id"], run["status"]) for run in answer.json()["result"]["runs"]] == [(log_id, "running")]
    # Asked twice is asked once.
    assert (await working.post("/heartbeat/cancel", **which, wait="false")).status_code in (202, 409)
    assert (await run_of(working, which, log_id))["status"] == "cancelled"


async def test_there_must_be_something_to_cancel(working: Api, model: ModelServer) -> None:
    which, other = await a_heartbeat(working), await a_heartbeat(working)
    log_id = (await working.post("/heartbeat/trigger", **which)).json()["result"]["log_id"]
    idle = error_of(await working.post("/heartbeat/cancel", **which), 409)
    assert (idle["code"], "no run in progress" in idle["message"]) == ("nothing_running", True)
    ended = error_of(await working.post("/heartbeat/cancel", **which, log_id=log_id), 409)
    assert (ended["code"], "ended already, as success" in ended["message"]) == ("nothing_running", True)
    for whose, unknown in ((which, "log_none"), (other, log_id), (which, "a b"), (which, "x" * 5000)):
        answer = await working.post("/heartbeat/cancel", **whose, log_id=unknown)
        assert error_of(answer, 404)["code"] == "run_not_found"
    gone = await working.post("/heartbeat/cancel", **which | {"heartbeat_id": "hb_none"})
    assert error_of(gone, 404)["code"] == "heartbeat_not_found"


async def test_the_same_request_again_gets_the_same_answer(working: Api, model: ModelServer, never: Reply) -> None:
    which = await a_heartbeat(working)
    model.script(never)
    await start(working, which)
    await until(lambda: len(model.requests) == 1)
    first = await working.call("POST", "/heartbeat/cancel", which, idempotency_key="stop")
    again = await working.call("POST", "/heartbeat/cancel", which, idempotency_key="stop")
    assert (first.status_code, again.status_code, again.text) == (200, 200, first.text)
    assert again.headers["idempotent-replayed"] == "true"


async def test_a_run_that_waits_for_a_worker_asks_no_model(alone: Api, model: ModelServer) -> None:
    which = await a_heartbeat(alone)
    log_id, other = await start(alone, which), await start(alone, which)
    alone.settings.trigger_wait = 0.2
    answer = await alone.post("/heartbeat/cancel", **which, log_id=log_id)
    assert answer.status_code == 202, answer.text
    assert answer.json()["result"]["runs"] == [{"log_id": log_id, "status": "running"}]
    alone.settings.trigger_wait = PATIENCE
    again = asyncio.create_task(alone.post("/heartbeat/cancel", **which, log_id=log_id))
    settings = alone.settings.model_copy(update={"openai_base_url": model.base_url})
    async with worker.running_worker(alone.temporal, alone.database, settings):
        answer = await again
        assert (await run_of(alone, which, other))["status"] == "success"
    assert answer.status_code == 200, answer.text
    [run] = Cancelled.model_validate(answer.json(), extra="forbid").result.runs
    assert (run.log_id, run.status, run.credits_charged) == (log_id, "cancelled", 0)
    assert len(model.requests) == 1
    logs = (await alone.get("/heartbeat/logs", **which)).json()["logs"]
    assert {log["uuid"]: log["status"] for log in logs} == {log_id: "cancelled", other: "success"}
    assert await balanced(alone)


async def test_temporal_out_of_reach(working: Api, model: ModelServer, never: Reply) -> None:
    which = await a_heartbeat(working)
    model.script(never)
    log_id = await start(working, which)
    await until(lambda: len(model.requests) == 1)
    away = working.settings.model_copy(update={"temporal_address": "127.0.0.1:1"})
    stack = working.app.state.stack
    working.app.state.stack = replace(stack, temporal=await connect(away))
    answer = await working.post("/heartbeat/cancel", **which)
    assert error_of(answer, 503)["code"] == "temporal_unavailable"
    assert int(answer.headers["retry-after"]) > 0
    working.app.state.stack = stack
    assert (await run_of(working, which, log_id, "running"))["uuid"] == log_id
    assert (await working.post("/heartbeat/cancel", **which)).status_code == 200
