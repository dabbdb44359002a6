"""Agents that remember: real runs, on a real Temporal server, with a provider on loopback."""

from typing import Any

from sqlalchemy import select, update

from heartbeat.domain.tool_effects import ForgetEffect, RememberEffect
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, many
from heartbeat.store.memory.memory import MAX_MEMORIES, MemoryOwner, recall, remember
from heartbeat.store.runs.opening import open_run
from heartbeat.store.runs.steps import NewStep, ToolCall, read_transcript, settle_step
from heartbeat.store.runs.tool_calls import CallOutcome, begin_call, finish_call
from heartbeat.store.tables.bots import Memory
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Step
from heartbeat.temporal.runs import start_manual_run
from tests.support.model_server import ModelServer, asks, says
from tests.support.runs import LIMITS, by_hand
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project
from tests.support.world import World


async def memories(world: World) -> list[str]:
    rows = await world.database.read(lambda c: many(c, Memory, select(columns(Memory)).order_by(columns(Memory).c.id)))
    return [row.text for row in rows]


async def calls(world: World, log: str) -> list[Step]:
    standing = await world.database.read(lambda c: read_transcript(c, log))
    return [step for step in standing.steps if step.kind == "tool"]


def first_message(request: dict[str, Any]) -> str:
    return str(next(message["content"] for message in request["messages"] if message["role"] == "user"))


async def test_what_one_run_remembers_the_next_one_knows(working: World, model: ModelServer) -> None:
    model.script(
        asks(("remember", {"text": "The queue is looked after by Anna."}), ("remember", {"text": "Tea is green."})),
        says("Noted."),
        says("Anna has it."),
    )
    first = await working.run_once()
    [remembered, _] = await calls(working, first.uuid)
    assert (remembered.failure_code, remembered.answer[:18]) == (None, "Remembered as mry_")
    assert sorted(await memories(working)) == ["Tea is green.", "The queue is looked after by Anna."]
    second = await working.run_once()
    message = first_message(model.requests[-1])
    assert message == f"{second.opening}\n\nYour task:\nCheck the queue."
    assert "What you remember of this:\n- mry_" in message
    assert ": The queue is looked after by Anna." in message
    assert "Tea is green." not in message
    assert "ended as success." in message
    assert ": Noted." in message


async def test_the_first_message_is_the_same_at_every_step(working: World, model: ModelServer) -> None:
    model.script(
        asks(("remember", {"text": "The queue is short."})), asks(("recall", {"query": "queue"})), says("Done.")
    )
    log = await working.run_once()
    assert len(model.requests) == 3
    assert {first_message(request) for request in model.requests} == {f"{log.opening}\n\nYour task:\nCheck the queue."}


async def test_memories_are_recalled_and_forgotten(working: World, model: ModelServer) -> None:
    owner = MemoryOwner(working.bot.id)
    memory = await working.database.write(lambda c: remember(c, owner, "The shop's door code is 4711.", None, NOW))
    model.script(
        asks(("recall", {"query": "which door?"}), ("recall", {"query": "ghost"})),
        asks(("forget", {"id": memory.uuid}), ("forget", {"id": "mry_ghost"})),
        says("Done."),
    )
    log = await working.run_once()
    recalled, nothing, forgotten, unknown = await calls(working, log.uuid)
    assert recalled.answer == f"{memory.uuid} (2026-11-20): The shop's door code is 4711."
    assert (nothing.failure_code, nothing.answer) == (None, "Nothing that is remembered fits; other words may.")
    assert (forgotten.failure_code, forgotten.answer) == (None, f"{memory.uuid} is forgotten.")
    assert (unknown.failure_code, unknown.answer) == ("failed", "There is no memory 'mry_ghost' here; check the id.")
    assert await memories(working) == []


async def test_a_bot_that_is_full_is_told_to_forget_something(working: World, model: ModelServer) -> None:
    owner = MemoryOwner(working.bot.id)
    await working.database.write(lambda c: [remember(c, owner, f"number {n}", None, NOW) for n in range(MAX_MEMORIES)])
    model.script(asks(("remember", {"text": "One more."}), ("remember", {"text": "x" * 4_001})), says("Too bad."))
    log = await working.run_once()
    full, long = await calls(working, log.uuid)
    assert (full.failure_code, long.failure_code) == ("failed", "invalid_arguments")
    assert (
        full.answer == "This bot remembers 1,000 things, which is the most; forget what is not needed, then try again."
    )
    assert "text: String should have at most 4000 characters" in long.answer
    assert log.status == "success"


async def test_a_rehearsal_remembers_nothing(working: World, model: ModelServer) -> None:
    memory = await working.database.write(lambda c: remember(c, MemoryOwner(working.bot.id), "Keep me.", None, NOW))
    model.script(
        asks(("remember", {"text": "New."}), ("forget", {"id": memory.uuid}), ("recall", {"query": "keep"})),
        says("Done."),
    )
    world = (working.client, working.settings, working.scheduled_row)
    result = await (await start_manual_run(*world, "log_rehearsed", dry_run=True)).result()
    assert result.status == "success"
    new, forgotten, recalled = await calls(working, "log_rehearsed")
    assert (new.failure_code, forgotten.failure_code, recalled.failure_code) == ("rehearsed", "rehearsed", None)
    assert recalled.answer.endswith(": Keep me.")
    assert await memories(working) == ["Keep me."]


async def test_a_bot_that_is_only_asked_is_offered_no_tools(working: World, model: ModelServer) -> None:
    rows = columns(Heartbeat)
    await working.database.write(lambda c: c.execute(update(rows).values(chat_mode="ask")))
    log = await working.run_once()
    assert (log.status, log.chat_mode) == ("success", "ask")
    assert "tools" not in model.requests[0]


def test_a_call_that_is_finished_twice_remembers_once(database: Database) -> None:
    def begun(connection):  # type: ignore[no-untyped-def]
        run = open_run(
            connection, by_hand(a_heartbeat(connection, a_bot(connection, a_project(connection)))), LIMITS, NOW
        ).run
        assert run is not None
        step = NewStep(
            1, "", "[]", run.model, 1, 1, 1, calls=[ToolCall("remember", "c1", "{}"), ToolCall("forget", "c2", "{}")]
        )
        settle_step(connection, run.uuid, step, 1, NOW)
        return run, begin_call(connection, run.uuid, 2), begin_call(connection, run.uuid, 3)

    run, remembering, forgetting = database.write_now(begun)
    outcome = CallOutcome("", effect=RememberEffect("Once."))
    for _ in range(2):
        database.write_now(lambda c: finish_call(c, remembering, outcome, {}, NOW))
    [memory] = database.read_now(lambda c: recall(c, MemoryOwner(run.bot_id), "once", 5))
    drop = CallOutcome("", effect=ForgetEffect(memory.uuid))
    for _ in range(2):
        database.write_now(lambda c: finish_call(c, forgetting, drop, {}, NOW))
    steps = database.read_now(lambda c: read_transcript(c, run.uuid)).steps
    assert [(step.state, step.failure_code, step.answer) for step in steps[1:]] == [
        ("done", None, f"Remembered as {memory.uuid}."),
        ("done", None, f"{memory.uuid} is forgotten."),
    ]
