"""How a run ends that its last answer did not close: what a step raised in, a `CloseRunInput` out. Pure."""

from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    RetryState,
    TimeoutError,
    TimeoutType,
    is_cancelled_exception,
)

from heartbeat.domain.contracts import CANCELLED_BY_HAND, WORKER_STOPPED, CloseRunInput, OpenRunResult


class OutOfTime(Exception):
    """A run has no time left for a step that its worker did not end."""


def ending(opened: OpenRunResult, problem: BaseException, reason: str | None = None) -> CloseRunInput:
    """How a run ends whose step raised `problem`, an `ActivityError` or `OutOfTime`, or was cancelled for `reason`."""
    assert opened.run_uuid is not None
    if is_cancelled_exception(problem):
        by_hand = reason == CANCELLED_BY_HAND
        return CloseRunInput(opened.run_uuid, "cancelled", "cancelled", "The run was cancelled.", by_hand)
    code, message = _out_of_time(opened) if isinstance(problem, OutOfTime) else _error(opened, problem.__cause__)
    given_up = isinstance(problem, ActivityError) and problem.retry_state == RetryState.MAXIMUM_ATTEMPTS_REACHED
    if given_up and opened.step_attempts > 1:
        message = f"{message} Tried {opened.step_attempts} times."
    return CloseRunInput(opened.run_uuid, "error", code, message)


def gave_no_answer(problem: ActivityError) -> bool:
    """Whether the last attempt at a step ran out of its time, or was lost with its worker."""
    timed_out = isinstance(problem.__cause__, TimeoutError)
    return timed_out and problem.retry_state == RetryState.MAXIMUM_ATTEMPTS_REACHED


def was_handed_over(problem: ActivityError) -> bool:
    """Whether the last attempt at a step ended because its worker was stopped."""
    return getattr(problem.__cause__, "type", None) == WORKER_STOPPED


def at_limit(opened: OpenRunResult) -> CloseRunInput:
    """How a run ends whose model asks for more than its steps allow. The calls it asked for last are not made."""
    assert opened.run_uuid is not None
    limit = f"The run came to its limit of {opened.max_steps} steps (model requests and tool calls, max_steps)"
    return CloseRunInput(opened.run_uuid, "error", "max_steps", f"{limit} before the model was done.")


def _error(opened: OpenRunResult, cause: BaseException | None) -> tuple[str, str]:
    """Code and message for the owner."""
    if not isinstance(cause, TimeoutError):
        # An `ApplicationError`: the SDK makes one of whatever an activity raises.
        return getattr(cause, "type", None) or "error", getattr(cause, "message", f"The step failed: {cause}")
    last_error = _last_error(cause)
    if cause.type == TimeoutType.SCHEDULE_TO_CLOSE:
        return _out_of_time(opened, last_error)
    if cause.type == TimeoutType.HEARTBEAT:
        return "worker_lost", f"The worker was lost in the middle of the step.{last_error}"
    seconds = f"{opened.step_seconds} s for a model to answer"
    return "step_timeout", f"The step did not end in time ({seconds}).{last_error}"


def _out_of_time(opened: OpenRunResult, last_error: str = "") -> tuple[str, str]:
    return "run_timeout", f"The run did not end within its {opened.run_seconds} s.{last_error}"


def _last_error(timeout: TimeoutError) -> str:
    """The failure of the attempt before the time ran out, if there was one."""
    cause = timeout.__cause__
    return f" The last error: {cause.message}" if isinstance(cause, ApplicationError) else ""
