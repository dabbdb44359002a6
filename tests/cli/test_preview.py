"""`heartbeat preview` prints a pattern's next ticks as a table."""

from datetime import UTC, datetime

from heartbeat.domain.cadence.ticks import Cadence
from tests.support.commands import Run


def test_a_pattern_is_shown_with_its_ticks_in_both_clocks(heartbeat: Run) -> None:
    shown = heartbeat("preview", "0 9 * * 1#1", "--timezone=America/New_York", "--count=3", "--budget=5")
    assert (shown.code, shown.err) == (0, "")
    sentence, header, *rows, runs, budget = shown.out.splitlines()
    assert sentence == "At 09:00, on the first Monday of the month, New York time"
    assert header.split() == ["America/New_York", "UTC", "note"]
    ticks = Cadence("America/New_York", "0 9 * * 1#1").ticks(datetime.now(UTC))
    for row, tick in zip(rows, ticks, strict=False):
        assert f"{tick.astimezone(Cadence('America/New_York').zone):%a %Y-%m-%d %H:%M %z}  {tick:%Y-%m-%d %H:%M}" in row
    assert len(rows) == 3
    assert runs == "1 run a month, about 2 credits at 2 a run (the usual cost of a run)."
    assert budget == "A budget of 5 credits a month lasts this month and the next."
    priced = heartbeat("preview", "0 9 * * 1#1", "--count=1", HEARTBEAT_CURRENCY_PER_CREDIT="0.5 EUR")
    assert "about 2 credits (1 EUR) at 2 a run" in priced.out


def test_what_daylight_saving_does_is_in_the_table(heartbeat: Run) -> None:
    pattern = "30 2 * 3 0#2"
    shown = heartbeat("preview", pattern, "--timezone=America/New_York", "--count=1", COLUMNS="200")
    row = shown.out.splitlines()[2].rstrip()
    assert " 03:00 -0400  " in row
    assert row.endswith(" 07:00  the clocks skip 02:00 to 03:00; it runs at the first moment after")


def test_a_pattern_that_cannot_be_is_one_line(heartbeat: Run) -> None:
    refused = heartbeat("preview", "0 9 31 2 *")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == (
        "heartbeat: cron_pattern: '0 9 31 2 *' never fires: no month it names has such a day; "
        "write L for the last day of a month\n"
    )
