"""A Temporal that is slow is waited for, one that is away is not: told apart by what else it answers, by no clock."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from heartbeat.temporal.client import CHECK_AFTER, RPC_TIMEOUT, connect
from heartbeat.temporal.schedules import Schedules
from tests.support.api import Api, error_of
from tests.support.model_server import ModelServer, says
from tests.support.patience import PATIENCE, until
from tests.support.temporal_proxy import TemporalProxy, temporal_proxy

# Each waits some seconds; the store with few connections shows whether one is held meanwhile.
pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

# What is held is not acknowledged, and a connection takes 64 KiB before it is: some 190 requests.
AT_ONCE = 150
# Between two checks of its health lies a second, so after so many a Temporal that is away would be given up.
LONGER_THAN_SILENCE = RPC_TIMEOUT // CHECK_AFTER + 1
MANUAL_RUN = b"-manual-"


@pytest.fixture
async def proxy(alone: Api) -> AsyncIterator[TemporalProxy]:
    """A proxy between the application and Temporal; a worker has a connection of its own."""
    async with temporal_proxy(alone.settings.temporal_target()) as proxy:
        await through(proxy, alone)
        yield proxy


async def through(proxy: TemporalProxy, api: Api, lazy: bool = False) -> None:
    settings = api.settings.model_copy(update={"temporal_address": proxy.target})
    client = await connect(settings, lazy=lazy)
    schedules = Schedules(client, api.database, settings)
    api.app.state.stack = replace(api.app.state.stack, temporal=client, schedules=schedules)


async def a_heartbeat(api: Api) -> dict:
    bot = await api.bot()
    return {"bot_id": bot["id"], "heartbeat_id": (await api.heartbeat(bot))["uuid"]}


async def test_a_slow_temporal_is_waited_for(working: Api, proxy: TemporalProxy, model: ModelServer) -> None:
    model.script(says("Late, but there."))
    which = await a_heartbeat(working)
    proxy.hold(MANUAL_RUN)
    checks = proxy.health_checks
    trigger = asyncio.create_task(working.post("/heartbeat/trigger", **which))
    await until(lambda: proxy.held == 1 and proxy.health_checks - checks > LONGER_THAN_SILENCE)
    assert not trigger.done()
    await proxy.release()
    answer = await trigger
    assert (answer.status_code, answer.json()["result"]["response"]) == (200, "Late, but there.")


async def test_many_triggers_at_once_wait_for_it(alone: Api, proxy: TemporalProxy) -> None:
    which = await a_heartbeat(alone)
    proxy.hold(MANUAL_RUN)
    checks = proxy.health_checks
    triggers = [asyncio.create_task(alone.post("/heartbeat/trigger", **which, wait=False)) for _ in range(AT_ONCE)]
    await until(lambda: proxy.held == AT_ONCE and proxy.health_checks - checks > LONGER_THAN_SILENCE)
    assert not any(trigger.done() for trigger in triggers)
    # They share the checks.
    assert proxy.health_checks - checks < AT_ONCE
    await proxy.release()
    answers = await asyncio.gather(*triggers)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["result"]["log_id"] for answer in answers}) == AT_ONCE


async def test_a_trigger_that_is_never_answered_ends_at_its_deadline(alone: Api, proxy: TemporalProxy) -> None:
    which = await a_heartbeat(alone)
    alone.settings.trigger_wait = 0
    proxy.hold(MANUAL_RUN)
    answer = await alone.post("/heartbeat/trigger", **which)
    assert error_of(answer, 503)["code"] == "temporal_unavailable"


async def test_a_slow_temporal_is_waited_for_to_cancel(alone: Api, proxy: TemporalProxy) -> None:
    which = await a_heartbeat(alone)
    log_id = (await alone.post("/heartbeat/trigger", **which, wait=False)).json()["result"]["log_id"]
    proxy.hold(MANUAL_RUN)
    checks = proxy.health_checks
    cancel = asyncio.create_task(alone.post("/heartbeat/cancel", **which, log_id=log_id, wait=False))
    await until(lambda: proxy.held == 1 and proxy.health_checks - checks > LONGER_THAN_SILENCE)
    await proxy.release()
    assert (await cancel).status_code == 202


@pytest.mark.parametrize("lazy", [False, True], ids=["connected", "never_connected"])
async def test_a_silent_temporal_is_away(alone: Api, proxy: TemporalProxy, lazy: bool) -> None:
    """The connection is open and nothing comes back, as after a broken cable: long before the trigger's deadline."""
    await through(proxy, alone, lazy)
    which = await a_heartbeat(alone)
    alone.settings.trigger_wait = 10 * PATIENCE
    proxy.silence()
    async with asyncio.timeout(PATIENCE):
        answer = await alone.post("/heartbeat/trigger", **which)
        assert error_of(answer, 503)["code"] == "temporal_unavailable"
        assert int(answer.headers["retry-after"]) > 0
        enabled = await alone.post("/heartbeat/enable", **which)
        assert enabled.json()["heartbeat"]["schedule_state"] == "pending"
        assert (await alone.http.get("/readyz")).status_code == 503
