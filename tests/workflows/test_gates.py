"""A heartbeat with a gate on a real Temporal, beside a real HTTP server and a real MCP server."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import update
from temporalio.api.enums.v1 import EventType
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

import worker
from activities.gates import MAX_LOOKS, GateActivities
from activities.runs import RunActivities
from heartbeat.domain.contracts import AGENT_RUN, OpenRunInput, RunRequest, RunResult
from heartbeat.domain.gates import Gate, SealedHeaders
from heartbeat.domain.ids import new_id
from heartbeat.domain.secret_keys import new_key
from heartbeat.gates.looking import GateReader
from heartbeat.secrets.gates import sealed_headers
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.gate_columns import gate_columns
from heartbeat.store.heartbeats.gates import readings_of
from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.runs import start_gated_run, start_manual_run, tick_id
from heartbeat.tool_servers.refreshing import Refresher
from tests.support.acting import connect
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, says
from tests.support.patience import until
from tests.support.peer import Answer, Peer
from tests.support.peer import says as answers
from tests.support.temporal_runs import backfill, history, runs
from tests.support.tool_server import ToolServer
from tests.support.world import SANDBOX, World

WORKFLOW_TASKS = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED


@pytest.fixture
async def source() -> AsyncIterator[Peer]:
    pages: dict[str, Answer] = {"*": answers(b'{"open": 1}', content_type="application/json", etag='"1"')}
    async with Peer(pages) as peer:
        yield peer


async def set_gate(world: World, sealed: SealedHeaders | None = None, **fields: Any) -> World:
    gate = gate_columns(Gate.model_validate(fields), sealed)
    await world.database.write(lambda c: c.execute(update(columns(Heartbeat)).values(**gate)))
    return replace(world, heartbeat=await world.row())


async def gated_run(world: World) -> Run:
    handle = await start_gated_run(world.client, world.settings, world.scheduled_row, new_id("log"))
    uuid = (await handle.result()).run_uuid
    assert uuid is not None
    return await world.run(uuid)


async def test_no_news_is_no_request_and_a_small_history(working: World, model: ModelServer, source: Peer) -> None:
    world = await set_gate(working, url=source.url("/feed"))
    model.script(says("One ticket is open."), says("Two are."))
    first = await gated_run(world)
    assert (first.status, first.gate and first.gate["outcome"]) == ("success", "first")
    assert '+ "open": 1' in model.requests[0]["messages"][1]["content"]
    source.answers = {"*": answers(b"", "304 Not Modified")}
    unchanged = await gated_run(world)
    assert (unchanged.status, unchanged.skip_reason, unchanged.credits_charged) == ("skipped", "unchanged", 0)
    assert source.asked[1].headers["if-none-match"] == '"1"'
    assert len(model.requests) == 1
    events = (await history(world, unchanged.uuid)).events
    assert len(events) < 12
    assert sum(event.event_type == WORKFLOW_TASKS for event in events) == 2
    source.answers = {"*": answers(b'{"open": 2, "canary": "Canary"}', content_type="application/json")}
    changed = await gated_run(world)
    assert (changed.status, changed.gate and changed.gate["outcome"]) == ("success", "changed")
    assert '- "open": 1\n+ "canary": "Canary",\n+ "open": 2' in model.requests[1]["messages"][1]["content"]
    events = (await history(world, changed.uuid)).events
    assert b"Canary" not in b"".join(event.SerializeToString() for event in events)


@ON_SQLITE
async def test_ticks_of_the_schedule_ask_the_gate(working: World, model: ModelServer, source: Peer) -> None:
    world = await set_gate(working, url=source.url("/feed"), on_first="skip")
    await world.schedules.sync(world.heartbeat.uuid)
    end = await backfill(world, 2)
    last = tick_id(world.heartbeat, end)
    ticks = await until(lambda: runs(world), lambda rows: any(row.workflow_id == last for row in rows))
    assert {(run.status, run.skip_reason, run.trigger) for run in ticks} == {("skipped", "unchanged", "schedule")}
    assert model.requests == []
    # A schedule of before the gate was set starts its runs without a word of it.
    await world.database.write(lambda c: c.execute(update(columns(Heartbeat)).values(gate=None)))
    await world.schedules.sync(world.heartbeat.uuid)
    await set_gate(world, url=source.url("/feed"))
    asked = len(source.asked)
    another = tick_id(world.heartbeat, await backfill(world, 1))
    ticks = await until(lambda: runs(world), lambda rows: any(row.workflow_id == another for row in rows))
    assert {run.skip_reason for run in ticks} == {"unchanged"}
    assert len(source.asked) == asked + 1


@ON_SQLITE
async def test_a_rehearsal_looks_and_a_run_by_hand_does_not(working: World, model: ModelServer, source: Peer) -> None:
    world = await set_gate(working, url=source.url("/feed"), on_first="skip")
    handle = await start_manual_run(world.client, world.settings, world.scheduled_row, "log_tried", dry_run=True)
    await handle.result()
    tried, by_hand = await world.run("log_tried"), await world.run_once()
    assert (tried.status, tried.gate and tried.gate["outcome"], by_hand.gate) == ("success", "first", None)
    assert len(source.asked) == 1


@ON_SQLITE
async def test_headers_are_opened_for_the_request_alone(world: World, model: ModelServer, source: Peer) -> None:
    settings = world.settings.model_copy(update={"secret_keys": SecretStr(new_key())})
    gate = Gate.model_validate({"url": source.url("/feed"), "headers": {"X-Key": "s3cret"}})
    sealed = sealed_headers(gate, settings)
    gated = await set_gate(world, sealed, **gate.model_dump(exclude_unset=True))
    async with worker.running_worker(world.client, world.database, settings, SANDBOX):
        run = await gated_run(gated)
    assert source.asked[0].headers["x-key"] == "s3cret"
    assert b"s3cret" not in b"".join(event.SerializeToString() for event in (await history(gated, run.uuid)).events)


@ON_SQLITE
async def test_a_tool_is_called_only_if_it_reads(working: World, model: ModelServer, desk: ToolServer) -> None:
    await connect(working, desk)
    failures = {
        "desk__book": "not declared as one that only reads",
        "desk__nothing": "There is no tool desk__nothing here",
        "web_fetch": "is built in",
    }
    for name, words in failures.items():
        world = await set_gate(working, tool=name, arguments={"what": "A castle"}, on_error="skip")
        run = await gated_run(world)
        assert (run.skip_reason, words in (run.error_message or "")) == ("gate_failed", True), run.error_message
        assert words.encode() not in b"".join(e.SerializeToString() for e in (await history(world, run.uuid)).events)
    assert desk.made == []
    world = await set_gate(working, tool="desk__read_note", arguments={"what": "Today"})
    assert [(await gated_run(world)).status, (await gated_run(world)).skip_reason] == ["success", "unchanged"]
    assert "+Today: water the plants." in model.requests[0]["messages"][1]["content"]
    assert desk.times("read_note") == 2
    desk.hidden.add("read_note")
    assert (await gated_run(world)).status == "success", "it runs, and is told that its gate failed"
    assert "is no longer offered by its server" in model.requests[1]["messages"][1]["content"]


@ON_SQLITE
async def test_a_gated_run_that_an_earlier_version_starts_looks_by_an_activity_of_its_own(
    working: World, model: ModelServer, source: Peer
) -> None:
    world = await set_gate(working, url=source.url("/feed"), on_first="skip")
    request = RunRequest(world.heartbeat.uuid, 0, "manual", "log_earlier", gated=True)
    handle = await world.client.start_workflow(
        AGENT_RUN, request, id="earlier gated", task_queue=world.settings.task_queue, result_type=RunResult
    )
    assert (await handle.result()).status == "skipped"
    assert (await world.run("log_earlier")).skip_reason == "unchanged"
    assert len(source.asked) == 1


@ON_SQLITE
async def test_a_gate_that_is_changed_at_each_look_is_left_to_the_next_attempt(world: World, source: Peer) -> None:
    gated = await set_gate(world, url=source.url("/feed"))

    async def changes(writer: asyncio.StreamWriter) -> None:
        await set_gate(world, url=source.url(f"/{len(source.asked)}"))
        await source.answers["known"](writer)

    source.answers = {"known": source.answers["*"], "*": changes}
    reader = GateReader(world.database, world.settings, Refresher(world.database, world.settings))
    gates = GateActivities(RunActivities(world.database, world.settings), reader)
    request = RunRequest(gated.heartbeat.uuid, 0, "manual", "log_1", gated=True)
    with pytest.raises(ApplicationError, match="changed again and again"):
        await ActivityEnvironment().run(gates.look_at_gate, OpenRunInput(request, "gated", "run-1", None))
    assert (len(source.asked), await runs(gated)) == (MAX_LOOKS, [])


@ON_SQLITE
async def test_a_look_that_is_lost_with_its_worker_is_made_again(
    world: World, model: ModelServer, source: Peer
) -> None:
    gated = await set_gate(world, url=source.url("/feed"))
    looked, page = asyncio.Event(), source.answers["*"]

    async def hangs(writer: asyncio.StreamWriter) -> None:
        looked.set()
        await asyncio.Event().wait()

    source.answers = {"*": hangs}
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        start = start_gated_run(
            world.client, world.settings, ScheduledRow(gated.heartbeat, "Bot", "self_hosted"), "log_1"
        )
        handle = await start
        await looked.wait()
    source.answers = {"*": page}
    assert await runs(gated) == []
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        assert (await handle.result()).status == "success"
    assert [run.uuid for run in await runs(gated)] == ["log_1"]
    assert len(await world.database.read(readings_of, gated.heartbeat)) == 1
