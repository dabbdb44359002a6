"""Steps that promise more than they do: what the sentence says of them, and what the warning."""

from datetime import UTC, datetime
from itertools import islice, pairwise

import pytest

from heartbeat.domain.cadence.ticks import Cadence
from tests.support.cadences import cadences

HOURLY, DAILY = "At the start of every hour", "At 00:00"


@pytest.mark.parametrize(
    ("pattern", "sentence", "meaning", "advice"),
    [
        ("*/90 * * * *", HOURLY, "'*/90' as minute is 0 alone, since a step starts anew each hour", "90 minutes"),
        ("0-59/90 * * * *", HOURLY, "'0-59/90' as minute is 0 alone, since a step", "90 minutes"),
        ("30/90 * * * *", "At minute 30 of every hour", "'30/90' as minute is 30 alone", "90 minutes"),
        ("*/45 * * * *", "At minutes 0 and 45 of every hour", "'*/45' as minute is 0, 45, and then 0", "45 minutes"),
        ("*/7 * * * *", "Every seventh minute of every hour", "'*/7' as minute is 0 to 56, and then 0", "7 minutes"),
        ("*/90 9 * * 1-5", "At 09:00, Monday to Friday", "'*/90' as minute is 0 alone", None),
        ("5,*/90 * * * *", "At minutes 0 and 5 of every hour", "'*/90' as minute is 0 alone", None),
        ("0 */25 * * *", DAILY, "'*/25' as hour is 0 alone, since a step starts anew each day", "25 hours"),
        ("0 */9 * * *", "At 00:00, 09:00, and 18:00", "'*/9' as hour is 0, 9, 18, and then 0", "9 hours"),
        ("* */25 * * *", "Every minute from 00:00 to 00:59", "'*/25' as hour is 0 alone", None),
        ("0 9-17/10 * * *", "At 09:00", "'9-17/10' as hour is 9 alone.", None),
        ("0 9 */40 * *", "At 09:00, on the first day of every month", "'*/40' as day of month is 1 alone", "40 days"),
        ("0 9 */400 * *", "At 09:00, on the first day of every month", "'*/400' as day of month is 1 alone", None),
        ("0 9 */2 * *", "At 09:00, on every second day of the month", "is 1 to 31, and then 1 again", "2 days"),
        ("0 9 1 */13 *", "At 09:00, on January 1", "'*/13' as month is 1 alone", None),
        ("0 9 1 JAN/20 *", "At 09:00, on January 1", "'JAN/20' as month is 1 alone", None),
        (
            "0 9 * * */8",
            "At 09:00, on Sunday",
            "'*/8' as day of week is 0 alone, since a step starts anew each week",
            None,
        ),
        (
            "0 9 * * 1-7/3",
            "At 09:00, on every third day of week from Monday to Sunday",
            "'1-7/3' as day of week is 0, 1, 4",
            None,
        ),
        ("0 9 */40 * 1", "At 09:00, on every 40th day of the month if it's on Monday", "'*/40' as day of month", None),
    ],
)
def test_a_step_that_misleads(pattern: str, sentence: str, meaning: str, advice: str | None) -> None:
    cadence = Cadence("UTC", pattern).validated()
    assert cadence.sentence() == f"{sentence}, UTC"
    [warning] = cadence.warnings()
    assert meaning in warning
    assert ("set interval_minutes" in warning) is (advice is not None)
    assert f"For every {advice} set" in warning or advice is None


@pytest.mark.parametrize(
    "pattern",
    ["*/15 * * * *", "*/60 * * * *", "*/1 * * * *", "10/5 * * * *", "5/20 * * * *", "10-20/3 * * * *", "0 */24 * * *",
     "0 9-17/4 * * *", "0 9 * * MON-FRI/2", "0 9 1 */3 *", "0 9 L/2 * *", "0 9 * * 1#2", "@hourly"],
)  # fmt: skip
def test_a_step_that_does_what_it_says(pattern: str) -> None:
    assert Cadence("UTC", pattern).validated().warnings() == []


def test_a_step_of_one_value_is_named_by_it() -> None:
    assert Cadence("UTC", "0 */24 * * *").sentence() == "At 00:00, UTC"
    assert Cadence("UTC", interval_minutes=90).warnings() == []


def gaps(cadence: Cadence) -> set[float]:
    """The minutes between its ticks."""
    ticks = islice(cadence.ticks(datetime(2026, 11, 28, tzinfo=UTC)), 70)
    return {(later - earlier).total_seconds() / 60 for earlier, later in pairwise(ticks)}


def test_minutes_are_warned_of_where_ticks_are_not_as_far_apart_as_the_step() -> None:
    steps = {step: Cadence("UTC", f"*/{step} * * * *") for step in range(2, 130)}
    misleading = {step for step, cadence in steps.items() if cadence.warnings()}
    assert misleading == {step for step, cadence in steps.items() if gaps(cadence) != {step}}


def test_every_generated_cadence_can_be_judged() -> None:
    for cadence in cadences(300, seed=12):
        assert all(warning.endswith(".") for warning in cadence.warnings())
