"""The tests' server runs the scheduler engine that was asked for; `make test-cadence` asks for both."""

from tests.support.scheduler_engine import ENGINES, chosen
from tests.support.world import World

ENGINE = chosen()


async def test_a_schedule_runs_on_the_engine_that_was_asked_for(world: World) -> None:
    assert await world.schedules.sync(world.heartbeat.uuid)
    holder = world.client.get_workflow_handle(f"temporal-sys-scheduler:{world.heartbeat.uuid}")
    assert (await holder.describe()).workflow_type == ENGINES[ENGINE].holder
