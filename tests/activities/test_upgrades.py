"""A step that waits for a person is done, although Temporal does not let its run upgrade."""

from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.upgrades import UpgradesWhileWaiting
from heartbeat.domain.contracts import ActResult
from heartbeat.temporal.versioning import let_upgrade

WAITS = ActResult(approval_seconds=60)


class Waiting(ActivityInboundInterceptor):
    """An activity that waits for a person."""

    def __init__(self) -> None:
        """There is nothing behind it."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        return WAITS


async def test_it_is_done_though_temporal_refuses(temporal: Client) -> None:
    """Temporal knows no such workflow."""
    refusals = []

    async def noted(workflow_id: str, run_id: str) -> None:
        try:
            await let_upgrade(temporal, workflow_id, run_id)
        except RPCError as problem:
            refusals.append(problem.status)
            raise

    upgrading = UpgradesWhileWaiting(noted).intercept_activity(Waiting())
    step = ExecuteActivityInput(fn=let_upgrade, args=[], executor=None, headers={})
    assert await ActivityEnvironment().run(upgrading.execute_activity, step) == WAITS
    assert len(refusals) == 1
