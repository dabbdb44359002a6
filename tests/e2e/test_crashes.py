"""Workers killed without a word at every boundary of a run: it goes on where it was, and nothing is done twice."""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel
from temporalio.client import Client, WorkflowHandle

from heartbeat.agents.tools.definitions import McpServer
from heartbeat.agents.tools.mcp.client import list_tools
from heartbeat.domain.contracts import RunResult
from heartbeat.domain.errors import NotFound
from heartbeat.domain.ids import new_id
from heartbeat.settings import Settings
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, many
from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.runs.steps import steps
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Attempt, Run, Step
from heartbeat.store.tools.servers import create_tool, pin
from heartbeat.temporal.runs import start_manual_run
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, Reply, asks, says
from tests.support.patience import until
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, access_to
from tests.support.tool_server import ToolServer
from tests.support.worker_process import Worker

# A goodbye to the tool server that is cut short on a busy machine leaves its socket to the collector.
T = TypeVar("T", bound=SQLModel)
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Site:
    """A heartbeat whose bot has a desk connected, and a worker process at work on it."""

    def __init__(self, database: Database, client: Client, settings: Settings, model: ModelServer) -> None:
        self.database, self.client, self.settings = database, client, settings
        self.model = model
        self.desk = ToolServer()
        self.log = new_id("log")
        self.worker = Worker(settings, model)

    async def start(self) -> WorkflowHandle[object, RunResult]:
        """Connect the desk and start a run."""
        listing = await list_tools(McpServer("tool_1", "desk", "http", self.desk.url), self.settings)
        tools = list(listing.tools.values())

        def work(connection: object) -> tuple[Bot, Heartbeat]:
            bot = a_bot(connection, a_project(connection))
            fields = {"server_label": "desk", "server_url": self.desk.url, "transport": "http"}
            pin(connection, create_tool(connection, access_to(connection, bot), fields, NOW).id, tools, NOW)
            return bot, a_heartbeat(connection, bot)

        bot, heartbeat = await self.database.write(work)
        return await start_manual_run(
            self.client, self.settings, ScheduledRow(heartbeat, bot.name, "self_hosted"), self.log
        )

    async def transcript(self) -> list[Step]:
        run = await self.run()
        return await self.database.read(lambda c: steps(c, run.id))

    async def run(self) -> Run:
        return await self.database.read(lambda c: run_by_uuid(c, self.log))

    async def done(self) -> set[int]:
        """The steps that are written, by their numbers."""
        try:
            return {step.number for step in await self.transcript() if step.state == "done"}
        except NotFound:
            return set()

    async def rows(self, table: type[T]) -> list[T]:
        return await self.database.read(lambda c: many(c, table, select(columns(table)).order_by(columns(table).c.id)))

    def close(self) -> None:
        self.worker.close()
        self.desk.close()


@pytest.fixture
async def site(tmp_path: Path, database: Database, temporal: Client, model: ModelServer) -> AsyncIterator[Site]:
    settings = Settings(
        _env_file=None,
        database_url=database.url,
        task_queue=new_id("queue"),
        temporal_address=temporal.service_client.config.target_host,
        egress_allow=["127.0.0.1"],
    )
    with closing(Site(database, temporal, settings, model)) as crash_site:
        yield crash_site


async def test_killed_at_every_step_of_five(site: Site) -> None:
    """Three answers and two calls; as soon as each of them is written, its worker is gone."""
    site.model.script(
        asks(("desk__book", {"what": "a table"})),
        asks(("desk__book", {"what": "a room"})),
        says("Both are booked.", 300, 20),
    )
    handle = await site.start()
    for number in (1, 2, 3, 4):
        await until(site.done, lambda done, number=number: number in done)
        site.worker.replace()
    assert await handle.result() == RunResult("success", site.log)
    run, transcript = await site.run(), await site.transcript()
    assert run.response == "Both are booked."
    assert [(step.number, step.kind, step.state) for step in transcript] == [
        (1, "model", "done"),
        (2, "tool", "done"),
        (3, "model", "done"),
        (4, "tool", "done"),
        (5, "model", "done"),
    ]
    # A worker that died a moment later, in the middle of a call, leaves one that may have been made: once only.
    known = {f"{site.log}:{step.number}" for step in transcript if step.kind == "tool" and step.failure_code is None}
    keys = [keys.key for keys in site.desk.made]
    assert {step.failure_code for step in transcript} <= {None, "unknown"}
    assert known <= set(keys) <= {f"{site.log}:2", f"{site.log}:4"}
    assert len(set(keys)) == len(keys)
    await charged_once_each(site, [1, 3, 5])


# What a database can do wrong here, the run above has shown; these two are about the peers.
@ON_SQLITE
async def test_killed_while_the_model_thinks(site: Site) -> None:
    """The answer is lost with its worker: asked again, charged once, and what was lost is on record."""

    def reply(_: object) -> Reply:
        if len(site.model.requests) == 1:
            site.worker.replace()
        return says("At last.", 700, 20)

    site.model.reply = reply
    handle = await site.start()
    assert await handle.result() == RunResult("success", site.log)
    attempts = await site.rows(Attempt)
    # A slow machine may take the second worker for dead, too.
    assert [one.outcome for one in attempts] == ["lost"] * (len(attempts) - 1) + ["answered"]
    assert [one.attempt for one in attempts] == list(range(1, len(attempts) + 1))
    assert len(attempts) > 1
    assert attempts[0].input_tokens >= 10
    await charged_once_each(site, [1])


@ON_SQLITE
@pytest.mark.parametrize(("tool", "outcome"), [("wait", "unknown"), ("put_note", None)])
async def test_killed_in_the_middle_of_a_call(site: Site, tool: str, outcome: str | None) -> None:
    """Nobody knows whether it was made: the model is told so, unless the tool says that twice does no harm."""
    site.model.script(asks((f"desk__{tool}", {"what": "x"} if tool == "put_note" else {})), says("I see.", 200, 20))
    site.desk.before_answering = lambda: site.worker.replace() if len(site.desk.made) == 1 else None
    handle = await site.start()
    assert await handle.result() == RunResult("success", site.log)
    [call] = [step for step in await site.transcript() if step.kind == "tool"]
    assert call.failure_code == outcome
    assert {received.key for received in site.desk.made} == {f"{site.log}:2"}
    assert (len(site.desk.made) > 1) == (outcome is None)
    if outcome:
        assert "Nobody knows whether this call was made" in call.answer
    await charged_once_each(site, [1, 3])


async def charged_once_each(site: Site, steps: list[int]) -> None:
    entries = [entry for entry in await site.rows(Entry) if entry.kind != "period"]
    assert sorted((entry.step, entry.kind) for entry in entries) == sorted(
        (number, kind) for number in steps for kind in ("reserve", "settle")
    )
    assert await site.database.read(audit) == []
