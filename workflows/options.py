"""Timeouts and retry policies of activities that several workflows share."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

# For what must not be left undone. It fails only while the store or Temporal is away, so it is tried until it is back.
RETRY_FOREVER = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))
# One transaction, or one request to Temporal.
TRANSACTION_TIMEOUT = timedelta(seconds=30)
# To open or to close a run, which is tried until it succeeds: a run that began is always closed.
TRANSACTION = workflow.LocalActivityConfig(start_to_close_timeout=TRANSACTION_TIMEOUT, retry_policy=RETRY_FOREVER)
# A worker heartbeats every two seconds, so one that is silent for this long is taken for dead.
HEARTBEAT_TIMEOUT = timedelta(seconds=8)
# The activity itself bounds the step, by settings that the workflow has not heard of yet.
FIRST_STEP_TIMEOUT = timedelta(days=1)
# Three looks at a gate, of a minute each, and the transactions around them.
LOOK_TIMEOUT = timedelta(minutes=5)


def opening(timeout: timedelta, summary: str) -> workflow.ActivityConfig:
    """The options of an activity that opens a run: it is tried until it succeeds."""
    return workflow.ActivityConfig(
        start_to_close_timeout=timeout,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=RETRY_FOREVER,
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=summary,
    )
