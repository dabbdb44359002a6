"""A week that begins on Monday, 00:00."""

import contextlib
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from sqlalchemy import Connection
from temporalio.client import Client

from api.main import create_app
from heartbeat.domain.ids import new_id
from heartbeat.domain.secret_keys import new_key
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from tests.support.acting import connect
from tests.support.deliveries import target
from tests.support.mind import Mind
from tests.support.model_server import ModelServer
from tests.support.receiver import Receiver
from tests.support.seeds import a_bot, a_heartbeat, a_project
from tests.support.tool_server import ToolServer
from tests.support.week import NUMBER, Clock, Week, at
from tests.support.world import World


@pytest.fixture
def mind() -> Mind:
    return Mind()


@pytest.fixture
def settings(database_url: str, temporal: Client, mind: Mind) -> Iterator[Settings]:
    with contextlib.closing(ModelServer()) as model:
        model.reply = mind.reply
        yield Settings(
            _env_file=None,
            database_url=database_url,
            openai_base_url=model.base_url,
            openai_api_key="test-key",
            task_queue=new_id("queue"),
            temporal_address=temporal.service_client.config.target_host,
            egress_allow=["127.0.0.1"],
            secret_keys=new_key(),
            public_url="http://heartbeat.test",
            step_attempts=1,
        )


@pytest.fixture
async def week(
    patient_workflows: None, database: Database, temporal: Client, settings: Settings, desk: ToolServer
) -> AsyncIterator[Week]:
    """Monday, 00:00: a heartbeat every four hours, a tool that asks first, and a webhook for its person."""
    clock = Clock(at("Mon", "00:00"))

    def seed(connection: Connection) -> tuple[Project, Bot, Heartbeat]:
        project, cadence = a_project(connection), f"0 */4 * {NUMBER} *"
        bot = a_bot(connection, project, name="Night watch")
        when = {"cron_pattern": cadence, "timezone": "Europe/Rome", "accounted_until": clock.now}
        return project, bot, a_heartbeat(connection, bot, max_consecutive_errors=2, **when)

    world = World(database, temporal, settings, *await database.write(seed))
    await connect(world, desk, require_approval="tool-specific", approval_tools=["book"])
    async with contextlib.AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(Receiver())
        app = httpx.ASGITransport(create_app(settings, database, temporal, clock))
        page = await stack.enter_async_context(httpx.AsyncClient(transport=app, base_url="http://heartbeat.test"))
        week = Week(world, clock, receiver, page)
        await target(world, receiver)
        await world.schedules.sync(world.heartbeat.uuid)
        await week.begin()
        yield week
        await week.end()
        for row in await week._heartbeats():
            await world.schedules.delete(row.uuid)
