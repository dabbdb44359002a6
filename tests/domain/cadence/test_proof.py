"""The proof: what the real server would fire, cut at the gate, is what cron means, instant for instant.

A few dozen generated cadences in the usual suite; HEARTBEAT_TEST_CADENCES=2400 (`make test-cadence`) for the whole.
A cadence of up to MOST ticks is compared over two years, a denser one around every turn of its clocks and in ten
more places. Beside it, the score of the bare pattern as a `cron_expression` of a Schedule.
"""

import asyncio
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from temporalio.client import Client, ScheduleSpec
from temporalio.service import RPCError

from heartbeat.domain.cadence import calendars, zones
from heartbeat.domain.cadence.ticks import Cadence
from tests.support.cadence_references import active, by_cronsim, by_the_wall, cronsim_knows
from tests.support.cadences import END, HOURS, START, cadences, spans_of
from tests.support.temporal_schedules import Span, as_temporal, fires

NUMBER = int(os.environ.get("HEARTBEAT_TEST_CADENCES", "56"))
SEED = int(os.environ.get("HEARTBEAT_TEST_SEED", "1"))


@dataclass
class Score:
    """Cadences compared, ticks compared, and what beside the ticks the server would fire for the gate to cut."""

    cadences: int = 0
    zones: set[str] = field(default_factory=set)
    ticks: int = 0
    cut: int = 0
    largest: int = 0
    plain: Counter[tuple[str, str]] = field(default_factory=Counter)


async def test_the_server_cut_by_the_gate_fires_exactly_the_ticks(
    temporal: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    score, at_once = Score(), asyncio.Semaphore(8)

    async def one(cadence: Cadence) -> None:
        async with at_once:
            await _compare(temporal, cadence, score)

    await asyncio.gather(*(one(cadence) for cadence in cadences(NUMBER, SEED)))
    assert score.cadences == NUMBER
    assert len(score.zones) >= 40
    with capsys.disabled():
        print(_report(score))


async def _compare(temporal: Client, cadence: Cadence, score: Score) -> None:
    spans = spans_of(cadence)
    ticks = [tick for span in spans for tick in cadence.between(*span)]
    _check_by_references(cadence, spans, ticks)
    spec = calendars.spec(cadence, START)
    fired = await fires(temporal, as_temporal(spec), spans)
    assert [instant for instant in fired if cadence.is_tick(instant)] == ticks, f"the server misses ticks of {cadence}"
    score.cadences += 1
    score.zones.add(cadence.timezone)
    score.ticks += len(ticks)
    score.cut += len(fired) - len(ticks)
    score.largest = max(score.largest, len(spec.calendars) + len(spec.intervals))
    if cadence.cron_pattern is not None:
        score.plain[_kind(cadence.cron_pattern), await _plain(temporal, cadence, spans, ticks)] += 1


def _check_by_references(cadence: Cadence, spans: list[Span], ticks: list[datetime]) -> None:
    if cronsim_knows(cadence):
        assert ticks == [tick for span in spans for tick in by_cronsim(cadence, *span)], f"cronsim differs on {cadence}"
    for turn in zones.transitions_between(cadence.zone, START, END):
        around = turn.at - HOURS, turn.at + HOURS
        assert cadence.between(*around) == by_the_wall(cadence, *around), f"the wall differs on {cadence}, {turn}"


async def _plain(temporal: Client, cadence: Cadence, spans: list[Span], ticks: list[datetime]) -> str:
    """How the pattern does as a `cron_expression`, its fires cut by the active hours and days, which it cannot say."""
    assert cadence.cron_pattern is not None
    spec = ScheduleSpec(cron_expressions=[cadence.cron_pattern], time_zone_name=cadence.timezone)
    try:
        fired = await fires(temporal, spec, spans)
    except RPCError:
        return "refused"
    active_instants = {instant for instant in fired if active(cadence, instant.astimezone(cadence.zone))}
    lost, extra = set(ticks) - active_instants, active_instants - set(ticks)
    if not lost and not extra:
        return "right"
    return "loses ticks and fires others" if lost and extra else "loses ticks" if lost else "fires beside its ticks"


def _kind(pattern: str) -> str:
    _, _, day, _, weekday = pattern.split()
    if "L" in day + weekday or "#" in weekday:
        return "with L or #"
    return "day and weekday" if day != "*" and weekday != "*" else "other patterns"


def _report(score: Score) -> str:
    lines = [
        "",
        f"{score.cadences} cadences in {len(score.zones)} zones, {score.ticks} ticks compared, all equal; "
        f"{score.cut} fires cut at the gate; at most {score.largest} calendars and intervals on a schedule",
        "the same patterns as plain cron_expressions of a Schedule:",
    ]
    kinds = sorted({kind for kind, _ in score.plain})
    for kind in [*kinds, "all"]:
        outcomes: Counter[str] = Counter()
        for (of_kind, outcome), number in score.plain.items():
            outcomes[outcome] += number if kind in (of_kind, "all") else 0
        total = outcomes.total()
        said = ", ".join(f"{outcome} {number / total:.0%}" for outcome, number in outcomes.most_common() if number)
        lines.append(f"  {kind:<16} {total:>5}: {said}")
    return "\n".join(lines)
