"""An attempt at a step: which of the run's models is asked, and which one after it if it does not answer."""

from dataclasses import dataclass, replace

from temporalio import activity

from heartbeat.domain.contracts import ThinkInput
from heartbeat.domain.fallbacks import error_of_all, next_model
from heartbeat.store.runs.attempts import StepFailure
from heartbeat.store.runs.steps import Transcript

TIMED_OUT = "step_timeout"


@dataclass(frozen=True)
class StepAttempt:
    """The attempt `number` at a step, of which `earlier` ones were made when other models were asked.

    `failures` are those before it of which is known why they failed. Where the model stands in for the run's own,
    `fallback_reason` is the code of what kept that from answering. `run_seconds` is the time of a whole run.
    """

    step: int
    number: int
    models: tuple[str, ...]
    index: int = 0
    earlier: int = 0
    failures: tuple[StepFailure, ...] = ()
    fallback_reason: str | None = None
    run_seconds: int = 0

    @property
    def model(self) -> str:
        return self.models[self.index]

    @property
    def fell_back_from(self) -> str | None:
        return self.models[0] if self.index else None

    @property
    def before(self) -> "StepAttempt":
        """The attempt before it, at the same model, or at the one that gave way to this without a word."""
        number = self.number - 1
        index = self.index if number > self.earlier else max(0, self.index - 1)
        return replace(self, number=number, index=index)

    @property
    def codes(self) -> tuple[str, ...]:
        """Why earlier attempts of this model at this step failed, in order."""
        return tuple(failure.code for failure in self.failures if failure.model == self.model)

    def after(self, code: str, is_given_up: bool) -> int | None:
        """The index of the model to ask after this one, which failed for `code`; `None` to go on with this one."""
        failed = {failure.model for failure in self.failures}
        return next_model(self.models, self.index, code, failed) if is_given_up else None

    def after_half_the_time(self) -> int | None:
        """The same where attempts at this one have used half of what its run had left when the first of them began."""
        info = activity.info()
        left, used = info.schedule_to_close_timeout, info.current_attempt_scheduled_time - info.scheduled_time
        is_late = left is not None and used > left / 2
        return self.after(TIMED_OUT, is_late)

    def seconds_left(self) -> float:
        """How much of its time its run has left: all, in the activity that opened the run."""
        info = activity.info()
        left = info.schedule_to_close_timeout
        used = info.current_attempt_scheduled_time - info.scheduled_time
        return (left - used).total_seconds() if left else self.run_seconds

    def all_failed(self, code: str, words: str) -> tuple[str, str]:
        """The code and the words of a run that ends with this failure, after those of the models before."""
        others = {failure.model: failure.code for failure in self.failures if failure.model != self.model}
        return error_of_all(others, code, words)


def step_attempt(transcript: Transcript, step: ThinkInput, run_seconds: int) -> StepAttempt:
    """What this attempt of the activity is, by the transcript and its input."""
    models = tuple(transcript.run.models)
    return StepAttempt(
        step.number,
        step.earlier_attempts + activity.info().attempt,
        models,
        step.model_index,
        step.earlier_attempts,
        transcript.failures,
        _reason(transcript) if step.model_index else None,
        transcript.run.run_timeout_seconds or run_seconds,
    )


def _reason(transcript: Transcript) -> str:
    """Why the run's own model does not answer: at this step, or at the one where it was asked last."""
    earlier = [step.fallback_reason for step in transcript.steps if step.fallback_reason]
    codes = [failure.code for failure in transcript.failures if failure.model == transcript.run.model]
    return next(reversed(codes or earlier), TIMED_OUT)
