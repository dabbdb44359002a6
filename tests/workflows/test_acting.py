"""Runs that act: the loop of thinking and calling tools, against a real tool server and a real provider."""

import json
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType

from heartbeat.domain.contracts import RunResult
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.rows import columns, many
from heartbeat.store.tables.bots import Bot, Tool
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event
from heartbeat.store.tables.runs import Run
from tests.support.acting import book, change, told, transcript
from tests.support.approvals import decided
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, Reply, asks, says
from tests.support.patience import until
from tests.support.temporal_runs import backfill, history
from tests.support.tool_server import ToolServer
from tests.support.world import World


async def test_an_agent_calls_a_tool_and_goes_on(agent: World, model: ModelServer, desk: ToolServer) -> None:
    model.script(asks(book("a table")), says("It is booked.", 300, 20))
    log = await agent.run_once()
    assert (log.status, log.response, log.tokens_used) == ("success", "It is booked.", 440)
    assert [(step.number, step.kind, step.name, step.state) for step in await transcript(agent, log)] == [
        (1, "model", None, "done"),
        (2, "tool", "desk__book", "done"),
        (3, "model", None, "done"),
    ]
    first, second = model.requests
    assert {tool["function"]["name"] for tool in first["tools"]} >= {"desk__book", "desk__read_note", "report"}
    assert told(second) == [("call_0_desk__book", "Booked a table, number 1.")]
    [received] = desk.made
    assert (received.arguments, received.key) == ({"what": "a table"}, f"{log.uuid}:2")
    assert await agent.database.read(audit) == []


async def test_each_step_is_named_in_temporals_ui_and_its_content_is_not_there(
    agent: World, model: ModelServer
) -> None:
    model.script(asks(book("Canary-argument")), says("Canary-answer"))
    log = await agent.run_once()
    events = (await history(agent, log.uuid)).events
    scheduled = [e for e in events if e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED]
    named = [json.loads(event.user_metadata.summary.data) for event in scheduled]
    assert named == ["open and think 1", "act 2 · desk__book", "think 3 · openai:scripted"]
    assert b"Canary" not in b"".join(event.SerializeToString() for event in events)


async def test_the_calls_of_one_answer_are_made_side_by_side(
    agent: World, model: ModelServer, desk: ToolServer
) -> None:
    model.script(asks(("desk__wait", {}), ("desk__wait", {}), book("a room")), says("Done."))
    handle = await agent.start("log_side")
    await until(lambda: _count(desk), lambda count: count == 3)
    desk.released.set()
    assert await handle.result() == RunResult("success", "log_side")
    answers = [step.answer for step in await transcript(agent, await agent.run("log_side")) if step.kind == "tool"]
    assert answers == ["Released.", "Released.", "Booked a room, number 1."]
    assert [call for call, _ in told(model.requests[1])] == [
        "call_0_desk__wait",
        "call_1_desk__wait",
        "call_2_desk__book",
    ]


async def _count(desk: ToolServer) -> int:
    return len(desk.made)


FAILING: dict[str, tuple[tuple[str, Any], str]] = {
    "the tool says no": (("desk__refuse", {}), "The shop is closed."),
    "no such tool": (("desk__fly", {}), "There is no tool desk__fly here"),
    "arguments cut short": (("desk__book", '{"what": "a ta'), "no JSON object"),
    "arguments no object": (("desk__book", "[1]"), "no JSON object"),
}


@ON_SQLITE
@pytest.mark.parametrize("case", FAILING)
async def test_what_a_tool_fails_at_is_for_the_model_to_read(
    agent: World, model: ModelServer, desk: ToolServer, case: str
) -> None:
    request, words = FAILING[case]
    model.script(asks(request), says("I see."))
    log = await agent.run_once()
    assert log.status == "success"
    [(_, said)] = told(model.requests[1])
    assert words in said
    [call] = [step for step in await transcript(agent, log) if step.kind == "tool"]
    assert call.failure_code == ("invalid_arguments" if "no JSON" in words else "failed")
    assert desk.times("book") == 0


async def test_a_tool_server_that_is_down_fails_its_calls_not_the_run(
    agent: World, model: ModelServer, desk: ToolServer
) -> None:
    desk.close()
    model.script(asks(book("a table")), says("Then not."))
    log = await agent.run_once()
    assert (log.status, log.response) == ("success", "Then not.")
    [(_, said)] = told(model.requests[1])
    assert "desk" in said


async def test_a_run_at_its_limit_of_steps_says_so_and_calls_nothing_more(
    agent: World, model: ModelServer, desk: ToolServer
) -> None:
    await change(agent, Heartbeat, max_steps=4)
    model.reply = lambda _: asks(book("another"))
    log = await agent.run_once()
    assert (log.status, log.error_code) == ("error", "max_steps")
    assert log.error_message == (
        "The run came to its limit of 4 steps (model requests and tool calls, max_steps) before the model was done."
    )
    assert (desk.times("book"), len(model.requests)) == (1, 2)
    assert log.credits_charged == 2


async def test_a_run_that_its_budget_cannot_carry_on_and_that_is_given_no_more_pauses_its_heartbeat(
    agent: World, model: ModelServer, desk: ToolServer
) -> None:
    model.reply = lambda _: asks(book("another"), input_tokens=3_900)
    assert await agent.schedules.sync(agent.heartbeat.uuid)
    await backfill(agent, 1)
    first = await until(agent.row, lambda row: row.total_error_count == 1 or not row.enabled)
    assert first.enabled
    await change(agent, Heartbeat, credit_budget=first.period_credits + 14, error_count=0)
    await backfill(agent, 1)
    await decided(agent, "denied")
    row = await until(agent.row, lambda row: not row.enabled)
    assert (row.pause_reason, row.error_count, row.period_held) == ("budget", 0, 0)
    assert row.period_credits <= first.period_credits + 14
    logs = await agent.database.read(lambda c: many(c, Run, columns(Run).select().order_by(columns(Run).c.id)))
    stopped = logs[1]
    assert (stopped.status, stopped.error_code) == ("error", "budget_exhausted")
    assert "raise credit_budget" in (stopped.error_message or "")
    assert await agent.database.read(audit) == []


REPORTS = [
    ({"outcome": "failed", "summary": "The inbox was not reachable."}, ("error", "The inbox was not reachable.")),
    ({"outcome": "nothing_to_report", "summary": "All quiet."}, ("success", None)),
]


@ON_SQLITE
@pytest.mark.parametrize(("report", "ended"), REPORTS)
async def test_an_agent_says_how_it_went(
    agent: World, model: ModelServer, report: dict[str, Any], ended: tuple[str, str | None]
) -> None:
    model.script(asks(("report", report)), says("That is all."))
    log = await agent.run_once()
    assert (log.status, log.error_message) == ended
    assert log.report is not None
    assert log.report["outcome"] == report["outcome"]


async def test_a_tool_that_changed_is_not_called_until_somebody_looks(
    agent: World, model: ModelServer, desk: ToolServer
) -> None:
    desk.changed = True
    model.script(asks(("desk__forecast", {"town": "Rome"})), says("No forecast."), says("Still none."))
    log = await agent.run_once()
    assert log.status == "success"
    assert desk.times("forecast") == 0
    [(_, said)] = told(model.requests[1])
    assert "changed" in said
    [tool] = await agent.database.read(lambda c: many(c, Tool, columns(Tool).select()))
    changed = [entry["name"] for entry in tool.tools if entry["changed"]]
    assert (changed, tool.changed_count, log.paused_tools) == (["forecast"], 1, ["desk__forecast"])
    [event] = await agent.database.read(lambda c: many(c, Event, columns(Event).select()))
    assert (event.kind, event.data["tools"][0]["tool"]) == ("tool.changed", "desk__forecast")
    assert '+    "days": {' in event.data["tools"][0]["difference"]
    again = await agent.run_once()
    assert again.paused_tools == ["desk__forecast"], "its heartbeat uses it"
    assert "nobody has accepted the change yet: desk__forecast" in (again.opening or "")
    offered = {one["function"]["name"] for one in model.requests[2]["tools"]}
    assert "desk__forecast" not in offered
    assert "desk__book" in offered


async def test_a_bot_switched_off_in_mid_run_calls_nothing_more(
    agent: World, model: ModelServer, desk: ToolServer
) -> None:
    await change(agent, Tool, is_enabled=False)
    model.script(asks(book("a table")), says("Not any more."))
    assert (await agent.run_once()).status == "success"
    assert desk.made == []


async def test_a_cancelled_run_gives_its_call_up(agent: World, model: ModelServer, desk: ToolServer) -> None:
    model.script(asks(("desk__wait", {})))
    handle = await agent.start("log_cancel")
    await until(lambda: _count(desk), lambda count: count == 1)
    await handle.cancel()
    assert await handle.result() == RunResult("cancelled", "log_cancel")
    await until(lambda: _abandoned(desk), lambda given_up: given_up == 1)
    log = await agent.run("log_cancel")
    assert (log.status, log.credits_charged, log.credits_held) == ("cancelled", 1, 0)


async def _abandoned(desk: ToolServer) -> int:
    return desk.abandoned


async def test_a_run_ends_with_its_time(agent: World, model: ModelServer, desk: ToolServer) -> None:
    await change(agent, Heartbeat, run_timeout_seconds=2)
    model.script(asks(("desk__wait", {})))
    log = await agent.run_once()
    assert (log.status, log.error_code) == ("error", "run_timeout")
    assert (log.error_message or "").startswith("The run did not end within its 2 s.")


async def test_a_transcript_has_an_end(agent: World, model: ModelServer) -> None:
    agent.settings.transcript_bytes = 10_000
    long = Reply(body=says("x" * 11_000).body)
    assert isinstance(long.body, dict)
    body = asks(("report", {"outcome": "ok", "summary": "x"})).body
    assert isinstance(body, dict)
    long.body["choices"][0]["message"]["tool_calls"] = body["choices"][0]["message"]["tool_calls"]
    model.script(long)
    log = await agent.run_once()
    assert (log.status, log.error_code, len(model.requests)) == ("error", "transcript_too_long", 1)


async def test_only_an_answer_without_tools_is_asked_of_the_small_local_model(agent: World) -> None:
    await change(agent, Bot, model="local:smollm2")
    agent.settings.local_url = agent.settings.openai_base_url or ""
    assert (await agent.run_once()).status == "success"
