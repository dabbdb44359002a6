"""A rehearsal thinks for real and does nothing: against a real tool server, a real provider and real Temporal."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from heartbeat.domain.ids import new_id
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.pages import Page
from heartbeat.store.database.rows import columns, insert
from heartbeat.store.heartbeats.tick_accounting import account
from heartbeat.store.runs.logs import LogFilter, logs
from heartbeat.store.runs.rehearsals import RehearsedCall, RehearsedEvent, rehearsal
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.credits import DailyRollup
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Target
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.runs import start_manual_run, start_tick
from tests.support.acting import book, change, told, transcript
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, Reply, asks, fails, says
from tests.support.patience import until
from tests.support.tool_server import ToolServer
from tests.support.world import World

FINDING = {"title": "Disk full", "severity": "critical", "fingerprint": "disk:web-1"}
REPORT = {"outcome": "ok", "summary": "One disk is full.", "findings": [FINDING]}
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


async def start(world: World, log: str) -> Any:
    return await start_manual_run(world.client, world.settings, world.scheduled_row, log, dry_run=True)


async def rehearse(world: World) -> Run:
    result = await (await start(world, new_id("log"))).result()
    assert result.run_uuid is not None
    return await world.run(result.run_uuid)


async def count(world: World, table: type) -> int:
    return await world.database.read(lambda c: c.execute(select(func.count()).select_from(columns(table))).scalar_one())


async def a_target(world: World, events: list[str] | None) -> None:
    row = {"uuid": new_id("tgt"), "project_id": world.project.id, "channel": "slack", "name": "On call"}
    row |= {"config": {}, "events": events, "created_at": datetime.now(UTC), "updated_at": datetime.now(UTC)}
    defaults = {"cooldown_seconds": 0, "is_enabled": True}
    await world.database.write(lambda c: c.execute(insert(c, columns(Target)).values(row | defaults)))


async def test_what_acts_is_written_down_and_what_reads_is_done(
    agent: World, model: ModelServer, desk: ToolServer
) -> None:
    await a_target(agent, ["run.finding"])
    model.script(
        asks(book("a table"), ("desk__read_note", {"what": "garden"})), asks(("report", REPORT)), says("It is booked.")
    )
    log = await rehearse(agent)
    assert (log.status, log.trigger, log.dry_run, log.response) == ("success", "manual", True, "It is booked.")
    assert [(received.tool, received.arguments) for received in desk.made] == [("read_note", {"what": "garden"})]
    codes = [(step.name, step.failure_code) for step in await transcript(agent, log) if step.kind == "tool"]
    assert codes == [("desk__book", "rehearsed"), ("desk__read_note", None), ("report", None)]
    assert told(model.requests[1]) == [
        (
            "call_0_desk__book",
            "Rehearsal: this call was not made. It was written down as what you would have done; go on as if it had "
            "been made.",
        ),
        ("call_1_desk__read_note", "garden: water the plants."),
    ]
    would = await agent.database.read(lambda c: rehearsal(c, log))
    assert would.calls == [RehearsedCall("desk__book", {"what": "a table"})]
    assert would.events == [RehearsedEvent("run.finding", "slack", "On call")]


async def test_it_is_charged_and_counted_nowhere_else(agent: World, model: ModelServer) -> None:
    await a_target(agent, ["run.finding"])
    before = await agent.row()
    model.script(asks(book("a table")), asks(("report", REPORT)), says("Done.", 1200, 50))
    log = await rehearse(agent)
    assert log.credits_charged == 4
    row = await agent.row()
    assert row.period_credits == 4
    assert await agent.database.read(audit) == []
    names = ("success_count", "total_error_count", "skipped_count", "error_count", "last_status", "last_executed_at")
    assert [getattr(row, name) for name in names] == [getattr(before, name) for name in names]
    assert [await count(agent, table) for table in (DailyRollup, Event)] == [0, 0]


async def test_it_is_listed_apart(agent: World, model: ModelServer) -> None:
    model.script(says("All quiet."))
    rehearsed, real = await rehearse(agent), await agent.run_once()
    bot, page = agent.bot.id, Page(1, 20)
    for wanted, expected in (
        (LogFilter(bot), [real.uuid]),
        (LogFilter(bot, heartbeat_id=agent.heartbeat.id), [real.uuid]),
        (LogFilter(bot, status="success"), [real.uuid]),
        (LogFilter(bot, dry_run=True), [rehearsed.uuid]),
        (LogFilter(bot, heartbeat_id=agent.heartbeat.id, status="success", dry_run=True), [rehearsed.uuid]),
        (LogFilter(bot, status="error", dry_run=True), []),
    ):
        rows, total = await agent.database.read(lambda c, wanted=wanted: logs(c, wanted, page))
        assert ([row.uuid for row in rows], total) == (expected, len(expected))


@pytest.mark.parametrize("failure", [fails(401), asks(("report", {"outcome": "failed", "summary": "No access."}))])
async def test_a_failure_pauses_nothing(agent: World, model: ModelServer, failure: Reply) -> None:
    await change(agent, Heartbeat, max_consecutive_errors=1)
    model.script(failure, says("Sorry."))
    assert (await rehearse(agent)).status == "error"
    row = await agent.row()
    assert (row.enabled, row.pause_reason, row.error_count, row.total_error_count) == (True, None, 0, 0)


async def test_one_that_may_not_run_is_skipped_and_not_counted(agent: World) -> None:
    await change(agent, Heartbeat, credit_budget=0)
    log = await rehearse(agent)
    assert (log.status, log.skip_reason) == ("skipped", "budget")
    row = await agent.row()
    assert (row.enabled, row.skipped_count, await count(agent, DailyRollup)) == (True, 0, 0)


async def test_a_tick_runs_beside_a_rehearsal(agent: World, model: ModelServer) -> None:
    """The one does nothing that the other could come in the way of, so no tick is lost for it."""
    await change(agent, Heartbeat, cron_pattern="0 0 1 1 *")
    hanging = threading.Event()
    model.script(Reply(wait_for=hanging, body=says("Rehearsed.").body), says("All quiet."))
    handle = await start(agent, "log_rehearsed")
    await until(lambda: agent.asked(model), bool)
    assert await start_tick(agent.client, agent.settings, agent.scheduled_row, NEW_YEAR)
    row = await until(agent.row, lambda row: row.success_count == 1)
    assert row.skipped_count == 0
    assert (await agent.run("log_rehearsed")).status == "running"
    hanging.set()
    assert (await handle.result()).status == "success"
    assert (await agent.row()).success_count == 1


async def test_a_rehearsal_runs_beside_a_tick(agent: World, model: ModelServer) -> None:
    await change(agent, Heartbeat, cron_pattern="0 0 1 1 *")
    hanging = threading.Event()
    model.script(Reply(wait_for=hanging, body=says("All quiet.").body), says("Rehearsed."))
    assert await start_tick(agent.client, agent.settings, agent.scheduled_row, NEW_YEAR)
    await until(lambda: agent.asked(model), bool)
    assert (await rehearse(agent)).response == "Rehearsed."
    hanging.set()
    assert (await until(agent.row, lambda row: row.success_count == 1)).skipped_count == 0


async def test_ticks_that_were_lost_beside_a_rehearsal_were_missed(agent: World, model: ModelServer) -> None:
    model.script(says("Rehearsed."))
    log = await rehearse(agent)
    tick = log.started_at.replace(second=0, microsecond=0)
    await agent.database.write(
        lambda c: c.execute(
            update(columns(Run)).values(started_at=tick - timedelta(hours=1), finished_at=tick + timedelta(hours=1))
        )
    )
    row = await agent.row()
    assert await agent.database.write(lambda c: account(c, row, [tick], datetime.now(UTC))) == 1


async def test_what_needs_a_yes_is_written_down_without_one(agent: World, model: ModelServer, desk: ToolServer) -> None:
    await a_target(agent, None)
    await change(agent, Tool, require_approval="always")
    model.script(asks(book("a table"), ("desk__read_note", {"what": "garden"})), says("It is booked."))
    log = await rehearse(agent)
    codes = [step.failure_code for step in await transcript(agent, log) if step.kind == "tool"]
    assert codes == ["would_ask", "would_ask"]
    assert desk.made == []
    would = await agent.database.read(lambda c: rehearsal(c, log))
    assert [call.needs_approval for call in would.calls] == [True, True]
    assert [one.event for one in would.events] == ["approval.requested"]


@ON_SQLITE
@pytest.mark.parametrize(
    ("streak", "report", "events"),
    [
        (0, REPORT, ["run.finding"]),
        (0, {**REPORT, "outcome": "nothing_to_report"}, []),
        (2, REPORT, ["run.finding", "run.recovered"]),
        (0, {**REPORT, "outcome": "failed"}, ["run.finding", "run.failed"]),
        (1, {"outcome": "failed", "summary": "No access."}, []),
        (2, {"outcome": "failed", "summary": "No access."}, ["heartbeat.paused"]),
    ],
)
async def test_who_would_hear_of_it_at_a_tick(
    agent: World, model: ModelServer, streak: int, report: dict[str, Any], events: list[str]
) -> None:
    await a_target(agent, None)
    await change(agent, Heartbeat, error_count=streak, max_consecutive_errors=3)
    model.script(asks(("report", report)), says("That is that."))
    log = await rehearse(agent)
    assert [one.event for one in (await agent.database.read(lambda c: rehearsal(c, log))).events] == events
    # A tick with the same agent tells just that.
    model.script(asks(("report", report)), says("That is that."))
    await change(agent, Heartbeat, cron_pattern="0 0 1 1 *")
    before = (await agent.row()).total_error_count + (await agent.row()).success_count
    assert await start_tick(agent.client, agent.settings, agent.scheduled_row, NEW_YEAR)
    await until(agent.row, lambda row: row.total_error_count + row.success_count > before)
    table = columns(Event)
    kinds = await agent.database.read(lambda c: list(c.execute(select(table.c.kind).order_by(table.c.id)).scalars()))
    assert kinds == events


async def test_arguments_that_are_no_json_are_the_models_mistake(agent: World, model: ModelServer) -> None:
    model.script(asks(("desk__book", "{")), says("Sorry."))
    log = await rehearse(agent)
    assert [step.failure_code for step in await transcript(agent, log) if step.kind == "tool"] == ["invalid_arguments"]
    assert (await agent.database.read(lambda c: rehearsal(c, log))).calls == []
