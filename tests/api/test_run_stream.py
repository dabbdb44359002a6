"""A run's events over a real connection: what is new of it, once, until it has ended; and nothing left behind."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import Connection

from api import run_stream
from api.schemas.runs import RunObject, StepObject
from heartbeat.store.projects.keys import keys, revoke_key
from tests.support.api import Api, error_of
from tests.support.model_server import ModelServer, asks, says
from tests.support.past_runs import a_call, a_run, a_step, an_entry, change, change_step
from tests.support.patience import PATIENCE, until
from tests.support.seeds import NOW
from tests.support.statements import statements


@dataclass(frozen=True)
class Event:
    """One event as it came: `id` is what a reader who comes back sends along."""

    name: str
    id: str
    data: dict[str, Any]


@dataclass
class Site:
    """The API on a port of loopback, and the run that is watched."""

    api: Api
    server: uvicorn.Server
    bot: dict[str, Any]
    run: str

    @property
    def address(self) -> str:
        port = self.server.servers[0].sockets[0].getsockname()[1]
        query = httpx.QueryParams(project_id=self.api.project.uuid, bot_id=self.bot["id"], run_id=self.run)
        return f"http://127.0.0.1:{port}/v1/bot/run/events?{query}"

    @asynccontextmanager
    async def watched(self, last_id: str | None = None) -> AsyncIterator[httpx.Response]:
        headers = {"authorization": f"Bearer {self.api.key}"}
        if last_id is not None:
            headers["last-event-id"] = last_id
        async with (
            httpx.AsyncClient(timeout=PATIENCE) as http,
            http.stream("GET", self.address, headers=httpx.Headers(headers, encoding="utf-8")) as answer,
        ):
            yield answer

    async def all(self, last_id: str | None = None) -> list[Event]:
        """Every event until the stream ends."""
        async with self.watched(last_id) as answer:
            return [one async for one in read(answer)]

    async def write(self, work: Any, *arguments: Any, **keywords: Any) -> None:
        await self.api.database.write(work, self.run, *arguments, **keywords)

    async def end(self, status: str = "success") -> None:
        await self.write(change, status=status, duration_ms=5)


async def read(answer: httpx.Response) -> AsyncIterator[Event]:
    """The events of a stream as they come; comments are left out."""
    assert answer.status_code == 200
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, colon, value = line.partition(": ")
        if line and colon and name:
            fields[name] = value
        elif not line and fields:
            yield Event(fields["event"], fields["id"], json.loads(fields["data"]))
            fields = {}


@pytest.fixture
async def site(alone: Api, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(run_stream, "LOOK_EVERY", 0.05)
    config = uvicorn.Config(alone.app, port=0, lifespan="off", log_config=None, access_log=False, ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    await until(lambda: server.started)
    bot = await alone.bot()
    row = await alone.row(await alone.heartbeat(bot))
    run = await alone.database.write(a_run, row, "running", duration_ms=None)
    yield Site(alone, server, bot, run)
    server.should_exit = True
    await serving


async def test_a_run_is_told_as_it_goes(site: Site) -> None:
    async with site.watched() as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        events = read(answer)
        begun = await anext(events)
        assert (begun.name, begun.data["status"], begun.data["uuid"]) == ("run", "running", site.run)

        def thought(connection: Connection, run: str) -> None:
            a_step(connection, run, 1, answer="Let me look.")
            a_call(connection, run, 2)
            a_call(connection, run, 3)
            an_entry(connection, run, 1, "settle", credits=2)

        await site.write(thought)
        first = [await anext(events) for _ in range(3)]
        assert [(one.name, one.data["number"], one.data["state"], one.data["credits"]) for one in first] == [
            ("step", 1, "done", 2),
            ("step", 2, "asked", 0),
            ("step", 3, "asked", 0),
        ]
        await site.write(change_step, 3, state="called")
        assert [(await anext(events)).data[name] for name in ("number",)] == [3]
        await site.write(change_step, 3, progress="1 of 2")
        going = await anext(events)
        assert (going.data["number"], going.data["progress"], going.id) == (3, "1 of 2", "running.dac")
        await site.write(change_step, 3, state="done", progress=None, answer="3 tickets")
        done = await anext(events)
        assert (done.data["state"], done.data["answer"], done.id) == ("done", "3 tickets", "running.dad")
        await site.end("cancelled")
        rest = [one async for one in events]
    assert [(one.name, one.data["status"]) for one in rest] == [("run", "cancelled"), ("end", "cancelled")]
    unsaid = {"instruction": "", "opening": None, "expect": None, "steps": [], "attempts": []}
    RunObject.model_validate({**rest[0].data, **unsaid}, extra="forbid")
    StepObject.model_validate(done.data, extra="forbid")


async def test_who_comes_back_is_told_what_is_new(site: Site) -> None:
    await site.write(a_step, 1)
    await site.write(a_call, 2)
    async with site.watched() as answer:
        events = read(answer)
        seen = [await anext(events) for _ in range(3)]
    await site.write(change_step, 2, state="done")
    await site.write(a_step, 3, final=True)
    await site.end()

    def names(new: list[Event]) -> list[Any]:
        return [(one.name, one.data.get("number")) for one in new]

    after = [("run", None), ("end", None)]
    assert names(await site.all(seen[-1].id)) == [("step", 2), ("step", 3), *after]
    assert names(await site.all(seen[1].id)) == [("step", 2), ("step", 3), *after]
    assert names(await site.all(seen[0].id)) == [("step", 1), ("step", 2), ("step", 3), *after]
    everything = await site.all()
    assert names(everything) == [("step", 1), ("step", 2), ("step", 3), *after]
    assert names(await site.all(everything[-1].id)) == [("end", None)]
    for odd in ("nonsense", "17", "running.%", ".", "é", "running." + "d" * 20_000):
        assert names(await site.all(odd)) == names(everything)


async def test_a_run_that_is_over_ends_at_once(site: Site) -> None:
    await site.write(a_step, 1, answer="Two lines,\r\nand \u2028 more", final=True)
    await site.end()
    step, run, end = await site.all()
    assert (step.data["answer"], run.data["status"], end.data) == (
        "Two lines,\r\nand \u2028 more",
        "success",
        {"status": "success"},
    )


async def test_who_hangs_up_is_forgotten(site: Site) -> None:
    with ExitStack() as listening:
        async with site.watched() as answer:
            events = read(answer)
            await anext(events)
            [request] = site.server.server_state.tasks
            sent = listening.enter_context(statements(site.api.database._engine))
            await until(lambda: len(sent) > 9)
            assert not request.done()
        await until(request.done)
    assert site.server.server_state.tasks == set()
    # One to see who asks, one to see whether there is news; beside them a transaction begins on SQLite.
    queries = [statement for statement in sent if statement.startswith("SELECT")]
    assert all("FROM api_key" in one for one in queries[::2])
    assert all("FROM run LEFT OUTER JOIN step" in one for one in queries[1::2])


async def test_a_quiet_run_gives_signs_of_life(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_stream, "KEEP_ALIVE_EVERY", 0.2)
    async with site.watched() as answer:
        lines = answer.aiter_lines()
        for _ in range(2):
            while await anext(lines) != ": still running":
                pass
        await site.end()


async def test_a_key_that_is_revoked_ends_its_streams(site: Site) -> None:
    [key] = await site.api.database.read(keys, site.api.project)
    async with site.watched() as answer:
        events = read(answer)
        await anext(events)
        await site.api.database.write(lambda c: revoke_key(c, site.api.project, key.uuid, NOW))
        assert [one async for one in events] == []
    async with site.watched() as answer:
        await answer.aread()
        assert error_of(answer, 401)["code"] == "unauthorized"


async def test_fifty_watchers_hold_no_connection(site: Site) -> None:
    """More than the pool has: between two looks a watcher has nothing that another could lack."""
    watching = [asyncio.create_task(site.all()) for _ in range(50)]
    await until(lambda: len(site.server.server_state.tasks) == 50)
    assert (await site.api.get("/readall")).json()["total"] == 1
    await site.write(a_step, 1, final=True)
    await site.end()
    streams = await asyncio.gather(*watching)
    assert [[one.name for one in each][-2:] for each in streams] == [["run", "end"]] * 50
    assert all(sum(one.name == "step" for one in each) == 1 for each in streams)


async def test_a_real_run_from_its_first_step_to_its_end(site: Site, working: Api, model: ModelServer) -> None:
    go_on = threading.Event()
    thinks = asks(("report", {"outcome": "ok", "summary": "All is well."}), input_tokens=1000, output_tokens=250)
    model.script(replace(thinks, wait_for=go_on), says("Done."))
    heartbeat = await working.heartbeat(site.bot, prompt="Look and report.")
    which = {"bot_id": site.bot["id"], "heartbeat_id": heartbeat["uuid"]}
    site.run = (await working.post("/heartbeat/trigger", **which, wait=False)).json()["result"]["log_id"]
    await until(lambda: len(model.requests) == 1)
    watching = asyncio.create_task(site.all())
    await until(lambda: len(site.server.server_state.tasks) == 1)
    go_on.set()
    events = await watching
    assert [(one.name, one.data.get("status")) for one in events if one.name != "step"] == [
        ("run", "running"),
        ("run", "success"),
        ("end", "success"),
    ]
    last = {one.data["number"]: one.data for one in events if one.name == "step"}
    run = (await working.get("/run/read", bot_id=site.bot["id"], run_id=site.run)).json()["run"]
    assert list(last.values()) == run["steps"]
    assert [(step["kind"], step["name"], step["credits"]) for step in run["steps"]] == [
        ("model", None, 2),
        ("tool", "report", 0),
        ("model", None, 1),
    ]
    assert (run["response"], run["report"]["outcome"]) == ("Done.", "ok")
