"""A worker that is to stop begins no step more, and what it does not end in time goes on in another one at once."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

WORKER_STOPPED = "worker_stopped"
WORDS = "The worker was stopped; another one goes on."
# The least that counts as a delay of its own, in place of the one that grows from attempt to attempt.
AT_ONCE = timedelta(milliseconds=1)


def is_handed_over() -> bool:
    """Whether an activity that is being cancelled is so because its worker stops, and for no other reason."""
    details = activity.cancellation_details()
    return details is not None and details.worker_shutdown and not details.cancel_requested


class Handover(Interceptor):
    """Ends activities of a worker that stops as failures which Temporal tries again without a pause."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _HandedOver(next)


class _HandedOver(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        # A local activity is a part of its workflow's task, which no other worker can have meanwhile.
        if activity.info().is_local:
            return await super().execute_activity(input)
        if activity.is_worker_shutdown():
            raise _another_worker()
        try:
            return await super().execute_activity(input)
        except asyncio.CancelledError:
            if not is_handed_over():
                raise
            raise _another_worker() from None


def _another_worker() -> ApplicationError:
    return ApplicationError(WORDS, type=WORKER_STOPPED, next_retry_delay=AT_ONCE)
