"""What a streak of failures comes to, and when a pause is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from heartbeat.domain.failure_policy import PASSING, judge, next_probe, no_more_probes

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_a_success_ends_the_streak() -> None:
    assert judge("success", "schedule", 4, 5, None).streak == 0


def test_the_last_allowed_failure_pauses_and_says_how_to_go_on() -> None:
    assert judge("error", "schedule", 3, 5, "no key").pause is None
    verdict = judge("error", "schedule", 4, 5, "no key")
    assert (verdict.streak, verdict.pause) == (5, "errors")
    assert verdict.message == "Failed 5 times in a row; the last error: no key. Mend it, then enable again."


def test_one_failure_can_be_enough() -> None:
    verdict = judge("error", "schedule", 0, 1, "no key")
    assert verdict.pause == "errors"
    assert "Failed once" in (verdict.message or "")


def test_a_manual_run_moves_no_streak_and_pauses_nothing() -> None:
    assert judge("error", "manual", 4, 5, "no key").streak == 4
    assert judge("error", "manual", 4, 5, "no key").pause is None
    assert judge("success", "manual", 4, 5, None).streak == 4


def test_a_cancelled_run_is_no_failure() -> None:
    assert judge("cancelled", "schedule", 4, 5, None) == judge("skipped", "schedule", 4, 5, None)
    assert judge("cancelled", "schedule", 4, 5, None).streak == 4


def test_the_cool_down_grows_and_then_stays() -> None:
    waits = [next_probe("overloaded", probes, NOW) for probes in range(6)]
    minutes = [5, 30, 120, 720, 720, 720]
    assert waits == [NOW + timedelta(minutes=wait) for wait in minutes]


@pytest.mark.parametrize(
    "code", ["key_rejected", "unknown_model", "missing_key", "quota_exhausted", "reported_failure", None]
)
def test_what_only_a_person_can_mend_is_not_tried_again(code: str | None) -> None:
    assert code not in PASSING
    assert next_probe(code, 0, NOW) is None


def test_the_pause_says_when_it_is_tried_again() -> None:
    due = NOW + timedelta(minutes=5)
    verdict = judge("error", "schedule", 1, 2, "It is overloaded.", "overloaded", due)
    assert (verdict.pause, verdict.probe_at) == ("errors", due)
    assert verdict.message == (
        "Failed 2 times in a row; the last error: It is overloaded. "
        "It is tried again at 2026-11-20 12:05 (UTC); enable it to have it run sooner."
    )
    assert no_more_probes(verdict.message) == (
        "Failed 2 times in a row; the last error: It is overloaded. Mend it, then enable again."
    )


def test_a_failure_that_pauses_nothing_is_not_tried_again() -> None:
    assert judge("error", "schedule", 0, 2, "no", "overloaded", NOW).probe_at is None


def test_a_probe_moves_no_streak_by_itself() -> None:
    assert judge("error", "probe", 4, 5, "no").streak == 4
    assert judge("error", "probe", 4, 5, "no").pause is None
