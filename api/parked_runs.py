"""Runs that wait for credits, told at once what a change of their heartbeat gives them; Upkeep tells the others."""

from api.deps import Stack
from heartbeat.store.runs.parks import payable_parks
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.temporal.runs import wake

# The fields of a heartbeat that say how much its runs may cost.
LIMITS = {"credit_budget", "max_credits_per_run"}


async def wake_payable(stack: Stack, heartbeat: Heartbeat) -> None:
    """Wake the runs of a heartbeat whose next step can be paid for again."""
    parks = await stack.database.read(payable_parks, stack.settings.plan, stack.now(), heartbeat.id)
    for workflow_id, step in parks:
        await wake(stack.temporal, workflow_id, step)
