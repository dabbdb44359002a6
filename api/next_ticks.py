"""A cadence's sentence and next tick, cached: both are part of every heartbeat that is shown."""

from datetime import datetime
from functools import lru_cache

from heartbeat.domain.cadence.ticks import Cadence

CACHE_SIZE = 10_000


class NextTick:
    """One cadence; its next tick is computed again only when it has passed."""

    def __init__(self, cadence: Cadence) -> None:
        self.schedule = cadence.sentence()
        self._cadence = cadence
        self._known: tuple[datetime, datetime] | None = None

    def next_after(self, now: datetime) -> datetime | None:
        """Find the first tick later than `now`."""
        if self._known and self._known[0] <= now < self._known[1]:
            return self._known[1]
        tick = self._cadence.next_after(now)
        self._known = (now, tick) if tick else None
        return tick


@lru_cache(maxsize=CACHE_SIZE)
def next_tick(cadence: Cadence) -> NextTick:
    """Return the one `NextTick` of equal cadences."""
    return NextTick(cadence)
