"""How somebody is slowed who fails to get in: some failures are free, and each further one doubles the wait.

A failure is forgiven after a while, so that mistakes of many people at one address do not add up over the days.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

# One failure is forgiven in this time, and nobody waits longer.
FORGIVEN_AFTER = LONGEST_WAIT = timedelta(minutes=15)
# 1, 2, 4, … 512 seconds, and then the longest wait.
DOUBLINGS = 11


@dataclass(frozen=True)
class Slowdown:
    """What is known of somebody who failed: all of it is forgiven at `clears_at`, nothing is looked at `until` then."""

    clears_at: datetime
    until: datetime

    def failures(self, now: datetime) -> int:
        """Count the failures that are not forgiven yet."""
        return ceil(max(self.clears_at - now, timedelta()) / FORGIVEN_AFTER)

    def wait(self, now: datetime) -> timedelta:
        """Return how much of the wait is left; none if the clock was moved back beyond the longest."""
        left = self.until - now
        return left if timedelta() < left <= LONGEST_WAIT else timedelta()


def after_failure(last: Slowdown | None, now: datetime, free: int, longest: timedelta = LONGEST_WAIT) -> Slowdown:
    """Return what is known after one more failure at `now`, `free` of which have no consequence."""
    most = FORGIVEN_AFTER * (free + DOUBLINGS)
    owed = min(max(last.clears_at - now, timedelta()) if last else timedelta(), most)
    clears_at = now + min(owed + FORGIVEN_AFTER, most)
    beyond = Slowdown(clears_at, now).failures(now) - free
    wait = min(timedelta(seconds=2 ** (beyond - 1)), longest) if beyond > 0 else timedelta()
    return Slowdown(clears_at, now + wait)
