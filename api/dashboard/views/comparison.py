"""What pages show of rehearsals and replays as they go: steps in words, and two runs side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from api.dashboard.sentences import translate
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views import formats
from api.dashboard.views.approvals import Argument, arguments
from api.dashboard.views.formats import Moment, moment
from api.dashboard.views.gates import seen
from api.dashboard.views.markdown import markdown
from heartbeat.store.runs.comparisons import ComparedRun
from heartbeat.store.runs.details import parsed
from heartbeat.store.tables.runs import Step

# What became of a call that was not simply made.
NOTES = {
    "rehearsed": marked("It would have been called; it was written down."),
    "would_ask": marked("A person would have been asked first; it was written down."),
    "not_recorded": marked("The run before never made this call, so there was no answer to it."),
}


@dataclass(frozen=True)
class StepView:
    """A model's words, or a tool call with its arguments, what it answered, and what became of it."""

    number: int
    text: str
    tool: str
    arguments: list[Argument]
    answer: str
    note: str


@dataclass(frozen=True)
class ComparedRunView:
    """One run, so far: `status` is waiting until a worker has begun it. `html` is its answer, if it can be rendered."""

    uuid: str
    status: str
    started: Moment | None
    model: str
    prompt: str
    answer: str
    html: Markup | None
    problem: str
    steps: list[StepView]
    took: str
    tokens: int
    credits: int
    gate: str | None = None

    @property
    def is_going(self) -> bool:
        return self.status in ("waiting", "running")

    @property
    def calls(self) -> list[StepView]:
        return [step for step in self.steps if step.tool]


@dataclass(frozen=True)
class Pair:
    """A run and its replay."""

    before: ComparedRunView
    after: ComparedRunView


def run_view(compared: ComparedRun, now: datetime) -> ComparedRunView:
    """Show a run as it goes."""
    run = compared.run
    if run is None:
        return ComparedRunView(compared.uuid, "waiting", None, "", "", "", None, "", [], "", 0, 0)
    return ComparedRunView(
        uuid=run.uuid,
        status=run.status,
        started=moment(run.started_at, UTC, now),
        model=run.model,
        prompt=run.prompt,
        answer=run.response or "",
        html=markdown(run.response) if run.response else None,
        problem=_problem(run.error_message, run.skip_reason),
        steps=[_step(step) for step in compared.steps],
        took=formats.took(run.duration_ms or 0) if run.status != "running" else "",
        tokens=run.tokens_used,
        credits=run.credits_charged,
        gate=seen(run.gate),
    )


def pairs(before: Sequence[ComparedRun], after: Sequence[ComparedRun], now: datetime) -> list[Pair]:
    """Put each run beside its replay, in this order."""
    return [Pair(run_view(old, now), run_view(new, now)) for old, new in zip(before, after, strict=True)]


def _problem(error_message: str | None, skip_reason: str | None) -> str:
    return translate(error_message or "") or (_(formats.SKIPPED.get(skip_reason, skip_reason)) if skip_reason else "")


def _step(step: Step) -> StepView:
    if step.kind == "model":
        return StepView(step.number, step.answer, "", [], "", translate(step.failure or ""))
    note = NOTES.get(step.failure_code or "")
    if note is not None:
        return StepView(step.number, "", _name(step), arguments(parsed(step.arguments)), "", _(note))
    state = "" if step.state == "done" else _("It is under way.")
    return StepView(
        step.number, "", _name(step), arguments(parsed(step.arguments)), step.answer, step.failure_code or state
    )


def _name(step: Step) -> str:
    return formats.tool(step.name or "")
