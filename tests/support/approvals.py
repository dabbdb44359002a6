"""The approval that a run waits for, and a person's decision of it."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from heartbeat.store.database.pages import Page
from heartbeat.store.runs.approvals import approvals, decide
from heartbeat.temporal.runs import wake
from tests.support.patience import until
from tests.support.seeds import access_to
from tests.support.world import World

RUN = "log_asks"


async def waiting(world: World) -> Row[Any]:
    """The one approval, once it is asked for."""

    async def listed() -> list[Row[Any]]:
        return (await world.database.read(lambda c: approvals(c, access_to(c, world.bot), None, Page(1, 20))))[0]

    [row] = await until(listed, bool)
    return row


async def decided(world: World, decision: Any) -> None:
    row = await waiting(world)
    await world.database.write(lambda c: decide(c, row.uuid, decision, "a test", datetime.now(UTC)))
    assert await wake(world.client, row.workflow_id, row.step)
