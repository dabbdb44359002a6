"""What a preview says of ticks that the clocks' changes move, double or leave out."""

from datetime import datetime

import pytest

from heartbeat.domain.cadence.notes import note
from heartbeat.domain.cadence.ticks import Cadence

SKIPPED = "the clocks skip 02:00 to 03:00"
NOTES = {
    "a fixed time that comes twice": ("30 2 * * *", "2026-10-24T00:30Z", "2026-10-25T00:30Z", "the first time"),
    "each hour, of which one comes twice": ("30 * * * *", "2026-10-24T23:30Z", "2026-10-25T00:30Z", "both times"),
    "its second time": ("30 * * * *", "2026-10-25T00:30Z", "2026-10-25T01:30Z", "both times"),
    "a fixed time that is skipped": (
        "30 2 * * *",
        "2026-03-28T01:30Z",
        "2026-03-29T01:00Z",
        f"{SKIPPED}; it runs at the first moment after",
    ),
    "an hour that is skipped": (
        "30 * * * *",
        "2026-03-29T00:30Z",
        "2026-03-29T01:30Z",
        f"{SKIPPED} on 2026-03-29; what was due then is left out",
    ),
    "another hour of that day": ("30 9 * * *", "2026-10-24T07:30Z", "2026-10-25T08:30Z", None),
    "another day": ("30 2 * * *", "2026-10-25T00:30Z", "2026-10-26T01:30Z", None),
}


@pytest.mark.parametrize(("pattern", "since", "tick", "words"), NOTES.values(), ids=NOTES)
def test_a_tick_has_a_note_where_the_clocks_change(pattern: str, since: str, tick: str, words: str | None) -> None:
    said = note(Cadence("Europe/Berlin", pattern), datetime.fromisoformat(since), datetime.fromisoformat(tick))
    twice = f"02:30 comes twice; it runs {words}"
    assert said == (twice if words and words.endswith(("time", "times")) else words)


def test_an_interval_knows_no_clocks() -> None:
    moment = datetime.fromisoformat("2026-10-25T00:30Z")
    assert note(Cadence("Europe/Berlin", interval_minutes=30), moment, moment) is None
