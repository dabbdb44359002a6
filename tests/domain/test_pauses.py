"""The sentence that is made of a pause. Pure."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from heartbeat.domain.pauses import HeartbeatPause

DUE = datetime(2026, 11, 20, 12, 5, tzinfo=UTC)
FAILED = HeartbeatPause("failures", "It is overloaded.", 2)


def test_failures_say_how_many_and_how_to_go_on() -> None:
    why = "Failed 2 times in a row; the last error: It is overloaded."
    assert FAILED.explanation == why
    assert FAILED.message == f"{why} Mend it, then enable again."
    assert replace(FAILED, task=True).message == f"{why} Mend it, then resume the task."
    assert replace(FAILED, times=1, detail=None).explanation == "Failed once; the last error: unknown."


def test_a_pause_that_is_tried_again_says_when() -> None:
    heals = replace(FAILED, probe_at=DUE)
    again = "It is tried again at 2026-11-20 12:05 (UTC)"
    assert heals.message == f"{FAILED.explanation} {again}; enable it to have it run sooner."
    assert replace(heals, task=True).message == f"{FAILED.explanation} {again}."


def test_probes_in_vain_are_counted() -> None:
    probed = HeartbeatPause("failed_probes", "No key", 1)
    assert probed.message == "Tried again once in vain; the last error: No key. Mend it, then enable again."
    assert replace(probed, times=4).explanation == "Tried again 4 times in vain; the last error: No key."


@pytest.mark.parametrize(
    ("pause", "message"),
    [
        (HeartbeatPause("budget", "The budget is spent."), "The budget is spent."),
        (HeartbeatPause("temporal", "until Friday"), "Paused in Temporal: until Friday"),
        (HeartbeatPause("bot_flag"), "The bot's heartbeat flag was turned off; turning it on again lifts this pause."),
        (HeartbeatPause(None, "It is tried again at noon."), "It is tried again at noon."),
        (HeartbeatPause(None), None),
    ],
)
def test_of_what_did_not_fail_nothing_is_foreseen(pause: HeartbeatPause, message: str | None) -> None:
    assert pause.explanation == pause.message == message
