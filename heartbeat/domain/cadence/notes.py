"""What daylight saving does to ticks, in words: moved to the end of a gap, left out, or run the first of two times."""

from datetime import datetime, timedelta

from heartbeat.domain.cadence import zones
from heartbeat.domain.cadence.ticks import Cadence


def note(cadence: Cadence, since: datetime, tick: datetime) -> str | None:
    """Explain why a tick is not where the pattern puts it, or why ticks between `since` and it are missing.

    `since` is the tick before it, or where the preview begins. `None` for an ordinary tick.
    """
    pattern = cadence.pattern
    if pattern is None:
        return None
    wall = zones.wall(tick, cadence.zone)
    gap = _gap(cadence, since, tick)
    if gap is None:
        return _repeated(cadence, tick, wall)
    skipped, resumed = gap.walls
    if gap.at == tick and pattern.fixed_time and not pattern.shows(wall):
        return f"the clocks skip {skipped:%H:%M} to {resumed:%H:%M}; it runs at the first moment after"
    return f"the clocks skip {skipped:%H:%M} to {resumed:%H:%M} on {skipped:%Y-%m-%d}; what was due then is left out"


def _gap(cadence: Cadence, since: datetime, tick: datetime) -> zones.ZoneTransition | None:
    """Find the last transition after `since`, up to `tick`, that skips a time the pattern names."""
    transitions = [*zones.transitions_between(cadence.zone, since, tick)]
    gaps = (transition for transition in reversed(transitions) if transition.by > timedelta(0))
    return next((gap for gap in gaps if _any_active(cadence, *gap.walls)), None)


def _any_active(cadence: Cadence, start: datetime, end: datetime) -> bool:
    assert cadence.pattern is not None
    return any(cadence.active.at(wall) for wall in cadence.pattern.walls(start, end))


def _repeated(cadence: Cadence, tick: datetime, wall: datetime) -> str | None:
    """Explain a local time that comes twice: a fixed-time job takes the first, another both."""
    assert cadence.pattern is not None
    local = tick.astimezone(cadence.zone)
    other = wall.replace(tzinfo=cadence.zone, fold=1 - local.fold)
    if other.utcoffset() == local.utcoffset() or zones.wall(other, cadence.zone) != wall:
        return None
    if cadence.pattern.fixed_time:
        return f"{wall:%H:%M} comes twice; it runs the first time"
    return f"{wall:%H:%M} comes twice; it runs both times"
