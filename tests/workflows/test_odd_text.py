"""Characters that no database, protocol or log takes: a model's, a provider's or a tool's end no run, nor keep one."""

import asyncio
import json

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run, Step
from tests.support.model_server import ModelServer, Reply, asks, fails, says
from tests.support.patience import PATIENCE
from tests.support.seeds import a_project
from tests.support.world import World

ODD = pytest.mark.parametrize("odd", ["\x00", "\ud800"], ids=["NUL", "half a pair"])


async def once(world: World) -> Run:
    """A run that could not be closed would be tried for ever."""
    return await asyncio.wait_for(world.run_once(), PATIENCE)


@ODD
async def test_an_answer_is_kept_and_paid_for_once(working: World, model: ModelServer, odd: str) -> None:
    model.script(says(f"All{odd}quiet."))
    run = await once(working)
    assert (run.status, run.response, len(model.requests)) == ("success", "All�quiet.", 1)


@ODD
async def test_what_a_provider_fails_with_ends_the_run(working: World, model: ModelServer, odd: str) -> None:
    model.script(fails(400, message=f"no{odd}way"))
    run = await once(working)
    assert run.status == "error"
    assert "It said: no�way" in (run.error_message or "")


def report(odd: str) -> dict[str, object]:
    finding = {"title": f"Disk{odd}full", "severity": "critical", "fingerprint": f"disk{odd}"}
    return {"outcome": "failed", "summary": f"It{odd}failed.", "findings": [finding]}


def named(odd: str) -> Reply:
    reply = asks((f"re{odd}port", {}))
    assert isinstance(reply.body, dict)
    reply.body["choices"][0]["message"]["tool_calls"][0]["id"] = f"call{odd}"
    return reply


@ODD
async def test_a_report_is_read_and_closes_the_run(working: World, model: ModelServer, odd: str) -> None:
    model.script(asks(("report", report(odd))), says("Done."))
    run = await once(working)
    assert (run.status, run.error_code, run.error_message) == ("error", "reported_failure", "It�failed.")
    assert len(model.requests) == 2


@ODD
async def test_a_call_is_answered(working: World, model: ModelServer, odd: str) -> None:
    raw = json.dumps(report("!"), ensure_ascii=False).replace("!", odd)
    model.script(named(odd), asks(("report", raw)), says("Done."))
    assert (await once(working)).status in ("success", "error")
    table = columns(Step)
    calls = select(table.c.name, table.c.state).where(table.c.kind == "tool").order_by(table.c.number)
    rows = await working.database.read(lambda c: [tuple(row) for row in c.execute(calls)])
    assert rows == [("re�port", "done"), ("report", "done")]
    assert len(model.requests) == 3


async def test_arguments_too_deep_to_read_are_told_to_the_model(working: World, model: ModelServer) -> None:
    model.script(asks(("report", "[" * 100_000)), says("Done."))
    assert (await once(working)).status == "success"
    assert "The arguments are no JSON object" in json.dumps(model.requests[-1]["messages"])


def test_an_error_of_the_database_holds_nothing_that_was_to_be_written(database: Database) -> None:
    project = database.write_now(a_project)
    again = columns(Project).insert().values(uuid=project.uuid, name="canary-4711", created_at=project.created_at)
    with pytest.raises(IntegrityError) as raised:
        database.write_now(lambda c: c.execute(again))
    assert "canary-4711" not in str(raised.value)
