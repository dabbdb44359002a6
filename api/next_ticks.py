"""A cadence's words and next tick, remembered: they are asked for with every heartbeat that is shown."""

from datetime import datetime
from functools import lru_cache

from heartbeat.domain.cadence.ticks import Cadence

REMEMBERED = 10_000


class NextTick:
    """One cadence; its next tick is looked for again only when it has passed."""

    def __init__(self, cadence: Cadence) -> None:
        self.schedule = cadence.sentence()
        self._cadence = cadence
        self._known: tuple[datetime, datetime] | None = None

    def next_after(self, now: datetime) -> datetime | None:
        """The first tick later than `now`."""
        if self._known and self._known[0] <= now < self._known[1]:
            return self._known[1]
        tick = self._cadence.next_after(now)
        self._known = (now, tick) if tick else None
        return tick


@lru_cache(maxsize=REMEMBERED)
def due(cadence: Cadence) -> NextTick:
    """The one `NextTick` of equal cadences."""
    return NextTick(cadence)
