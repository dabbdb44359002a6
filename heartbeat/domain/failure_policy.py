"""What a finished run means for its heartbeat: a streak of failures in, a verdict out. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from heartbeat.domain.budgets import BudgetOwner
from heartbeat.domain.contracts import RunStatus
from heartbeat.domain.pauses import HeartbeatPause

# Failures that end by themselves: of the provider, on the way to it, of a worker, of the database, of a tool server
# that was away when an agent says that it failed. All others wait for a person.
PASSING = frozenset(
    {
        *("rate_limited", "overloaded", "unavailable", "timeout", "unreachable", "provider_error", "bad_answer"),
        *("step_timeout", "worker_lost", "tool_server_down"),
        *("database_unavailable", "database_full", "outcome_unknown"),
    }
)
# Each probe is paid for: a provider that still answers so after all cool-downs does not mend itself.
PAID = frozenset({"bad_answer"})
BUDGET_EXHAUSTED = "budget_exhausted"
COOL_DOWNS = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=12))
# Budgets that are not the heartbeat's own.
SHARED = ("bot", "project", "plan")
# The code of a run that was under way when a backup was made which was put back.
RESTORED = "restored"


@dataclass(frozen=True)
class Ending:
    """How a run ended: `error_code` and `message` for what was no success.

    `short_of` says whose credits did not do for its next step, if that ended it: its own cap, or a budget. `by_hand`:
    it is certain that somebody cancelled it, and no hold.
    """

    status: RunStatus
    error_code: str | None = None
    message: str | None = None
    short_of: BudgetOwner | None = None
    by_hand: bool = False


@dataclass(frozen=True)
class FailureStreak:
    """A heartbeat's failures in a row before a run, how many pause it, and whether it may be tried again by itself."""

    failures: int
    max_consecutive_errors: int
    auto_resume: bool = False


@dataclass(frozen=True)
class FailureVerdict:
    """The failures in a row after the run, and the pause they lead to, if they do."""

    failures: int
    pause: HeartbeatPause | None = None


def next_probe(code: str | None, probes: int, now: datetime) -> datetime | None:
    """When to try again after a failure for `code` and `probes` probes in vain; `None` if only a person can mend it."""
    if code not in PASSING or (code in PAID and probes >= len(COOL_DOWNS)):
        return None
    return cooled_down(probes, now)


def cooled_down(probes: int, now: datetime) -> datetime:
    """When to try again after `probes` probes in vain: in 12 hours from the fourth time on."""
    return now + COOL_DOWNS[min(probes, len(COOL_DOWNS) - 1)]


def judge(ending: Ending, trigger: str, streak: FailureStreak, now: datetime) -> FailureVerdict:
    """Count a run into the streak. A manual run or a probe moves none and pauses nothing.

    A cancelled run is no failure. Neither is one that its budget did not let go on: its heartbeat waits for the next
    period. Where it was the budget of its bot or project, or the plan, the next tick tries again, for these are raised
    elsewhere. One that came to its own cap has failed, for the next run has as much.
    """
    if trigger != "schedule" or ending.status in ("cancelled", "skipped"):
        return FailureVerdict(streak.failures)
    if ending.error_code == BUDGET_EXHAUSTED and ending.short_of in SHARED:
        return FailureVerdict(streak.failures)
    if ending.error_code == BUDGET_EXHAUSTED and ending.short_of != "run":
        return FailureVerdict(streak.failures, HeartbeatPause("budget", ending.message))
    if ending.status == "success":
        return FailureVerdict(0)
    failures = streak.failures + 1
    if failures < streak.max_consecutive_errors:
        return FailureVerdict(failures)
    probe_at = next_probe(ending.error_code, 0, now) if streak.auto_resume else None
    return FailureVerdict(failures, HeartbeatPause("failures", ending.message, failures, probe_at))
