"""The whole run on a real Temporal server, with a real provider on loopback."""

import asyncio
import json
import re
import threading
from datetime import timedelta
from typing import TypeVar

import pytest
from temporalio.api.enums.v1 import EventType

import worker
from heartbeat.domain.contracts import RunResult
from heartbeat.store.database.database import Database
from heartbeat.temporal.runs import start_manual_run
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, Reply, fails, says
from tests.support.patience import until
from tests.support.temporal_runs import backfill, history
from tests.support.world import SANDBOX, World

T = TypeVar("T")
WORKFLOW_TASKS = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED


async def test_a_manual_run_ends_as_a_log(working: World, model: ModelServer) -> None:
    model.script(says("Three tickets are urgent.", 1200, 50))
    log = await working.run_once()
    assert (log.status, log.trigger, log.response) == ("success", "manual", "Three tickets are urgent.")
    assert (log.tokens_used, log.credits_charged, log.scheduled_for) == (1250, 2, None)
    assert log.duration_ms is not None
    [request] = model.requests
    [system, user] = [(m["role"], m["content"]) for m in request["messages"]]
    assert (system, user[0]) == (("system", "Be brief."), "user")
    assert user[1] == f"{log.opening}\n\nYour task:\nCheck the queue."
    assert re.fullmatch(r"It is \w+day, \d+ \w+ \d{4}, \d\d:\d\d \(UTC\)\.", log.opening or "")
    assert (request["model"], request["max_tokens"], request["authorization"]) == ("scripted", 2048, "Bearer test-key")


async def test_a_server_that_reports_no_usage_is_charged_for_what_it_read_and_wrote(
    working: World, model: ModelServer
) -> None:
    silent = says("All is well. " * 1000)
    assert isinstance(silent.body, dict)
    del silent.body["usage"]
    model.script(silent)
    log = await working.run_once()
    # 13,000 bytes of answer, four a token, and a question of at least a few.
    assert log.tokens_used > 3250
    assert log.credits_charged == -(-log.tokens_used // 1000)


async def test_the_history_is_small_and_holds_no_private_text(working: World, model: ModelServer) -> None:
    await working.database.write(
        lambda c: c.exec_driver_sql("UPDATE heartbeat SET prompt = 'Canary-prompt ' || prompt")
    )
    model.script(says("Canary-answer " * 20_000))
    log = await working.run_once()
    assert len(log.response or "") > 200_000
    events = (await history(working, log.uuid)).events
    assert len(events) <= 11
    assert sum(event.event_type == WORKFLOW_TASKS for event in events) == 2
    assert b"Canary" not in b"".join(event.SerializeToString() for event in events)


async def test_temporals_ui_can_be_read(working: World) -> None:
    log = await working.run_once()
    assert log.workflow_id == f"{working.heartbeat.uuid}-manual-{log.uuid}"
    handle = working.client.get_workflow_handle(log.workflow_id)
    assert await (await handle.describe()).static_summary() == "Support desk: Check the queue."
    summaries = [
        json.loads(event.user_metadata.summary.data)
        for event in (await handle.fetch_history()).events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    details = (await handle.query("__temporal_workflow_metadata")).current_details
    assert details == f"Run `{log.uuid}` ended: success."
    assert summaries == ["open and think 1"]


async def test_scheduled_ticks_become_one_log_each(working: World) -> None:
    assert await working.schedules.sync(working.heartbeat.uuid)
    end = await backfill(working, 3)
    row = await until(working.row, lambda row: row.success_count == 3)
    assert (row.error_count, row.last_status) == (0, "success")
    logs = await working.database.read(lambda c: list(c.exec_driver_sql("SELECT workflow_id, trigger FROM run")))
    ticks = [(f"{row.uuid}-{end - timedelta(minutes=ago):%Y-%m-%dT%H:%M:%SZ}", "schedule") for ago in range(3)]
    assert sorted(tuple(log) for log in logs) == sorted(ticks)


async def test_five_triggers_in_one_second_are_five_runs(working: World, model: ModelServer) -> None:
    handles = await asyncio.gather(*(working.start() for _ in range(5)))
    results = await asyncio.gather(*(handle.result() for handle in handles))
    assert len({result.run_uuid for result in results}) == 5
    assert [result.status for result in results] == ["success"] * 5
    assert len(model.requests) == 5


async def test_the_same_log_id_is_the_same_run(working: World, model: ModelServer) -> None:
    first, again = await working.start("log_same"), await working.start("log_same")
    assert await first.result() == await again.result() == RunResult("success", "log_same")
    assert len(model.requests) == 1


async def test_an_endless_answer_is_cut_off(working: World, model: ModelServer) -> None:
    working.settings.step_attempts = 2
    model.script(Reply(endless=True), says("Now in short."))
    log = await working.run_once()
    assert (log.status, log.response, len(model.requests)) == ("success", "Now in short.", 2)


FINAL = [
    (fails(401, "invalid_api_key"), "key_rejected"),
    (fails(403, "forbidden"), "key_rejected"),
    (fails(404, "model_not_found"), "unknown_model"),
    (fails(429, "insufficient_quota", "You exceeded your current quota"), "quota_exhausted"),
    (fails(400, "invalid_request_error"), "request_rejected"),
    (says("", finish="content_filter"), "model_refused"),
]


@ON_SQLITE
@pytest.mark.parametrize(("reply", "code"), FINAL, ids=[code + str(reply.status) for reply, code in FINAL])
async def test_what_trying_again_cannot_mend_ends_the_run_at_once(
    working: World, model: ModelServer, reply: Reply, code: str
) -> None:
    model.script(reply)
    log = await working.run_once()
    assert (log.status, log.error_code, len(model.requests)) == ("error", code, 1)
    assert "openai:scripted" in (log.error_message or "")


@ON_SQLITE
@pytest.mark.parametrize(
    "first", [fails(500), fails(503, "overloaded"), fails(429, "rate_limit_exceeded"), Reply(200, "not json")]
)
async def test_passing_troubles_are_tried_again(working: World, model: ModelServer, first: Reply) -> None:
    model.script(first, says("Back again."))
    log = await working.run_once()
    assert (log.status, log.response, len(model.requests)) == ("success", "Back again.", 2)


async def test_the_providers_wish_for_a_pause_is_honoured(working: World, model: ModelServer) -> None:
    model.script(fails(429, "rate_limit_exceeded", headers={"retry-after": "3"}), says("Thanks for waiting."))
    log = await working.run_once()
    assert log.status == "success"
    assert (log.duration_ms or 0) >= 3000


async def test_a_wish_that_outlasts_the_run_ends_it(working: World, model: ModelServer) -> None:
    model.script(fails(429, "rate_limit_exceeded", headers={"retry-after": "86400"}))
    log = await working.run_once()
    assert (log.status, log.error_code, len(model.requests)) == ("error", "rate_limited", 1)


async def test_a_missing_key_says_which_variable_to_set(working: World, model: ModelServer) -> None:
    await working.database.write(lambda c: c.exec_driver_sql("UPDATE bot SET model = 'anthropic:claude-x'"))
    log = await working.run_once()
    assert (log.error_code, model.requests) == ("missing_key", [])
    assert "ANTHROPIC_API_KEY" in (log.error_message or "")


async def test_after_n_failures_the_row_and_the_schedule_are_paused(working: World, model: ModelServer) -> None:
    model.script(fails(401, "invalid_api_key", "Incorrect API key provided: sk-canary123456"))
    await working.schedules.sync(working.heartbeat.uuid)
    await backfill(working, 4)
    row = await until(working.row, lambda row: row.synced_version == 2)
    assert (row.enabled, row.pause_reason, row.error_count) == (False, "errors", 2)
    state = (await working.client.get_schedule_handle(row.uuid).describe()).schedule.state
    assert state.paused
    assert (state.note or "").startswith(
        "Failed 2 times in a row; the last error: openai:scripted: the provider rejected"
    )
    assert "canary" not in (state.note or "")
    assert len(model.requests) == 2


async def test_a_run_cancelled_while_it_is_opened_is_not_left_open(world: World, model: ModelServer) -> None:
    handle = await world.start("log_early")
    await handle.cancel()
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        assert (await handle.result()).status == "cancelled"
    log = await world.run("log_early")
    assert (log.status, log.credits_held, model.requests) == ("cancelled", 0, [])


async def test_a_run_cancelled_in_temporal_is_a_cancelled_log(working: World, model: ModelServer) -> None:
    hanging = threading.Event()
    model.script(Reply(wait_for=hanging))
    handle = await working.start("log_cancelled")
    await until(lambda: working.asked(model), bool)
    await handle.cancel()
    assert (await handle.result()).status == "cancelled"
    hanging.set()
    log = await working.run("log_cancelled")
    assert (log.status, log.error_code) == ("cancelled", "cancelled")


async def test_a_step_that_takes_too_long_is_an_error_that_says_so(
    world: World, model: ModelServer, database: Database
) -> None:
    hanging = threading.Event()
    model.script(Reply(wait_for=hanging))
    hasty = world.settings.model_copy(update={"step_timeout_seconds": 1, "step_attempts": 2})
    async with worker.running_worker(world.client, database, hasty):
        log = await world.run_once()
    hanging.set()
    assert (log.status, log.error_code) == ("error", "timeout") or (log.status, log.error_code) == (
        "error",
        "step_timeout",
    )
    assert "Tried 2 times." in (log.error_message or "")


async def test_a_run_at_its_limit_is_an_error_that_names_it(
    world: World, model: ModelServer, database: Database
) -> None:
    model.script(fails(500, message="try later"))
    hasty = world.settings.model_copy(update={"run_timeout_seconds": 2, "step_attempts": 100})
    async with worker.running_worker(world.client, database, hasty):
        log = await world.run_once()
    assert (log.status, log.error_code) == ("error", "provider_error") or log.error_code == "run_timeout"
    assert "try later" in (log.error_message or "")


async def test_a_deleted_heartbeat_runs_no_more(working: World, model: ModelServer) -> None:
    await working.database.write(lambda c: c.exec_driver_sql("UPDATE heartbeat SET deleted_at = created_at"))
    handle = await start_manual_run(working.client, working.settings, working.scheduled_row, "log_none")
    assert (await handle.result()).reason == "the heartbeat was deleted"
    assert model.requests == []
