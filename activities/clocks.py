"""Whose time counts: Temporal's for ticks, since it starts them.

A worker whose clock is wrong leaves Upkeep to the others.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from heartbeat.domain.clock import Clock, utc_now
from heartbeat.temporal.clock import MAX_OFFSET, SharedClock, describe

log = logging.getLogger(__name__)

# The time by which ticks are due, from what the workflow sent along, if the activity is a local one.
TickClock = Callable[[str | None], datetime]
# An activity may come to a busy worker so much after Temporal noted its start.
MAX_DELIVERY = timedelta(seconds=30)
ANOTHER_WORKER_AFTER = timedelta(seconds=1)


def temporal_time(sent: str | None) -> datetime:
    """Return Temporal's time in an activity: when it started, or `sent` by the workflow of a local one and what passed.

    The worker keeps the times of a local activity itself, so no more than their difference is of use.
    """
    info = activity.info()
    if not info.is_local:
        return info.started_time
    assert sent is not None
    return datetime.fromisoformat(sent) + max(info.started_time - info.scheduled_time, timedelta())


def follow(now: Clock) -> TickClock:
    """Have ticks due by this clock, for a test that moves it."""
    return lambda sent: now()


class UpkeepGuard(Interceptor):
    """Lets no activity of Upkeep run while the clock of this process is wrong; another worker is asked instead."""

    def __init__(self, clock: SharedClock, guarded: frozenset[str], own: Clock = utc_now) -> None:
        self._clock = clock
        self._guarded = guarded
        self._own = own

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Guarded(next, self)

    def check(self) -> None:
        """Raise `ApplicationError` if this is an activity of Upkeep and the clock is wrong."""
        info = activity.info()
        if info.activity_type not in self._guarded:
            return
        if warning := self._warning(self._own() - info.started_time):
            log.error("%s This worker takes no part in Upkeep.", warning)
            raise ApplicationError(warning, type="wrong_clock", next_retry_delay=ANOTHER_WORKER_AFTER)

    def _warning(self, ahead: timedelta) -> str | None:
        """What is wrong with a clock that is this far ahead of Temporal's, the delivery of the activity included."""
        # A clock that differs from the database's alone is right; it is the database's that is wrong.
        if self._clock.differs_from_temporal:
            return self._clock.warning
        # It may have been moved since it was measured.
        if -MAX_OFFSET <= ahead <= MAX_DELIVERY:
            return None
        return f"The clock of this process is {describe(-ahead)} Temporal's."


class _Guarded(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, guard: UpkeepGuard) -> None:
        super().__init__(inner)
        self._guard = guard

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        self._guard.check()
        return await super().execute_activity(input)
