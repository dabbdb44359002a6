"""What activities count of runs."""

from heartbeat.domain import credits
from heartbeat.store.runs.opening import Opening
from heartbeat.store.runs.steps import NewStep
from heartbeat.telemetry.metrics import CREDITS, OPENINGS, PROVIDER_ERRORS, START_DELAY, STEP_SECONDS, TOKENS


def count_opening(opening: Opening) -> None:
    """Count a claim that came to something, and how long after its tick the run began."""
    run = opening.run
    if run is None:
        return
    OPENINGS.labels(run.skip_reason or "started").inc()
    if run.status == "running" and run.scheduled_for is not None:
        START_DELAY.observe(max(0.0, (run.started_at - run.scheduled_for).total_seconds()))


def count_answer(step: NewStep, rate: int) -> None:
    """Count an answered model request, with what it used at `rate` credits for 1,000 tokens."""
    STEP_SECONDS.labels("model", _provider(step.model)).observe(step.duration_ms / 1000)
    TOKENS.labels(step.model, "input").inc(step.input_tokens)
    TOKENS.labels(step.model, "output").inc(step.output_tokens)
    CREDITS.labels(step.model).inc(credits.cost(step.usage.tokens, rate))


def count_call(seconds: float) -> None:
    """Count a tool call that was made."""
    STEP_SECONDS.labels("tool", "").observe(seconds)


def count_failure(model: str, code: str) -> None:
    """Count a model request that came to nothing."""
    PROVIDER_ERRORS.labels(_provider(model), code).inc()


def _provider(model: str) -> str:
    return model.partition(":")[0]
