"""What a finished run means for its heartbeat: a streak of failures in, a verdict out. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from heartbeat.domain.contracts import PauseReason, RunStatus, Trigger

# Failures that end by themselves: of the provider, on the way to it, of a worker, of a tool server that was away when
# an agent says that it failed. All others wait for a person.
PASSING = frozenset(
    {
        *("rate_limited", "overloaded", "unavailable", "timeout", "unreachable", "provider_error", "bad_answer"),
        *("step_timeout", "worker_lost", "tool_server_down"),
    }
)
COOL_DOWNS = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=12))
BY_HAND = "Mend it, then enable again."
# A scheduled task is not enabled; it is made and cancelled.
ANEW = "Mend it, then make the task anew."
TRIED_AGAIN = "It is tried again at"


@dataclass(frozen=True)
class FailureVerdict:
    """`streak` is the new number of failures in a row; `pause` says why to stop, or is `None`.

    `probe_at` is when a heartbeat that is paused for a passing cause is tried again.
    """

    streak: int
    pause: PauseReason | None = None
    message: str | None = None
    probe_at: datetime | None = None


def next_probe(code: str | None, probes: int, now: datetime) -> datetime | None:
    """When to try again after a failure for `code` and `probes` probes in vain; `None` if only a person can mend it."""
    return cooled_down(probes, now) if code in PASSING else None


def cooled_down(probes: int, now: datetime) -> datetime:
    """When to try again after `probes` probes in vain: in 12 hours from the fourth time on."""
    return now + COOL_DOWNS[min(probes, len(COOL_DOWNS) - 1)]


def what_next(probe_at: datetime | None, task: bool = False) -> str:
    """The end of a pause's message: when it is tried again, or that somebody has to see to it."""
    if probe_at is None:
        return ANEW if task else BY_HAND
    sooner = "" if task else "; enable it to have it run sooner"
    return f"{TRIED_AGAIN} {probe_at:%Y-%m-%d %H:%M} (UTC){sooner}."


def no_more_probes(message: str | None) -> str:
    """The message of a pause that will not be tried again after all."""
    told = (message or "").partition(TRIED_AGAIN)[0].strip()
    return f"{told} {BY_HAND}".strip()


def judge(
    status: RunStatus,
    trigger: Trigger,
    streak: int,
    max_consecutive_errors: int,
    error: str | None,
    code: str | None = None,
    probe_at: datetime | None = None,
    task: bool = False,
) -> FailureVerdict:
    """Count a run into the streak. A manual run or a probe moves none and pauses nothing.

    A cancelled run is no failure, and one that its budget did not let go on is none either: the heartbeat waits for
    the next period. `probe_at` is when to try again should this failure pause it; of a `task` the message says what a
    person can do about a task.
    """
    if trigger != "schedule" or status in ("cancelled", "skipped"):
        return FailureVerdict(streak)
    if code == "budget_exhausted":
        return FailureVerdict(streak, "budget", error)
    if status == "success":
        return FailureVerdict(0)
    streak += 1
    if streak < max_consecutive_errors:
        return FailureVerdict(streak)
    times = "once" if streak == 1 else f"{streak} times in a row"
    return FailureVerdict(
        streak,
        "errors",
        f"Failed {times}; the last error: {(error or 'unknown').rstrip('.')}. {what_next(probe_at, task)}",
        probe_at,
    )
