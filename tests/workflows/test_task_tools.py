"""Tasks that agents make: the built-in tool `schedule_task`, its limits, and that a call makes one task."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from heartbeat.agents.tools.built_in.tools import call_built_in
from heartbeat.domain.plans import Plan
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.rows import columns, many
from heartbeat.store.heartbeats import tasks
from heartbeat.store.runs.tool_calls import CallOutcome, begin_call, finish_call
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run, Step
from tests.support.acting import change, told, transcript
from tests.support.audit_entries import recorded
from tests.support.model_server import ModelServer, asks, says
from tests.support.patience import until
from tests.support.temporal_runs import has_schedule, runs
from tests.support.world import World

LATER = {
    "name": "Quarter end",
    "prompt": "Send the figures.",
    "schedule_type": "once",
    "schedule_config": {"in_minutes": 60},
}


def call(**arguments: Any) -> tuple[str, dict[str, Any]]:
    return "schedule_task", {**LATER, **arguments}


async def made(world: World) -> list[Heartbeat]:
    table = columns(Heartbeat)
    return await world.database.read(
        lambda c: many(c, Heartbeat, select(table).where(table.c.type == tasks.TASK).order_by(table.c.id))
    )


async def test_an_agent_schedules_a_task(working: World, model: ModelServer) -> None:
    await change(working, Heartbeat, timezone="Europe/Rome", credit_budget=500, max_credits_per_run=90, max_steps=7)
    model.script(asks(call(description="For the board")), says("It is arranged."))
    log = await working.run_once()
    [task] = await made(working)
    assert (task.label, task.prompt, task.description) == ("Quarter end", "Send the figures.", "For the board")
    assert (task.made_by_run_id, task.depth, task.max_executions) == (log.id, 1, 1)
    assert (task.timezone, task.credit_budget, task.max_steps) == ("Europe/Rome", 500, 7)
    assert task.max_credits_per_run == 90
    assert task.run_at is not None
    assert timedelta(minutes=60) <= task.run_at - log.started_at < timedelta(minutes=61)
    [(_, said)] = told(model.requests[1])
    assert said.startswith(f"Scheduled as {task.uuid}: Once, on ")
    assert said.endswith(", Rome time.")
    assert (task.synced_version, await has_schedule(replace(working, heartbeat=task))) == (1, True)
    assert await working.database.read(lambda c: tasks.made_by(c, [task])) == {log.id: log.uuid}
    assert await working.database.read(audit) == []
    [entry] = [one for one in await recorded(working.database, working.project.id) if one.object_id == task.uuid]
    assert (entry.actor_kind, entry.actor_id, entry.action) == ("agent", log.uuid, "task.create")


async def test_a_task_made_for_now_runs_and_cannot_make_another(working: World, model: ModelServer) -> None:
    due = datetime.now(UTC) + timedelta(seconds=4)
    now = call(schedule_config={"at": due.isoformat()})
    model.script(asks(now), says("Arranged."), asks(call(name="And again")), says("Then not."))
    first = await working.run_once()
    [task] = await made(working)
    await until(lambda: runs(replace(working, heartbeat=task)), lambda rows: [r.status for r in rows] == ["success"])
    [log] = await runs(replace(working, heartbeat=task))
    assert (log.type, log.prompt, log.response, first.type) == (
        "scheduled_task",
        "Send the figures.",
        "Then not.",
        "heartbeat",
    )
    assert told(model.requests[3])[0][1] == "A task that an agent scheduled cannot schedule another one; go on without."
    [refused] = [step for step in await transcript(working, log) if step.kind == "tool"]
    assert (refused.state, refused.failure_code) == ("done", "failed")
    assert len(await made(working)) == 1


async def test_a_task_made_by_hand_may_make_some(working: World, model: ModelServer) -> None:
    await change(working, Heartbeat, type=tasks.TASK)
    model.script(asks(call()), says("Arranged."))
    await working.run_once()
    assert [task.depth for task in await made(working)] == [0, 1]


async def test_a_run_makes_five_at_most(working: World, model: ModelServer) -> None:
    model.script(asks(*(call(name=f"Task {number}") for number in range(4))), *[asks(call())] * 3, says("Enough."))
    assert (await working.run_once()).response == "Enough."
    assert len(await made(working)) == 5
    answers = [said for _, said in told(model.requests[-1])]
    assert [said.partition(":")[0].partition(" as ")[0] for said in answers[:5]] == ["Scheduled"] * 5
    assert answers[5:] == ["A run can schedule 5 tasks, and this one has; go on without."] * 2


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"schedule_config": {}}, "schedule_config: give either at, such as"),
    ({"schedule_type": "daily"}, "schedule_config.time: write the time of day"),
    ({"timezone": "Roma"}, "timezone: 'Roma' is not a time zone"),
    ({"max_executions": 3}, "max_executions: leave it out, or write 1"),
    ({"prompt": ""}, "schedule_task was not called: prompt: String should have at least 1 character"),
    ({"schedule_type": "monthly"}, "schedule_task was not called: schedule_type: Input should be"),
    ({"schedule_config": "soon"}, "schedule_task was not called: schedule_config: Input should be a valid dictionary"),
]


async def test_what_cannot_be_is_told_to_the_agent(working: World, model: ModelServer) -> None:
    model.script(asks(*(call(**arguments) for arguments, _ in REFUSED)), says("I see."))
    log = await working.run_once()
    assert (log.status, await made(working)) == ("success", [])
    for (_, said), (_, words) in zip(told(model.requests[1]), REFUSED, strict=True):
        assert said.startswith(words)


async def test_a_plan_limits_agents_too(working: World, model: ModelServer) -> None:
    working.settings.plans["small"] = Plan(tasks_per_bot=1, min_interval_minutes=60)
    await change(working, Project, plan="small")
    often = {"schedule_type": "interval", "schedule_config": {"interval_minutes": 5}}
    model.script(asks(call(**often)), asks(call()), asks(call()), says("Enough."))
    await working.run_once()
    answers = [said for _, said in told(model.requests[3])]
    assert answers[0].startswith("schedule_config: runs every 5 minutes at its closest; the plan small allows 60")
    assert answers[2] == "The plan small allows 1 scheduled tasks on a bot; cancel one first."
    assert len(await made(working)) == 1


@pytest.mark.parametrize("attempts", [2, 3])
async def test_a_call_that_is_tried_again_makes_one_task(working: World, model: ModelServer, attempts: int) -> None:
    model.script(asks(call()), says("Arranged."))
    log = await working.run_once()
    [task] = await made(working)
    # Its worker was lost before the outcome was written: what it did to the store was not written either.
    await working.database.write(
        lambda c: c.execute(columns(Heartbeat).delete().where(columns(Heartbeat).c.id == task.id))
    )
    await change(working, Run, status="running")
    await working.database.write(
        lambda c: c.execute(update(columns(Step)).where(columns(Step).c.kind == "tool").values(state="called"))
    )
    called = await call_built_in("schedule_task", LATER, working.settings)
    receipt = await working.database.write(lambda c: begin_call(c, log.uuid, 2))
    assert (receipt.before, receipt.over) == ("called", False)
    outcome, now = CallOutcome(called.text, effect=called.effect), datetime.now(UTC)
    for _ in range(attempts):
        await working.database.write(lambda c: finish_call(c, receipt, outcome, working.settings.plans, now))
    assert len(await made(working)) == 1


async def test_a_rehearsal_makes_none(working: World, model: ModelServer) -> None:
    model.script(asks(call()), says("Arranged."))
    handle = await working.start("log_first")
    await handle.result()
    await working.database.write(
        lambda c: c.execute(columns(Heartbeat).delete().where(columns(Heartbeat).c.depth == 1))
    )
    from heartbeat.temporal.runs import start_manual_run

    rehearsal = await start_manual_run(
        working.client,
        working.settings,
        working.scheduled_row,
        "log_dry",
        dry_run=True,
    )
    model.script(asks(call()), says("Arranged."))
    await rehearsal.result()
    log = await working.run("log_dry")
    assert (log.dry_run, log.status, await made(working)) == (True, "success", [])
    [step] = [step for step in await transcript(working, log) if step.kind == "tool"]
    assert step.name == "schedule_task"
