"""The ticks of many cadences in one order, a day of each at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from heapq import merge
from itertools import islice, takewhile

from heartbeat.domain.cadence.ticks import Cadence

# So many ticks of a day are named; a cadence that comes more often is not walked through.
NAMED_A_DAY = 3


@dataclass(frozen=True)
class AgendaEntry:
    """What one cadence, by its index, is due on one day of a zone: its first ticks, and whether more come."""

    index: int
    ticks: tuple[datetime, ...]
    more: bool


@dataclass(frozen=True)
class AgendaPart:
    """A cadence, and after how many more ticks it ends."""

    cadence: Cadence
    left: int | None = None


def agenda(parts: Sequence[AgendaPart], zone: tzinfo, after: datetime, until: datetime) -> Iterator[AgendaEntry]:
    """Yield what is due later than `after` and before `until`, by the first tick of each entry.

    Only what is read is worked out, and of a day no more than the ticks that are named.
    """
    days = [
        _days(index, part.cadence, zone, after, until)
        if part.left is None
        else _counted(index, part, zone, after, until)
        for index, part in enumerate(parts)
    ]
    return merge(*days, key=lambda entry: entry.ticks[0])


def _days(index: int, cadence: Cadence, zone: tzinfo, after: datetime, until: datetime) -> Iterator[AgendaEntry]:
    while (first := cadence.next_after(after)) is not None and first < until:
        midnight = next_midnight(first, zone)
        ticks = [first, *islice(_before(cadence.ticks(first), midnight), NAMED_A_DAY)]
        yield AgendaEntry(index, tuple(ticks[:NAMED_A_DAY]), len(ticks) > NAMED_A_DAY)
        after = midnight - timedelta(microseconds=1)


def _counted(index: int, part: AgendaPart, zone: tzinfo, after: datetime, until: datetime) -> Iterator[AgendaEntry]:
    """Yield the entries of one that ends: each of its ticks has to be counted."""
    ticks: list[datetime] = []
    for tick in _before(islice(part.cadence.ticks(after), part.left), until):
        if ticks and tick >= next_midnight(ticks[0], zone):
            yield AgendaEntry(index, tuple(ticks[:NAMED_A_DAY]), len(ticks) > NAMED_A_DAY)
            ticks = []
        ticks.append(tick)
    if ticks:
        yield AgendaEntry(index, tuple(ticks[:NAMED_A_DAY]), len(ticks) > NAMED_A_DAY)


def _before(ticks: Iterator[datetime], end: datetime) -> Iterator[datetime]:
    return takewhile(lambda tick: tick < end, ticks)


def next_midnight(instant: datetime, zone: tzinfo, days: int = 1) -> datetime:
    """Find the beginning of the local day that comes so many days after that of `instant`, in UTC."""
    day = instant.astimezone(zone).date() + timedelta(days=days)
    return datetime.combine(day, time(), zone).astimezone(UTC)
