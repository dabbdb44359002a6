"""Whose turn it is: a project with many queued runs is not before another with few."""

import asyncio

import pytest
from sqlalchemy import select
from temporalio.client import ScheduleActionStartWorkflow
from temporalio.common import Priority

from heartbeat.domain.ids import new_id
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.probes import probe_id
from heartbeat.store.heartbeats.sync import ScheduledRow, with_owner
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.fairness import priority
from heartbeat.temporal.runs import start_gated_run, start_manual_run, start_probe, start_tick, tick_id
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project
from tests.support.world import World
from worker import running_worker

RUN = columns(Run)
MANY, FEW = 16, 2

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_the_few_runs_of_a_project_do_not_wait_for_the_many_of_another(world: World) -> None:
    flood, small = await world.database.read(with_owner, world.heartbeat), await _of_another_project(world.database)
    start = world.client, world.settings
    queued = [await start_manual_run(*start, flood, new_id("log")) for _ in range(MANY)]
    queued += [await start_manual_run(*start, small, new_id("log")) for _ in range(FEW)]
    one_by_one = world.settings.model_copy(update={"worker_concurrency": 1})
    async with running_worker(world.client, world.database, one_by_one):
        await asyncio.gather(*(handle.result() for handle in queued))
    in_order = select(RUN.c.project_id).order_by(RUN.c.finished_at)
    ends = list(await world.database.read(lambda connection: connection.execute(in_order).scalars()))
    # In the order in which they came they would be the last.
    assert small.heartbeat.project_id not in ends[-MANY // 4 :]


async def test_each_run_has_the_key_of_its_project_and_the_weight_of_its_plan(world: World) -> None:
    paused = Heartbeat.model_construct(**{**vars(world.heartbeat), "pause_since": NOW})
    row = ScheduledRow(paused, world.bot.name, "prime")
    start = world.client, world.settings, row
    by_hand, gated = await start_manual_run(*start, "log_by_hand"), await start_gated_run(*start, "log_gated")
    assert await start_tick(*start, NOW)
    assert await start_probe(*start)
    schedule = world.schedules.build(row).action
    assert isinstance(schedule, ScheduleActionStartWorkflow)
    turns = [schedule.priority]
    for workflow_id in (by_hand.id, gated.id, tick_id(world.heartbeat, NOW), probe_id(paused)):
        described = await world.client.get_workflow_handle(workflow_id).describe()
        turns.append(Priority._from_proto(described.raw_description.workflow_execution_info.priority))
    assert turns == [Priority(fairness_key=f"project-{world.project.id}", fairness_weight=4)] * 5


def test_a_plan_that_is_none_of_the_settings_weighs_as_one_without_a_weight(world: World) -> None:
    assert priority(ScheduledRow(world.heartbeat, "Bot", "gone"), world.settings).fairness_weight == 1


async def _of_another_project(database: Database) -> ScheduledRow:
    def seed(connection):
        project = a_project(connection, name="Small")
        return with_owner(connection, a_heartbeat(connection, a_bot(connection, project)))

    return await database.write(seed)
