"""What a finished run means for its heartbeat: a streak of failures in, a verdict out. Pure."""

from dataclasses import dataclass

from heartbeat.contracts import PauseReason, RunStatus, Trigger


@dataclass(frozen=True)
class Judgement:
    """`streak` is the new number of failures in a row; `pause` says why to stop, or is `None`."""

    streak: int
    pause: PauseReason | None = None
    message: str | None = None


def judge(
    status: RunStatus,
    trigger: Trigger,
    streak: int,
    max_consecutive_errors: int,
    error: str | None,
    code: str | None = None,
) -> Judgement:
    """Count a run into the streak. A manual run moves none and pauses nothing; a cancelled one is no failure.

    A run that its budget did not let go on is none either: the heartbeat waits for the next period.
    """
    if trigger == "manual" or status in ("cancelled", "skipped"):
        return Judgement(streak)
    if code == "budget_exhausted":
        return Judgement(streak, "budget", error)
    if status == "success":
        return Judgement(0)
    streak += 1
    if streak < max_consecutive_errors:
        return Judgement(streak)
    times = "once" if streak == 1 else f"{streak} times in a row"
    return Judgement(
        streak,
        "errors",
        f"Failed {times}; the last error: {(error or 'unknown').rstrip('.')}. Mend it, then enable again.",
    )
