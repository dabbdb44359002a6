"""What daylight saving does to a tick, in words: moved to the end of a gap, or run the first of two times."""

from datetime import datetime, timedelta

from heartbeat.cadence import zones
from heartbeat.cadence.ticks import Cadence


def note(cadence: Cadence, tick: datetime) -> str | None:
    """Why a tick is not simply where the pattern puts it; `None` for an ordinary one."""
    pattern = cadence.pattern
    if pattern is None:
        return None
    wall = zones.wall(tick, cadence.zone)
    turn = zones.turn_at(cadence.zone, tick)
    if turn is not None and turn.by > timedelta(0) and pattern.fixed_time and not pattern.shows(wall):
        skipped, resumed = turn.walls
        return f"the clocks skip {skipped:%H:%M} to {resumed:%H:%M}; it runs at the first moment after"
    return _twice(cadence, tick, wall)


def _twice(cadence: Cadence, tick: datetime, wall: datetime) -> str | None:
    """A time that comes twice: a fixed-time job takes the first, another both."""
    assert cadence.pattern is not None
    here = tick.astimezone(cadence.zone)
    other = wall.replace(tzinfo=cadence.zone, fold=1 - here.fold)
    if other.utcoffset() == here.utcoffset() or zones.wall(other, cadence.zone) != wall:
        return None
    if cadence.pattern.fixed_time:
        return f"{wall:%H:%M} comes twice; it runs the first time"
    return f"{wall:%H:%M} comes twice; it runs both times"
