"""The store is away when a step begins: nothing was asked yet, so no attempt was made."""

from typing import Any

import pytest
from sqlalchemy import select

import worker
from activities import durable_database
from heartbeat.domain.errors import Unavailable
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.runs import Attempt
from tests.support.acting import book, connect
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, asks, says
from tests.support.tool_server import ToolServer
from tests.support.world import SANDBOX, World


class Leaving(Database):
    """Away whenever something is read or written for the first, third and fifth time."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._times: dict[object, int] = {}

    async def write(self, change: Any, /, *args: Any, **kwargs: Any) -> Any:
        self._leave(change)
        return await super().write(change, *args, **kwargs)

    async def read_inline(self, query: Any, /, *args: Any, **kwargs: Any) -> Any:
        self._leave(query)
        return await super().read_inline(query, *args, **kwargs)

    def _leave(self, query: object) -> None:
        times = self._times[query] = self._times.get(query, 0) + 1
        if times in (1, 3, 5):
            raise Unavailable("database_unavailable", "The database cannot be reached.")


@ON_SQLITE
@pytest.mark.parametrize("bounds", [{}, {"openai": 1}], ids=["free", "bounded"])
async def test_no_attempt_is_counted_and_no_call_made_twice(
    world: World, model: ModelServer, desk: ToolServer, monkeypatch: pytest.MonkeyPatch, bounds: dict[str, int]
) -> None:
    monkeypatch.setattr(durable_database, "RETRY_SECONDS", 0)
    await connect(world, desk)
    model.script(asks(book("a castle")), asks(book("a boat")), says("That is that."))
    settings = world.settings.model_copy(update={"provider_concurrency": bounds})
    database = Leaving(world.database.url)
    async with worker.running_worker(world.client, database, settings, SANDBOX):
        assert (await (await world.start("log_1")).result()).status == "success"
    database.close()
    table = columns(Attempt)
    made = await world.database.read(lambda c: c.execute(select(table.c.attempt, table.c.outcome)).all())
    assert [tuple(row) for row in made] == [(1, "answered")] * 3
    assert (len(model.requests), desk.times("book")) == (3, 2)
