"""What activities count of runs."""

from heartbeat.domain import credits
from heartbeat.domain.fallbacks import provider_of
from heartbeat.store.runs.logs import delay_ms
from heartbeat.store.runs.opening import Opening
from heartbeat.store.runs.steps import NewStep
from heartbeat.telemetry.metrics import CREDITS, OPENINGS, PROVIDER_ERRORS, START_DELAY, STEP_SECONDS, TOKENS


def count_opening(opening: Opening) -> None:
    """Count a claim that came to something, once, and how long after its tick the run began."""
    run = opening.run
    if run is None or not opening.is_new:
        return
    OPENINGS.labels(run.skip_reason or "started").inc()
    delay = delay_ms(run)
    if run.status == "running" and delay is not None:
        START_DELAY.observe(delay / 1000)


def count_answer(step: NewStep, rate: int) -> None:
    """Count an answered model request, with what it used at `rate` credits for 1,000 tokens."""
    STEP_SECONDS.labels("model", provider_of(step.model)).observe(step.duration_ms / 1000)
    TOKENS.labels(step.model, "input").inc(step.input_tokens)
    TOKENS.labels(step.model, "output").inc(step.output_tokens)
    CREDITS.labels(step.model).inc(credits.cost(step.usage.tokens, rate))


def count_call(seconds: float) -> None:
    """Count a tool call that was made."""
    STEP_SECONDS.labels("tool", "").observe(seconds)


def count_failure(model: str, code: str) -> None:
    """Count a model request that came to nothing."""
    PROVIDER_ERRORS.labels(provider_of(model), code).inc()
