"""Runs whose tools combine private data, text of others and a way out: what acts outside waits for a person."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from api.dashboard.pages import html
from api.schemas.approvals import ApprovalObject, show_approval
from heartbeat.domain.ids import new_id
from heartbeat.store.database.pages import Page
from heartbeat.store.database.rows import columns, many
from heartbeat.store.runs.approvals import approvals, decide
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event
from heartbeat.temporal.runs import start_manual_run, wake
from tests.support.acting import book, change, connect, told, transcript
from tests.support.approvals import RUN, decided, waiting
from tests.support.model_server import ModelServer, asks, says
from tests.support.seeds import access_to
from tests.support.tool_server import ToolServer
from tests.support.world import World

RISKS = ["private_data", "outside_action"]
NOTE = ("desk__read_note", {"what": "A note"})


@pytest.fixture
async def risky(working: World, desk: ToolServer) -> World:
    """A world whose bot reads private notes and books; `read_note` says that it only reads, `book` says nothing."""
    await connect(working, desk, risks=RISKS)
    return working


async def asked(world: World) -> list[Any]:
    return (await world.database.read(lambda c: approvals(c, access_to(c, world.bot), None, Page(1, 20))))[0]


def fetch(desk: ToolServer) -> tuple[str, dict[str, Any]]:
    """A page of the desk's machine."""
    return "web_fetch", {"url": desk.url.replace("/mcp", "/made")}


async def test_what_acts_outside_waits_and_says_why(risky: World, model: ModelServer, desk: ToolServer) -> None:
    model.script(asks(NOTE), asks(book("a castle")), says("It is booked."))
    handle = await risky.start(RUN)
    row = await waiting(risky)
    assert (desk.times("read_note"), desk.times("book")) == (1, 0), "reading asks nobody"
    why = "private data (desk__read_note) and text that others may have written (web_fetch)"
    shown = ApprovalObject.model_validate(show_approval(row, risky.settings), extra="forbid")
    assert (shown.tool, shown.reason, why in shown.why) == ("desk__book", "combination", True)
    assert why.encode() in html("approval", approval=row, park=None, arguments=[], state="pending", token="").body
    events = select(columns(Event)).where(columns(Event).c.kind == "approval.requested")
    [event] = await risky.database.read(lambda c: many(c, Event, events))
    assert (event.data["reason"], event.data["why"]) == ("combination", row.why)
    await decided(risky, "approved")
    assert (await handle.result()).status == "success"
    assert desk.times("book") == 1


async def test_what_its_owner_does_not_declare_asks_nobody(
    working: World,
    model: ModelServer,
    desk: ToolServer,
) -> None:
    await connect(working, desk, risks=["untrusted_text", "outside_action"])
    model.script(asks(book("a castle"), fetch(desk)), says("It is booked."))
    assert (await working.run_once()).status == "success"
    assert desk.times("book") == 1
    assert await asked(working) == []


async def test_a_tool_that_is_registered_for_approval_says_so(
    working: World,
    model: ModelServer,
    desk: ToolServer,
) -> None:
    await connect(working, desk, risks=RISKS, require_approval="always")
    model.script(asks(NOTE), says("That is that."))
    handle = await working.start(RUN)
    row = await waiting(working)
    assert (row.tool, row.reason) == ("desk__read_note", "registration")
    await decided(working, "denied")
    assert (await handle.result()).status == "success"


async def test_an_address_that_the_owner_wrote_is_fetched_unasked(
    risky: World,
    model: ModelServer,
    desk: ToolServer,
) -> None:
    await change(risky, Heartbeat, prompt=f"Look at {fetch(desk)[1]['url']}, and say what is new.")
    model.script(asks(fetch(desk)), says("Nothing."))
    assert (await risky.run_once()).status == "success"
    assert told(model.requests[1])[0][1] == "[]"
    assert await asked(risky) == []


async def test_an_address_of_the_models_own_waits(risky: World, model: ModelServer, desk: ToolServer) -> None:
    model.script(asks(fetch(desk)), says("That is that."))
    handle = await risky.start(RUN)
    row = await waiting(risky)
    assert (row.tool, row.reason) == ("web_fetch", "combination")
    await decided(risky, "denied")
    assert (await handle.result()).status == "success"
    assert "a person was asked, and said no" in told(model.requests[1])[0][1]


async def test_an_agents_own_prompt_vouches_for_no_address(risky: World, model: ModelServer, desk: ToolServer) -> None:
    """Else a text could have it schedule a task that fetches what nobody would have let it fetch."""
    model.script(says("Scheduled."))
    maker = await risky.run_once()
    await change(risky, Heartbeat, prompt=f"Look at {fetch(desk)[1]['url']}.", made_by_run_id=maker.id)
    model.script(asks(fetch(desk)), says("That is that."))
    handle = await risky.start(RUN)
    assert (await waiting(risky)).tool == "web_fetch"
    await decided(risky, "denied")
    assert (await handle.result()).status == "success"


async def test_a_no_counts_even_if_nobody_would_be_asked_any_more(
    risky: World,
    model: ModelServer,
    desk: ToolServer,
) -> None:
    model.script(asks(book("a castle")), says("That is that."))
    handle = await risky.start(RUN)
    row = await waiting(risky)
    await risky.database.write(lambda c: decide(c, row.uuid, "denied", "a test", datetime.now(UTC)))
    await change(risky, Tool, risks=[])
    assert await wake(risky.client, row.workflow_id, row.step)
    assert (await handle.result()).status == "success"
    assert desk.times("book") == 0


async def test_a_rehearsal_asks_nobody_and_lets_nothing_out(risky: World, model: ModelServer, desk: ToolServer) -> None:
    model.script(asks(book("a castle"), fetch(desk), NOTE), says("That is that."))
    run = new_id("log")
    handle = await start_manual_run(risky.client, risky.settings, risky.scheduled_row, run, dry_run=True)
    assert (await handle.result()).status == "success"
    steps = [step for step in await transcript(risky, await risky.run(run)) if step.kind == "tool"]
    assert [step.failure_code for step in steps] == ["would_ask", "would_ask", None]
    assert [received.tool for received in desk.made] == ["read_note"]
    assert await asked(risky) == []
