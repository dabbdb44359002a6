"""Temporal's traps: what a bare Schedule does on the real server, and what this product does instead.

Measured on server 1.32. A row that fails after an upgrade is good news, to be written down here and in
docs/cadences.md.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from tests.support.temporal_schedules import Span
from tests.support.world import World
from tests.temporal.traps import schedules
from tests.temporal.traps.cron import Pattern


@dataclass(frozen=True)
class Trap:
    """`theirs` and `ours` are what `bare` and `here` see, word for word."""

    words: str
    theirs: str
    ours: str
    bare: Callable[[Client], Awaitable[str]] | None
    here: Callable[[World], Awaitable[str]]


def cron(words: str, zone: str, text: str, when: str | Span, theirs: str, ours: str) -> Trap:
    """A pattern that Temporal reads otherwise than cron."""
    pattern = Pattern(zone, text, when)
    return Trap(words, theirs, ours, pattern.bare, pattern.here)


WOKEN = datetime(2027, 10, 31, 1, 20, tzinfo=UTC)
QUARTERS = ", ".join(f"Sun 31 01:{minute}{star}" for star in ("", "*") for minute in ("00", "15", "30", "45"))
FIVE = "write the five fields minute, hour, day of month, month, day of week, such as '0 9 * * 1-5'"

TABLE = [
    cron(
        "a day and a weekday: both must match",
        "UTC",
        "0 9 1 * 1",
        "2027-02-01 2027-02-15",
        theirs="Mon 01 09:00",
        ours="Mon 01 09:00, Mon 08 09:00, Mon 15 09:00",
    ),
    cron(
        "1#1 is read as a comment after the 1",
        "UTC",
        "0 9 * * 1#1",
        "2027-02-01 2027-02-14",
        theirs="Mon 01 09:00, Mon 08 09:00",
        ours="Mon 01 09:00",
    ),
    cron(
        "the last day of a month cannot be said",
        "UTC",
        "0 9 L * *",
        "2027-02-01 2027-03-31",
        theirs="refused",
        ours="Sun 28 09:00, Wed 31 09:00",
    ),
    cron(
        "the last Friday of a month cannot be said",
        "UTC",
        "0 9 * * 5L",
        "2027-02-01 2027-03-31",
        theirs="refused",
        ours="Fri 26 09:00, Fri 26 09:00",
    ),
    cron(
        "of six fields the last is a year",
        "UTC",
        "0 9 * * 1 2028",
        "2027-01-01 2027-12-31",
        theirs="never",
        ours=f"refused: has 6 fields; seconds and years are not supported; {FIVE}",
    ),
    cron(
        "a day that does not exist is accepted",
        "UTC",
        "0 9 31 2 *",
        "2027-01-01 2027-12-31",
        theirs="never",
        ours="refused: '0 9 31 2 *' never fires: no month it names has such a day; write L for the last day of a month",
    ),
    cron(
        "a time that spring skips is lost",
        "America/New_York",
        "30 2 * * *",
        "2027-03-13 2027-03-14",
        theirs="Sat 13 02:30",
        ours="Sat 13 02:30, Sun 14 03:00",
    ),
    cron(
        "a time that autumn repeats runs twice",
        "America/New_York",
        "30 1 * * *",
        "2027-11-07",
        theirs="Sun 07 01:30, Sun 07 01:30*",
        ours="Sun 07 01:30",
    ),
    # East of Greenwich the server reaches a repeated hour at its second pass, and from there counts an hour too far.
    cron(
        "a repeated time runs at its second pass",
        "Europe/Berlin",
        "30 2 * * *",
        "2027-10-31",
        theirs="Sun 31 02:30*",
        ours="Sun 31 02:30",
    ),
    cron(
        "a repeated hour is cut short and its end shifted",
        "Europe/London",
        "*/15 1 * * *",
        "2027-10-31",
        theirs="Sun 31 01:00*, Sun 31 02:15",
        ours=QUARTERS,
    ),
    cron(
        "the hour after a repeated one begins late",
        "Australia/Sydney",
        "*/20 2,3 * * *",
        "2027-04-04",
        theirs="Sun 04 02:00*, Sun 04 03:20, Sun 04 03:40",
        ours="Sun 04 02:00, Sun 04 02:20, Sun 04 02:40, Sun 04 02:00*, Sun 04 02:20*, Sun 04 02:40*, "
        "Sun 04 03:00, Sun 04 03:20, Sun 04 03:40",
    ),
    cron(
        "a server that wakes within a repeated hour loses the start of the next",
        "Europe/Berlin",
        "10,50 2,3 * * *",
        (WOKEN, WOKEN + timedelta(hours=3)),
        theirs="Sun 31 03:50",
        ours="Sun 31 03:10, Sun 31 03:50",
    ),
    cron(
        "half an hour repeated",
        "Australia/Lord_Howe",
        "*/15 1,2 * * *",
        "2027-04-04",
        theirs="Sun 04 01:00, Sun 04 01:15, Sun 04 01:30*, Sun 04 02:45",
        ours="Sun 04 01:00, Sun 04 01:15, Sun 04 01:30, Sun 04 01:45, Sun 04 01:30*, Sun 04 01:45*, "
        "Sun 04 02:00, Sun 04 02:15, Sun 04 02:30, Sun 04 02:45",
    ),
    cron(
        "half an hour skipped",
        "Australia/Lord_Howe",
        "15,30,40 2 * * *",
        "2027-10-03",
        theirs="Sun 03 02:45",
        ours="Sun 03 02:30, Sun 03 02:40",
    ),
    # Midnight is skipped west of Greenwich: the server takes that Sunday for a Saturday.
    cron(
        "a Sunday whose midnight is skipped is no Sunday",
        "America/Havana",
        "0 9 * * SUN",
        "2027-03-13 2027-03-14",
        theirs="never",
        ours="Sun 14 09:00",
    ),
    cron(
        "a Sunday whose midnight is skipped is a second Saturday",
        "America/Santiago",
        "0 9 * * SAT",
        "2027-09-04 2027-09-05",
        theirs="Sat 04 09:00, Sun 05 09:00",
        ours="Sat 04 09:00",
    ),
    Trap(
        "after an outage stale ticks are caught up for a year",
        theirs="365 days, 0:00:00",
        ours="1 day, 0:00:00",
        bare=schedules.catch_up_window,
        here=schedules.our_catch_up_window,
    ),
    Trap(
        "which ticks were dropped is not kept",
        theirs="a run; 1 dropped",
        ours="running, overlap",
        bare=schedules.tick_during_a_run,
        here=schedules.our_tick_during_a_run,
    ),
    Trap(
        "of five ticks that are late at once the stalest runs",
        theirs="a run for the oldest; 4 dropped",
        ours="missed, missed, missed, missed, running",
        bare=schedules.five_late_ticks,
        here=schedules.our_five_late_ticks,
    ),
    Trap(
        "pause_on_failure cannot count failures in a row",
        theirs="paused after 1",
        ours="paused after 2",
        bare=schedules.failures,
        here=schedules.our_failures,
    ),
    Trap(
        "the pattern cannot be read back",
        theirs="nothing",
        ours="At 09:00, Monday to Friday, UTC (0 9 * * 1-5)",
        bare=schedules.pattern_kept,
        here=schedules.our_pattern_kept,
    ),
    Trap(
        "of five triggers within a moment most are lost",
        theirs="fewer runs",
        ours="5 runs",
        bare=schedules.five_triggers,
        here=schedules.our_five_triggers,
    ),
    Trap(
        "of two edits at once one is lost",
        theirs="the second edit is gone",
        ours="At 09:00, Monday to Friday, UTC (0 9 * * 1-5)",
        bare=schedules.edits_at_once,
        here=schedules.our_edits_at_once,
    ),
    Trap(
        "a tick seconds after its schedule was made is lost",
        # By chance, and more often the busier the server: nothing a test can hold it to.
        theirs="147 of 300 never fired, and were counted nowhere",
        ours="its workflow waits for it",
        bare=None,
        here=schedules.our_tick_in_moments,
    ),
]


@pytest.mark.parametrize("trap", TABLE, ids=lambda trap: trap.words)
async def test_temporals_trap(world: World, trap: Trap) -> None:
    if trap.bare is not None:
        assert await trap.bare(world.client) == trap.theirs
    assert await trap.here(world) == trap.ours
