"""Upkeep: a Temporal schedule of its own, once a minute. What it does is idempotent, so a lost beat costs a minute."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.upkeep import UpkeepActivities
    from heartbeat.domain.contracts import UPKEEP

# The next minute's workflow is the retry.
NO_RETRY = RetryPolicy(maximum_attempts=1)
MAINTENANCE = (
    UpkeepActivities.close_lost_runs,
    UpkeepActivities.lift_budget_pauses,
    UpkeepActivities.follow_pending,
    UpkeepActivities.reconcile,
    UpkeepActivities.account_for_silence,
    UpkeepActivities.tell_decisions,
    UpkeepActivities.check_ledger,
    UpkeepActivities.start_probes,
    UpkeepActivities.start_deliveries,
)
LIMIT = timedelta(minutes=5)


@workflow.defn(name=UPKEEP)
class Upkeep:
    @workflow.run
    async def run(self) -> dict[str, int]:
        done, failed = {}, None
        for chore in MAINTENANCE:
            try:
                done[chore.__name__] = await workflow.execute_activity_method(
                    chore, start_to_close_timeout=LIMIT, heartbeat_timeout=timedelta(seconds=60), retry_policy=NO_RETRY
                )
            except ActivityError as problem:
                if is_cancelled_exception(problem):
                    raise
                # One that fails every minute must not keep the others undone.
                failed = failed or problem
        if failed:
            raise failed
        return done
