"""The clock. What asks for the time takes a `Clock`, so a test can move it; production hands in `utc_now`."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment in UTC, with its zone."""
    return datetime.now(UTC)
