"""The clock. What asks for the time takes a `Clock`, so a test can move it; production hands in `utc_now`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment in UTC, with its zone."""
    return datetime.now(UTC)


def offset(before: datetime, time: datetime, after: datetime) -> timedelta:
    """How far the clock that showed `time` is ahead of the one that showed `before` and `after`.

    Nothing, as long as the time that the answer took can explain it.
    """
    return max(time - after, timedelta()) or min(time - before, timedelta())
