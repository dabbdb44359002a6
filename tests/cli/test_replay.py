"""A run again, with another prompt or model and the tool results it had; nothing is called but the model."""

from typing import Any

import pytest
from sqlalchemy import func, select

from heartbeat.agents.completion import RequestedCall
from heartbeat.cli.replay import Recording, ReplayColumn, original_column, read_original, replay
from heartbeat.domain.errors import Conflict, NotFound
from heartbeat.store.database.rows import columns
from heartbeat.store.runs.recordings import NOT_RECORDED
from heartbeat.store.tables.bots import Bot, Tool
from heartbeat.store.tables.credits import DailyRollup, Entry
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event
from heartbeat.store.tables.runs import Attempt, Run, Step
from tests.support.acting import book, change, told
from tests.support.model_server import ModelServer, asks, fails, says
from tests.support.tool_server import ToolServer
from tests.support.world import World

BOOKS = (Run, Step, Entry, Attempt, Event, DailyRollup)


async def again(world: World, run: Run, prompt: str = "Anew.", model: str = "openai:other") -> ReplayColumn:
    original = await world.database.read(read_original, run.uuid)
    return await replay(original, prompt, model, world.settings)


async def everything(world: World) -> list[Any]:
    """How many rows there are, and the heartbeat's sums."""
    sizes = select(*(select(func.count()).select_from(columns(table)).scalar_subquery() for table in BOOKS))
    counted = await world.database.read(lambda c: tuple(c.execute(sizes).one()))
    row = await world.row()
    return [counted, row.period_credits, row.success_count, row.updated_at]


async def test_another_prompt_and_model_get_the_recorded_results(
    agent: World, model: ModelServer, desk: ToolServer
) -> None:
    model.script(asks(book("a table"), book("a chair")), says("Both are booked.", 900, 50))
    log = await agent.run_once()
    before, calls_before, requests_before = await everything(agent), len(desk.made), len(model.requests)

    model.script(asks(book("a chair"), book("a lamp"), ("desk__put_note", {"what": "x"})), says("Done.", 2000, 10))
    side = await again(agent, log, "Book a chair.")
    chair, lamp, note = told(model.requests[-1])
    assert chair[1].startswith("Booked a chair")
    # No call for a lamp was recorded: the next booking that was stands in for it.
    assert lamp[1].startswith("Booked a table")
    assert note[1] == NOT_RECORDED
    assert [(call.tool, call.recorded) for call in side.calls] == [
        ("desk__book", True),
        ("desk__book", True),
        ("desk__put_note", False),
    ]
    assert (side.ended, side.answer, side.tokens, side.credits, side.steps) == ("success", "Done.", 2130, 4, 5)
    first = model.requests[requests_before]
    assert (first["model"], first["authorization"]) == ("other", "Bearer test-key")
    assert first["messages"][-1]["content"].endswith("Book a chair.")

    was = original_column(await agent.database.read(read_original, log.uuid))
    assert (was.answer, was.tokens, was.credits, was.steps) == ("Both are booked.", 1070, 2, 4)
    assert [call.arguments for call in was.calls] == [{"what": "a table"}, {"what": "a chair"}]
    # Nothing outside was called, and nothing was written.
    assert len(desk.made) == calls_before
    assert await everything(agent) == before


async def test_a_tool_that_is_gone_can_still_be_replayed(agent: World, model: ModelServer) -> None:
    model.script(asks(book("a table")), says("It is booked."))
    log = await agent.run_once()
    await change(agent, Tool, is_enabled=False)
    model.script(asks(book("a table")), says("Booked again."))
    side = await again(agent, log)
    assert (side.answer, side.calls[0].recorded) == ("Booked again.", True)
    assert "desk__book" in {tool["function"]["name"] for tool in model.requests[-1]["tools"]}


async def test_it_is_offered_what_a_run_is_offered(agent: World, model: ModelServer) -> None:
    await change(agent, Bot, attributes={"tasks": 1})
    model.script(says("All quiet."))
    log = await agent.run_once()
    await again(agent, log)
    real, replayed = model.requests
    assert replayed["tools"] == real["tools"]
    assert "remember" not in str(real["tools"])


async def test_what_goes_wrong_is_said(agent: World, model: ModelServer) -> None:
    log = await agent.run_once()
    model.script(fails(401))
    assert "rejected the key" in (await again(agent, log)).ended
    model.script(says(""))
    assert "empty answer" in (await again(agent, log)).ended
    await change(agent, Run, max_steps=4)
    model.script(asks(book("a table")))
    side = await again(agent, log)
    assert "limit of 4 steps" in side.ended
    assert side.steps == 4


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_only_a_run_that_thought_and_ended_can_be_replayed(agent: World) -> None:
    await change(agent, Heartbeat, credit_budget=0)
    skipped = await agent.run_once()
    with pytest.raises(Conflict, match="was skipped"):
        await again(agent, skipped)
    await change(agent, Run, status="running")
    with pytest.raises(Conflict, match="has not ended"):
        await again(agent, skipped)
    with pytest.raises(NotFound):
        await agent.database.read(read_original, "log_nowhere")


def step(number: int, tool: str, arguments: str, answer: str) -> Step:
    return Step.model_construct(number=number, kind="tool", state="done", name=tool, arguments=arguments, answer=answer)  # type: ignore[call-arg]


def test_a_recording_gives_each_result_once_and_the_same_call_the_same_again() -> None:
    recording = Recording([step(2, "read", '{"a": 1}', "one"), step(3, "read", '{"a":2}', "two")])

    def ask(arguments: str, tool: str = "read") -> str | None:
        return recording.result(RequestedCall(tool, "c", arguments))

    # Spacing is no difference.
    assert [ask('{"a":2}'), ask('{"a": 2}')] == ["two", "two"]
    assert [ask('{"a": 9}'), ask('{"a": 9}'), ask('{"a": 1}')] == ["one", None, "one"]
    assert ask("{}", "write") is None
