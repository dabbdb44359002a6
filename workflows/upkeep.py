"""Upkeep: a Temporal schedule of its own, once a minute. What it does is idempotent, so a lost beat costs a minute."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.upkeep import UpkeepActivities
    from heartbeat.domain.contracts import UPKEEP

MAINTENANCE = (
    UpkeepActivities.close_lost_runs,
    UpkeepActivities.lift_budget_pauses,
    UpkeepActivities.refresh_connections,
    UpkeepActivities.lift_reconnect_pauses,
    UpkeepActivities.follow_pending,
    UpkeepActivities.reconcile,
    UpkeepActivities.account_for_silence,
    UpkeepActivities.tell_decisions,
    UpkeepActivities.cancel_held_runs,
    UpkeepActivities.check_ledger,
    UpkeepActivities.start_probes,
    UpkeepActivities.start_deliveries,
    UpkeepActivities.prune,
)
KEEPS_CONNECTIONS = "keeps-connections"
OF_CONNECTIONS = (UpkeepActivities.refresh_connections, UpkeepActivities.lift_reconnect_pauses)
HEEDS_HOLDS = "heeds-holds"
PRUNES = "prunes"
TASK_TIMEOUT = timedelta(minutes=5)
# It heartbeats between the rows it works on, each of which can take some requests to Temporal.
TASK_HEARTBEAT_TIMEOUT = timedelta(seconds=60)
# Some workers may have a clock that is wrong, and leave it to the others. Beyond that, the next minute is the retry.
ANOTHER_WORKER = RetryPolicy(maximum_attempts=10, initial_interval=timedelta(seconds=1), backoff_coefficient=1)


@workflow.defn(name=UPKEEP)
class Upkeep:
    @workflow.run
    async def run(self) -> dict[str, int]:
        counts, failure = {}, None
        for task in MAINTENANCE:
            if task in OF_CONNECTIONS and not workflow.patched(KEEPS_CONNECTIONS):
                continue
            if task == UpkeepActivities.cancel_held_runs and not workflow.patched(HEEDS_HOLDS):
                continue
            if task == UpkeepActivities.prune and not workflow.patched(PRUNES):
                continue
            try:
                counts[task.__name__] = await workflow.execute_activity_method(
                    task,
                    start_to_close_timeout=TASK_TIMEOUT,
                    heartbeat_timeout=TASK_HEARTBEAT_TIMEOUT,
                    retry_policy=ANOTHER_WORKER,
                )
            except ActivityError as problem:
                if is_cancelled_exception(problem):
                    raise
                # One that fails every minute must not keep the others undone.
                failure = failure or problem
        if failure:
            raise failure
        return counts
