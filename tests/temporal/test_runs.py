"""What Temporal says of runs that are gone, and of those that nobody waits for any more."""

import pytest
from temporalio.client import Client

from heartbeat.domain.errors import Conflict
from heartbeat.domain.ids import new_id
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.runs import RunHandle, cancel_run, how_it_ended, result_within, run_uuid_of, wake_all
from tests.support.patience import PATIENCE


async def ended_by_hand(client: Client) -> RunHandle:
    handle: RunHandle = await client.start_workflow("AgentRun", id=new_id("hb"), task_queue=new_id("queue"))
    await handle.terminate("by hand")
    return handle


def run_of(workflow_id: str) -> Run:
    return Run.model_construct(workflow_id=workflow_id)  # type: ignore[call-arg]


async def test_a_run_that_was_ended_by_hand_has_no_result(temporal: Client) -> None:
    handle = await ended_by_hand(temporal)
    assert await result_within(handle, PATIENCE) is None
    with pytest.raises(Conflict, match="without a result"):
        await run_uuid_of(handle)
    ending = await how_it_ended(temporal, run_of(handle.id))
    assert ending is not None
    assert (ending.status, ending.message) == ("error", "The run's workflow was terminated in Temporal.")


async def test_a_run_that_temporal_does_not_know_is_gone(temporal: Client) -> None:
    ending = await how_it_ended(temporal, run_of(new_id("hb")))
    assert ending is not None
    assert (ending.status, ending.message) == ("error", "The run's workflow no longer exists in Temporal.")
    assert await cancel_run(temporal, new_id("hb")) is None


async def test_who_is_not_woken_in_time_is_left_to_upkeep(temporal: Client) -> None:
    waiting = [(new_id("hb"), 1)]
    assert [await wake_all(temporal, waiting, seconds) for seconds in (0.0, PATIENCE)] == [0, 1]
