"""How long after its ticks a heartbeat starts, and a Schedule's spec that fires so much later. Pure.

A heartbeat with a spread starts equally late after each of its ticks, how late its id decides. It starts before
the next tick, and within the local hour of its own: calendars need not carry a start over midnight then.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

from heartbeat.domain.cadence.calendars import EVERY_MINUTE, Calendar, Interval, Range, Spec, ranges
from heartbeat.domain.cadence.ticks import Cadence

NOTHING, SECOND, MINUTE = timedelta(0), timedelta(seconds=1), timedelta(minutes=1)


def start_delay(uuid: str, jitter_seconds: int, cadence: Cadence) -> timedelta:
    """How long after its ticks the heartbeat `uuid` starts: less than its spread, in whole seconds."""
    seconds = longest_delay(jitter_seconds, cadence) // SECOND
    return timedelta(seconds=int.from_bytes(sha256(uuid.encode()).digest()[:8]) % (seconds + 1))


def longest_delay(jitter_seconds: int, cadence: Cadence) -> timedelta:
    """What of a spread of so many seconds a cadence has room for; none where it has but one tick."""
    if cadence.run_at is not None:
        return NOTHING
    room = cadence.shortest_gap() - SECOND
    if cadence.pattern is not None:
        room = min(room, (60 - max(cadence.pattern.minutes)) * MINUTE - SECOND)
    return min(timedelta(seconds=jitter_seconds), room)


def delayed(spec: Spec, by: timedelta) -> Spec:
    """The same spec, firing so much later."""
    if not by:
        return spec
    return replace(
        spec,
        calendars=tuple(part for calendar in spec.calendars for part in _later(calendar, by)),
        intervals=tuple(Interval(each.every, (each.offset + by) % each.every) for each in spec.intervals),
        skip=tuple(part for calendar in spec.skip for part in _later(calendar, by)),
        start=spec.start and spec.start + by,
        end=spec.end and spec.end + by,
    )


def _later(calendar: Calendar, by: timedelta) -> Iterator[Calendar]:
    """The calendar later by less than an hour: the minutes that stay in their hours, and those that go into the next.

    Only what is to be skipped, and what makes up for half a skipped hour, has any of the latter.
    """
    minutes, second = divmod(by // SECOND, 60)
    later = [minute + minutes for minute in _numbers(calendar.minute)]
    hours = _numbers(calendar.hour)
    if stay := [minute for minute in later if minute in EVERY_MINUTE]:
        yield replace(calendar, second=second, minute=ranges(stay))
    go_on = [minute - 60 for minute in later if minute not in EVERY_MINUTE]
    # Of a day that is skipped the first minutes are those of the evening before, which may be none.
    next_hours = [(hour + 1) % 24 for hour in hours if hour != 23 or calendar.names_no_day]
    if go_on and next_hours:
        yield replace(calendar, second=second, minute=ranges(go_on), hour=ranges(next_hours))


def _numbers(parts: tuple[Range, ...]) -> list[int]:
    return [number for part in parts for number in range(part.start, part.end + 1, part.step)]
