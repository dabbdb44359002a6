"""A worker on a task queue of its own, a scripted model, and one heartbeat."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

import worker
from heartbeat.domain.contracts import RunResult
from heartbeat.domain.ids import new_id
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.runs import start_manual_run
from heartbeat.temporal.schedules import Schedules
from tests.support.model_server import ModelServer
from tests.support.past_minutes import PastMinutes
from tests.support.patience import PATIENCE
from tests.support.seeds import a_bot, a_heartbeat, a_project, heartbeat_row
from workflows import agent_run, notify, upkeep

# Its guard on clocks, chance and I/O is what the tests are for; production workers save its cost.
SANDBOX = SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_all_modules())


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with contextlib.closing(ModelServer()) as server:
        yield server


@pytest.fixture
def settings(database_url: str, model: ModelServer, temporal: Client) -> Settings:
    return Settings(
        _env_file=None,
        database_url=database_url,
        openai_base_url=model.base_url,
        openai_api_key="test-key",
        task_queue=new_id("queue"),
        temporal_address=temporal.service_client.config.target_host,
        egress_allow=["127.0.0.1"],
        step_timeout_seconds=20,
        drain_seconds=2,
    )


@dataclass
class World:
    """One project with one bot and one heartbeat, and what a test does with them.

    The heartbeat is due in the `minutes`: no tick of its schedule comes by itself while a test looks.
    """

    database: Database
    client: Client
    settings: Settings
    project: Project
    bot: Bot
    heartbeat: Heartbeat
    minutes: PastMinutes = field(default_factory=PastMinutes)

    async def start(self, run: str | None = None) -> WorkflowHandle[object, RunResult]:
        """Trigger the heartbeat by hand, as the API does."""
        return await start_manual_run(self.client, self.settings, self.scheduled_row, run or new_id("log"))

    async def run_once(self) -> Run:
        """Trigger, wait for the end, and read the log."""
        result = await (await self.start()).result()
        assert result.run_uuid is not None
        return await self.run(result.run_uuid)

    async def run(self, uuid: str) -> Run:
        return await self.database.read(run_by_uuid, uuid)

    async def row(self) -> Heartbeat:
        return await self.database.read(heartbeat_row, self.heartbeat.uuid)

    async def asked(self, model: ModelServer) -> int:
        """How many requests the provider has had."""
        return len(model.requests)

    @property
    def scheduled_row(self) -> ScheduledRow:
        return ScheduledRow(self.heartbeat, self.bot.name, self.project.plan)

    @property
    def schedules(self) -> Schedules:
        return Schedules(self.client, self.database, self.settings)


@pytest.fixture
def patient_workflows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take no worker of this process for dead because the machine is slow: nothing is tried twice for that."""
    monkeypatch.setattr(agent_run, "HEARTBEAT_TIMEOUT", timedelta(seconds=PATIENCE))
    monkeypatch.setattr(notify, "HEARTBEAT_TIMEOUT", timedelta(seconds=PATIENCE))
    monkeypatch.setattr(upkeep, "TASK_HEARTBEAT_TIMEOUT", upkeep.TASK_TIMEOUT)


@pytest.fixture
async def world(database: Database, temporal: Client, settings: Settings) -> AsyncIterator[World]:
    minutes = PastMinutes()

    def seed(connection):
        project = a_project(connection)
        bot = a_bot(connection, project)
        fields = {"cron_pattern": minutes.cron, "accounted_until": datetime.now(UTC)}
        return project, bot, a_heartbeat(connection, bot, max_consecutive_errors=2, **fields)

    world = World(database, temporal, settings, *await database.write(seed), minutes=minutes)
    yield world
    with contextlib.suppress(Exception):
        await temporal.get_schedule_handle(world.heartbeat.uuid).delete()


@pytest.fixture
async def working(world: World) -> AsyncIterator[World]:
    """The world with a worker on its queue."""
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        yield world
