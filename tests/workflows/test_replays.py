"""Rehearsals of what is not saved, and runs once more with the tool results that they recorded."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from heartbeat.domain.errors import Conflict, NotFound
from heartbeat.domain.first_message import first_message
from heartbeat.domain.ids import new_id
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.configure import ConfigureRequest, configure
from heartbeat.store.heartbeats.drafts import unsaved_bot, write_draft
from heartbeat.store.heartbeats.heartbeats import count_heartbeats
from heartbeat.store.heartbeats.sync import ScheduledRow, everything, unsynced
from heartbeat.store.runs.rehearsals import rehearsals_of
from heartbeat.store.runs.variants import promise_rehearsal, promise_replay
from heartbeat.store.tables.bots import Bot, Tool
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run, Variant
from heartbeat.temporal.runs import start_manual_run
from tests.support.acting import book, change, told, transcript
from tests.support.model_server import ModelServer, asks, says
from tests.support.seeds import a_bot, a_project, access_to, heartbeat_row
from tests.support.tool_server import ToolServer
from tests.support.world import World

READ = ("desk__read_note", {"what": "garden"})
REPORT = {"outcome": "ok", "summary": "A table is booked.", "findings": []}
COUNTED = ("success_count", "total_error_count", "skipped_count", "last_status", "last_executed_at", "error_count")


async def rehearse(world: World, heartbeat: Heartbeat, log_id: str) -> Run:
    handle = await start_manual_run(
        world.client, world.settings, ScheduledRow(heartbeat, world.bot.name, "self_hosted"), log_id, dry_run=True
    )
    await handle.result()
    return await world.run(log_id)


async def replay(world: World, run: Run, **changes: Any) -> Run:
    log_id = new_id("log")
    await world.database.write(
        lambda c: promise_replay(c, access_to(c, world.bot), log_id, run.uuid, changes, datetime.now(UTC))
    )
    return await rehearse(world, world.heartbeat, log_id)


async def test_a_replay_is_answered_with_what_was_recorded(agent: World, model: ModelServer, desk: ToolServer) -> None:
    model.script(asks(book("a table"), READ), asks(book("a table")), says("Booked twice."))
    original = await agent.run_once()
    recorded = [step.answer for step in await transcript(agent, original) if step.kind == "tool"]
    await change(agent, Bot, instruction="Be long.")
    before, made, asked = await agent.row(), len(desk.made), len(model.requests)
    model.script(
        asks(book("a table"), READ, book("a lamp")),
        asks(book("a table"), book("a table")),
        asks(("report", REPORT)),
        says("Booked thrice.", 1200, 50),
    )
    log = await replay(agent, original, prompt="Book anew.", model="openai:other")
    # Not even what only reads was called, and each call got its own result; what is asked too often gets the last one.
    assert len(desk.made) == made
    tools = [step for step in await transcript(agent, log) if step.kind == "tool"]
    assert [step.answer for step in tools[:2]] == recorded[:2]
    assert [step.answer for step in tools[3:5]] == [recorded[2], recorded[2]]
    assert [step.failure_code for step in tools] == [None, None, "not_recorded", None, None, None]
    assert "not in the recording" in told(model.requests[-1])[2][1]
    # The conversation is the earlier one, but for what was changed.
    first = model.requests[asked]
    assert first["model"] == "other"
    assert first["messages"][0]["content"] == "Be brief."
    assert first["messages"][-1]["content"] == first_message(original.opening, "Book anew.")
    assert (log.opening, log.instruction, log.model) == (original.opening, "Be brief.", "openai:other")
    assert (log.dry_run, log.replay_of, log.status, log.response) == (True, original.uuid, "success", "Booked thrice.")
    assert log.report == REPORT
    # It is charged, and counted nowhere else.
    after = await agent.row()
    assert after.period_credits == before.period_credits + log.credits_charged
    assert [getattr(after, name) for name in COUNTED] == [getattr(before, name) for name in COUNTED]
    assert await agent.database.read(audit) == []


async def test_a_tool_that_is_gone_is_offered_by_its_name(agent: World, model: ModelServer, desk: ToolServer) -> None:
    model.script(asks(READ), says("Read."))
    original = await agent.run_once()
    await change(agent, Tool, is_enabled=False)
    model.script(asks(READ), says("Read again."))
    log = await replay(agent, original)
    assert (log.response, len(desk.made)) == ("Read again.", 1)
    assert told(model.requests[-1])[0][1] == "garden: water the plants."
    assert "desk__read_note" in {tool["function"]["name"] for tool in model.requests[-1]["tools"]}


async def test_a_rehearsal_varies_and_the_rows_stay_as_they_are(agent: World, model: ModelServer) -> None:
    log_id, changes = new_id("log"), {"prompt": "Try this.", "model": "openai:other", "max_steps": 3}
    await agent.database.write(
        lambda c: promise_rehearsal(c, access_to(c, agent.bot), log_id, changes, datetime.now(UTC))
    )
    model.script(says("Tried."))
    log = await rehearse(agent, agent.heartbeat, log_id)
    assert (log.prompt, log.model, log.max_steps, log.instruction) == ("Try this.", "openai:other", 3, "Be brief.")
    assert (log.dry_run, log.replay_of, log.response) == (True, None, "Tried.")
    assert model.requests[-1]["messages"][-1]["content"].endswith("Try this.")
    assert (await agent.row()).prompt == agent.heartbeat.prompt
    left = select(func.count()).select_from(columns(Variant))
    assert await agent.database.read(lambda c: c.execute(left).scalar_one()) == 0
    # The next one is as it is saved.
    model.script(says("As saved."))
    assert (await rehearse(agent, agent.heartbeat, new_id("log"))).prompt == agent.heartbeat.prompt


async def test_a_draft_is_rehearsed_and_becomes_the_heartbeat(agent: World, model: ModelServer) -> None:
    draft_uuid, now = new_id("hb"), datetime.now(UTC)
    request = ConfigureRequest({"prompt": "Look.", "interval_minutes": 60}, draft=draft_uuid, enabled=True)

    def write(connection: Any) -> Heartbeat:
        access = access_to(connection, agent.bot)
        bot = unsaved_bot(connection, access, draft_uuid, "Not saved", now)
        return write_draft(connection, access.narrowed(bot), request, now)

    draft = await agent.database.write(write)
    assert (draft.uuid, (await agent.database.write(write)).id) == (draft_uuid, draft.id)
    log_id = new_id("log")
    changes = {"model": "openai:other", "instruction": "Be new."}
    await agent.database.write(lambda c: promise_rehearsal(c, access_to(c, agent.bot), log_id, changes, now))
    model.script(says("Looked."))
    log = await rehearse(agent, draft, log_id)
    assert (log.status, log.instruction, log.type) == ("success", "Be new.", "heartbeat")
    # Nothing lists, counts or schedules it.
    assert await agent.database.read(count_heartbeats, agent.bot) == 1
    assert draft.uuid not in {row.heartbeat.uuid for row in await agent.database.read(everything)}
    assert draft.uuid not in await agent.database.read(unsynced, 100)

    saved = await agent.database.write(lambda c: configure(c, access_to(c, agent.bot), request, now))
    assert (saved.id, saved.uuid, saved.type, saved.deleted_at, saved.enabled) == (
        draft.id,
        draft_uuid,
        "heartbeat",
        None,
        True,
    )
    assert saved.next_tick_at is not None
    assert saved.period_credits == log.credits_charged
    assert draft_uuid in await agent.database.read(unsynced, 100)
    assert [run.uuid for run in await agent.database.read(rehearsals_of, saved, 5)] == [log.uuid]
    assert await agent.database.read(count_heartbeats, agent.bot) == 2
    assert await agent.database.read(audit) == []
    # Saved once more, the same form makes another heartbeat; nobody takes over what is a draft no longer.
    other = ConfigureRequest({"prompt": "Look again.", "interval_minutes": 60}, draft=draft_uuid)
    assert (await agent.database.write(lambda c: configure(c, access_to(c, agent.bot), other, now))).uuid != draft_uuid


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_cannot_be_replayed(agent: World, model: ModelServer) -> None:
    model.script(says("All quiet."))
    log = await agent.run_once()

    async def refusal(code: str) -> None:
        with pytest.raises(Conflict) as refused:
            await replay(agent, log)
        assert refused.value.code == code

    await change(agent, Run, status="running")
    await refusal("run_in_progress")
    await change(agent, Run, status="skipped")
    await refusal("nothing_to_replay")
    await change(agent, Run, status="success")
    await change(agent, Heartbeat, deleted_at=datetime.now(UTC))
    await refusal("heartbeat_deleted")
    agent.bot = await agent.database.write(lambda c: a_bot(c, a_project(c, name="Another")))
    with pytest.raises(NotFound):
        await replay(agent, log)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_draft_takes_no_id_that_another_row_has(agent: World) -> None:
    now = datetime.now(UTC)
    for uuid in (agent.heartbeat.uuid, "hb_mine", "log_00000000000000000000"):
        request = ConfigureRequest({"prompt": "Look."}, draft=uuid)
        draft = await agent.database.write(
            lambda c, request=request: write_draft(c, access_to(c, agent.bot), request, now)
        )
        assert draft.uuid != uuid
    assert (await agent.database.read(heartbeat_row, agent.heartbeat.uuid)).deleted_at is None
