"""The steps of a run as a tree: each model request with the tool calls it asked for, and when each of them went on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from api.dashboard.sentences import translate
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views import formats
from api.dashboard.views.approvals import Argument, arguments
from heartbeat.store.runs.details import parsed
from heartbeat.store.tables.runs import Run, Step

LINE, SAID = 100, 300
# A step that took no time can be seen all the same.
NARROWEST = 0.6
STATES = {"asked": marked("not called yet"), "called": marked("being called"), "done": ""}
REHEARSED = {
    "rehearsed": marked("written down, not called"),
    "would_ask": marked("written down, not called; a person would have been asked first"),
    "not_recorded": marked("not called; the run that is replayed never made this call"),
}


@dataclass(frozen=True)
class StepBar:
    """When a step went on, in hundredths of the run: how long it waited before, and how long it took.

    `after` says when it began, in words.
    """

    wait_x: float
    wait_width: float
    x: float
    width: float
    after: str


@dataclass(frozen=True)
class StepNode:
    """One model request with its `calls`, or one tool call; `what` is the model or the tool.

    `line` is what a call was asked with, or the start of what the model said. `answer` is what it came to,
    whole, and `result` the start of a call's. `fallback` says in place of which model it answered, and why. A call has
    no tokens of its own: the request after it pays for it.
    """

    number: int
    kind: str
    what: str
    line: str
    arguments: list[Argument]
    answer: str
    result: str
    state: str
    input_tokens: int
    output_tokens: int
    credits: int
    took: str
    bar: StepBar
    failure: str | None
    fallback: str
    reminder: str | None = None
    calls: list["StepNode"] = field(default_factory=list)


@dataclass(frozen=True)
class RunTimes:
    """When a run began and ended, or what time it is, and when calls that waited for a person were decided, by step."""

    start: datetime
    end: datetime
    decided: Mapping[int, datetime]

    @classmethod
    def of(cls, run: Run, steps: Sequence[Step], decided: Mapping[int, datetime], now: datetime) -> "RunTimes":
        """Measure a run by its own length or, if that is shorter, by the end of its last step."""
        times = cls(run.started_at, run.finished_at or now, decided)
        return cls(run.started_at, max([times.end, *(times.span(step)[1] for step in steps)]), decided)

    def span(self, step: Step) -> tuple[datetime, datetime]:
        """When a step began and ended: an answer is written when it has come, a call when it is asked for."""
        took = timedelta(milliseconds=step.duration_ms)
        if step.kind != "tool":
            return step.created_at - took, step.created_at
        begun = self.decided.get(step.number, step.created_at)
        if step.state == "done":
            return begun, begun + took
        return (self.end if step.state == "asked" else begun), max(self.end, begun)

    def bar(self, step: Step) -> StepBar:
        begun, ended = self.span(step)
        first, x = self._share(min(step.created_at, begun) if step.kind == "tool" else begun), self._share(begun)
        x = min(x, 100 - NARROWEST)
        width = max(NARROWEST, self._share(ended) - x)
        after = formats.took(max(0, round((begun - self.start).total_seconds() * 1000)))
        return StepBar(first, round(max(0.0, x - first), 1), x, round(width, 1), after)

    def _share(self, instant: datetime) -> float:
        whole = max(0.001, (self.end - self.start).total_seconds())
        return round(min(100.0, max(0.0, 100 * (instant - self.start).total_seconds() / whole)), 1)


def step_tree(steps: Sequence[Step], charged: Mapping[int, int], times: RunTimes) -> list[StepNode]:
    """Show the model requests of a run in order, each with its calls; `charged` has the credits of each by number."""
    tree: list[StepNode] = []
    for step in steps:
        view = _step(step, charged.get(step.number, 0), times)
        if step.kind == "tool" and tree and tree[-1].kind != "tool":
            tree[-1].calls.append(view)
        else:
            tree.append(view)
    return tree


def _step(step: Step, charged: int, times: RunTimes) -> StepNode:
    is_tool, rehearsed = step.kind == "tool", REHEARSED.get(step.failure_code or "")
    call = arguments(parsed(step.arguments)) if is_tool else []
    state = rehearsed or STATES.get(step.state, step.state)
    return StepNode(
        number=step.number,
        kind=step.kind,
        what=formats.tool(step.name or "") if is_tool else step.model,
        line=_asked_with(call) if is_tool else formats.start(step.answer, SAID),
        arguments=call,
        answer=step.answer,
        result=formats.start(step.answer, LINE) if is_tool else "",
        state=": ".join(filter(None, [_(state) if state else "", step.progress])),
        input_tokens=step.input_tokens,
        output_tokens=step.output_tokens,
        credits=charged,
        took=formats.took(step.duration_ms) if step.state == "done" else "",
        bar=times.bar(step),
        failure=None if rehearsed else translate(step.failure or "") or step.failure_code,
        fallback=_fallback(step),
        reminder=step.reminder,
    )


def _fallback(step: Step) -> str:
    """Say which model should have answered, and why it did not."""
    if not step.fell_back_from:
        return ""
    words = {"model": step.fell_back_from, "reason": step.fallback_reason}
    return _("in place of %(model)s, which failed (%(reason)s)") % words


def _asked_with(call: Sequence[Argument]) -> str:
    line = ", ".join(f"{name}: {value}" if name else value for name, value in call)
    return formats.isolated(formats.start(line, LINE))
