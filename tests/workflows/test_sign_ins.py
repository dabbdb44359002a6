"""A run whose tool's sign-in ends in the middle of it, and its schedule, which waits for a person."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from sqlalchemy import update

from heartbeat.domain.contracts import UPKEEP
from heartbeat.domain.ids import new_id
from heartbeat.domain.secret_keys import new_key
from heartbeat.settings import Settings
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.temporal.runs import start_tick
from tests.support.authorization_server import AuthorizationServer
from tests.support.databases import ON_SQLITE
from tests.support.deliveries import target
from tests.support.model_server import ModelServer, asks, says
from tests.support.patience import until
from tests.support.receiver import Receiver
from tests.support.seeds import YEARLY
from tests.support.signed_in import SignedIn, a_tool
from tests.support.temporal_runs import runs
from tests.support.tool_server import ToolServer
from tests.support.world import World

HEARTBEAT = columns(Heartbeat)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"secret_keys": SecretStr(new_key())})


@pytest.fixture
async def signed_in(working: World) -> AsyncIterator[SignedIn]:
    with (
        contextlib.closing(AuthorizationServer()) as authorization,
        contextlib.closing(ToolServer(authorization=authorization)) as desk,
    ):
        tool = await working.database.write(a_tool, working.bot, desk.url)
        servers, rows = (authorization, desk), (working.bot, working.heartbeat, tool)
        one = SignedIn(working.database, working.settings, *servers, *rows, datetime.now(UTC))
        await one.sign_in()
        await one.pin()
        yield one


async def upkeep(world: World) -> None:
    await world.client.execute_workflow(UPKEEP, id=new_id("upkeep"), task_queue=world.settings.task_queue)


async def stands_still(world: World) -> bool:
    description = await world.client.get_schedule_handle(world.heartbeat.uuid).describe()
    return description.schedule.state.paused


@ON_SQLITE
async def test_a_heartbeat_waits_for_a_person_and_goes_on(
    working: World, signed_in: SignedIn, model: ModelServer, receiver: Receiver
) -> None:
    await target(working, receiver)
    # So that no schedule fires meanwhile.
    await working.database.write(lambda c: c.execute(update(HEARTBEAT).values(cron_pattern=YEARLY)))
    await working.schedules.sync(working.heartbeat.uuid)
    model.reply = lambda request: (
        says("Done.") if request["messages"][-1]["role"] == "tool" else asks(("desk__book", {"what": "a table"}))
    )
    signed_in.authorization.refuse_access_tokens()
    assert (await working.run_once()).status == "success"
    assert (signed_in.desk.times("book"), signed_in.authorization.times("refresh_token")) == (1, 1)

    signed_in.authorization.end_grants()
    await working.run_once()
    assert "a person has to sign in to it again" in model.requests[-1]["messages"][-1]["content"]
    await upkeep(working)
    message = (await until(lambda: receiver.received))[0].json
    assert (message["type"], message["data"]["details"]["code"]) == ("tool.needs_reconnect", "invalid_grant")

    assert await start_tick(working.client, working.settings, working.scheduled_row, NEW_YEAR)
    paused = await until(working.row, lambda row: row.pause_reason is not None and row.synced_version == row.version)
    assert (paused.pause_reason, await stands_still(working)) == ("needs_reconnect", True)
    assert [run.skip_reason for run in await runs(working) if run.status == "skipped"] == ["needs_reconnect"]

    await signed_in.sign_in()
    await upkeep(working)
    going_on = await until(working.row, lambda row: row.enabled and row.synced_version == row.version)
    assert (going_on.pause_reason, await stands_still(working)) == (None, False)
    assert (await working.run_once()).status == "success"
    assert (signed_in.desk.times("book"), len(receiver.received)) == (2, 1)
