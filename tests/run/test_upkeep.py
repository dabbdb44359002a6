"""What Upkeep puts right: pending schedules, budget pauses of an earlier period, runs whose workflow is gone."""

import threading
from datetime import UTC, datetime, timedelta

from activities.upkeep import Upkeep
from heartbeat.contracts import UPKEEP, UPKEEP_SCHEDULE_ID
from heartbeat.ids import new_id
from tests.models import ModelServer, Reply
from tests.run.conftest import House
from tests.run.test_agent_run import until


def upkeep(house: House, ahead: timedelta = timedelta()) -> Upkeep:
    """The activities with their clock set ahead."""
    return Upkeep(house.client, house.database, house.settings, house.schedules, lambda: datetime.now(UTC) + ahead)


async def test_the_worker_makes_the_schedule_of_upkeep_and_again_is_fine(house: House) -> None:
    for _ in range(2):
        await house.schedules.ensure_upkeep()
    there = await house.client.get_schedule_handle(UPKEEP_SCHEDULE_ID).describe()
    assert there.schedule.spec.intervals[0].every == timedelta(minutes=1)
    assert there.schedule.policy.catchup_window == timedelta(minutes=1)
    await house.client.get_schedule_handle(UPKEEP_SCHEDULE_ID).delete()


async def test_pending_schedules_are_put(working: House) -> None:
    done = await working.client.execute_workflow(
        UPKEEP, id=new_id("upkeep"), task_queue=working.settings.task_queue, result_type=dict
    )
    assert done == {
        "close_lost_runs": 0,
        "lift_budget_pauses": 0,
        "follow_pending": 1,
        "reconcile": 0,
        "account_for_silence": 0,
    }
    row = await working.row()
    assert row.synced_version == row.version
    await working.client.get_schedule_handle(row.uuid).describe()


async def test_a_budget_pause_is_lifted_when_the_period_has_ended(house: House) -> None:
    await house.database.write(
        lambda c: c.exec_driver_sql(
            "UPDATE heartbeat SET enabled = false, pause_reason = 'budget', pause_since = '2026-11-21 10:00:00+00:00'"
        )
    )
    same_period = Upkeep(
        house.client, house.database, house.settings, house.schedules, lambda: datetime(2026, 11, 30, 23, tzinfo=UTC)
    )
    assert await same_period.lift_budget_pauses() == 0
    next_period = Upkeep(
        house.client, house.database, house.settings, house.schedules, lambda: datetime(2026, 12, 1, tzinfo=UTC)
    )
    assert await next_period.lift_budget_pauses() == 1
    row = await house.row()
    assert (row.enabled, row.pause_reason, row.pause_message, row.version) == (True, None, None, 2)


async def test_a_pause_for_errors_is_not_lifted(house: House) -> None:
    await house.database.write(
        lambda c: c.exec_driver_sql("UPDATE heartbeat SET enabled = false, pause_reason = 'errors'")
    )
    assert await upkeep(house, timedelta(days=60)).lift_budget_pauses() == 0


async def test_a_run_terminated_in_temporal_is_closed_as_an_error(working: House, model: ModelServer) -> None:
    hanging = threading.Event()
    model.script(Reply(wait_for=hanging))
    handle = await working.start("log_lost")
    await until(lambda: working.asked(model), bool)
    assert await upkeep(working, timedelta(minutes=2)).close_lost_runs() == 0
    await handle.terminate()
    assert await upkeep(working).close_lost_runs() == 0
    assert await upkeep(working, timedelta(minutes=2)).close_lost_runs() == 1
    hanging.set()
    log = await working.run("log_lost")
    assert (log.status, log.error_code) == ("error", "workflow_terminated")
    assert log.error_message == "The run's workflow was terminated in Temporal."
    assert (await working.row()).total_error_count == 1
