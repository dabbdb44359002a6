"""What a finished run means for its heartbeat, and when one that paused is tried again. Pure."""

from datetime import UTC, datetime, timedelta

import pytest

from heartbeat.domain.budgets import BudgetOwner
from heartbeat.domain.failure_policy import PASSING, Ending, FailureStreak, FailureVerdict, judge, next_probe
from heartbeat.domain.pauses import HeartbeatPause

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FAILED = Ending("error", "key_rejected", "no key")
OVERLOADED = Ending("error", "overloaded", "It is overloaded.")


def judged(ending: Ending, before: int, most: int, trigger: str = "schedule", *, heals: bool = True) -> FailureVerdict:
    return judge(ending, trigger, FailureStreak(before, most, heals), NOW)


def test_a_success_ends_the_streak() -> None:
    assert judged(Ending("success"), 4, 5) == FailureVerdict(0)


def test_the_last_allowed_failure_pauses() -> None:
    assert judged(FAILED, 3, 5) == FailureVerdict(4)
    assert judged(FAILED, 4, 5) == FailureVerdict(5, HeartbeatPause("failures", "no key", 5))


def test_one_failure_can_be_enough() -> None:
    assert judged(FAILED, 0, 1) == FailureVerdict(1, HeartbeatPause("failures", "no key", 1))


@pytest.mark.parametrize("trigger", ["manual", "probe"])
def test_a_manual_run_and_a_probe_move_no_streak_and_pause_nothing(trigger: str) -> None:
    assert judged(FAILED, 4, 5, trigger) == FailureVerdict(4)
    assert judged(Ending("success"), 4, 5, trigger) == FailureVerdict(4)


def test_a_cancelled_run_is_no_failure() -> None:
    assert judged(Ending("cancelled"), 4, 5) == judged(Ending("skipped"), 4, 5) == FailureVerdict(4)


def test_a_budget_that_ends_pauses_at_once_and_is_no_failure() -> None:
    spent = Ending("error", "budget_exhausted", "It is spent.")
    assert judged(spent, 1, 5) == FailureVerdict(1, HeartbeatPause("budget", "It is spent."))


def test_whose_budget_ended_says_what_becomes_of_the_heartbeat() -> None:
    def ended(short_of: BudgetOwner) -> FailureVerdict:
        return judged(Ending("error", "budget_exhausted", "It is spent.", short_of=short_of), 1, 2)

    assert ended("bot") == ended("project") == ended("plan") == FailureVerdict(1)
    assert ended("heartbeat") == FailureVerdict(1, HeartbeatPause("budget", "It is spent."))
    assert ended("run") == FailureVerdict(2, HeartbeatPause("failures", "It is spent.", 2))
    other = Ending("error", "key_rejected", "no key", short_of="bot")
    assert judged(other, 1, 5) == FailureVerdict(2)


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


def test_a_pause_for_a_passing_cause_is_tried_again_unless_its_owner_says_no() -> None:
    due = NOW + timedelta(minutes=5)
    assert judged(OVERLOADED, 1, 2).pause == HeartbeatPause("failures", "It is overloaded.", 2, due)
    assert judged(OVERLOADED, 1, 2, heals=False).pause == HeartbeatPause("failures", "It is overloaded.", 2)


def test_a_failure_that_pauses_nothing_is_not_tried_again() -> None:
    assert judged(OVERLOADED, 0, 2).pause is None
