"""How far ahead ticks are held, whether one by one, by a snooze or by a hold of their project."""

from datetime import datetime, timedelta

from heartbeat.domain.errors import Invalid

AHEAD = timedelta(days=366)


def require_end(until: datetime, now: datetime) -> None:
    """Raise `Invalid` for an end that has passed, or is too far away."""
    if not now < until <= now + AHEAD:
        raise Invalid("until", "write a time from now to a year from now")
