"""What ended a run, told to its owner: a failure out of Temporal in, a `CloseRunInput` out. Pure."""

from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    RetryState,
    TimeoutError,
    TimeoutType,
    is_cancelled_exception,
)

from heartbeat.domain.contracts import CloseRunInput, OpenRunResult


def ending(opened: OpenRunResult, problem: BaseException) -> CloseRunInput:
    """How a run ends whose step raised `problem` (an `ActivityError` or a cancellation)."""
    assert opened.run_uuid is not None
    if is_cancelled_exception(problem):
        return CloseRunInput(opened.run_uuid, "cancelled", "cancelled", "The run was cancelled.")
    code, message = _told(opened, problem.__cause__)
    given_up = isinstance(problem, ActivityError) and problem.retry_state == RetryState.MAXIMUM_ATTEMPTS_REACHED
    if given_up and opened.step_attempts > 1:
        message = f"{message} Tried {opened.step_attempts} times."
    return CloseRunInput(opened.run_uuid, "error", code, message)


def at_limit(opened: OpenRunResult) -> CloseRunInput:
    """How a run ends whose model asks for more than its steps allow. The calls it asked for last are not made."""
    assert opened.run_uuid is not None
    most = f"The run came to its limit of {opened.max_steps} steps (model requests and tool calls, max_steps)"
    return CloseRunInput(opened.run_uuid, "error", "max_steps", f"{most} before the model was done.")


def _told(opened: OpenRunResult, cause: BaseException | None) -> tuple[str, str]:
    if isinstance(cause, ApplicationError):
        return cause.type or "error", cause.message
    if not isinstance(cause, TimeoutError):
        return "error", f"The step failed: {cause}"
    last = _last_words(cause)
    if cause.type == TimeoutType.SCHEDULE_TO_CLOSE:
        return "run_timeout", f"The run did not end within its {opened.run_seconds} s.{last}"
    if cause.type == TimeoutType.HEARTBEAT:
        return "worker_lost", f"The worker was lost in the middle of the step.{last}"
    return "step_timeout", f"The step did not end in time ({opened.step_seconds} s for a model to answer).{last}"


def _last_words(timeout: TimeoutError) -> str:
    """The failure of the attempt before the time ran out, if there was one."""
    cause = timeout.__cause__
    return f" The last error: {cause.message}" if isinstance(cause, ApplicationError) else ""
