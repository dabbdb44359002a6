"""A worker that is to stop begins no step more, and what it does not end in time goes on in another one at once."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from heartbeat.domain.contracts import WORKER_STOPPED, ThinkInput, ThinkResult

WORDS = "The worker was stopped; another one goes on."
# The least that counts as a delay of its own, in place of the one that grows from attempt to attempt.
AT_ONCE = timedelta(milliseconds=1)


def is_handed_over() -> bool:
    """Whether an activity that is being cancelled is so because its worker stops, and for no other reason."""
    details = activity.cancellation_details()
    return details is not None and details.worker_shutdown and not details.cancel_requested


def is_cancelled() -> bool:
    """Whether an activity is being cancelled because its workflow is."""
    details = activity.cancellation_details()
    return details is not None and details.cancel_requested


def handed_over(model_index: int, attempts: int) -> ThinkResult:
    """Have a step go on in an activity of its own, in which so many attempts at it count as made."""
    return ThinkResult(error_code=WORKER_STOPPED, message=WORDS, next_model=model_index, attempts=attempts)


@contextmanager
def counting_attempt() -> Iterator[None]:
    """Have a step that is handed over in the body be tried once more by Temporal, so that this attempt counts.

    For what was asked of a provider and may not have been written down: the next attempt notes it as lost.
    """
    try:
        yield
    except asyncio.CancelledError:
        if not is_handed_over():
            raise
        raise _another_worker() from None


class Handover(Interceptor):
    """Ends activities of a worker that stops, so that they go on elsewhere without a pause.

    Being stopped is no attempt at a model request, which therefore goes on in an activity of its own. The others end as
    failures that Temporal tries again.
    """

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _HandedOver(next)


class _HandedOver(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        # A local activity is a part of its workflow's task, which no other worker can have meanwhile.
        if activity.info().is_local:
            return await super().execute_activity(input)
        if activity.is_worker_shutdown():
            return _to_another_worker(input.args)
        try:
            return await super().execute_activity(input)
        except asyncio.CancelledError:
            if not is_handed_over():
                raise
        return _to_another_worker(input.args)


def _to_another_worker(args: Sequence[Any]) -> ThinkResult:
    step = args[0] if args else None
    if not isinstance(step, ThinkInput):
        raise _another_worker()
    return handed_over(step.model_index, step.earlier_attempts + activity.info().attempt - 1)


def _another_worker() -> ApplicationError:
    return ApplicationError(WORDS, type=WORKER_STOPPED, next_retry_delay=AT_ONCE)
