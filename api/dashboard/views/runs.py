"""What pages show of runs: rows in, words and numbers out."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from api.dashboard.sentences import translate
from api.dashboard.translations import gettext as _
from api.dashboard.views import formats
from api.dashboard.views.approvals import Argument, arguments
from api.dashboard.views.formats import Moment, moment
from heartbeat.store.database.pages import Page
from heartbeat.store.runs.logs import delay_ms
from heartbeat.store.runs.rehearsals import Rehearsal
from heartbeat.store.tables.runs import Attempt, Run

OUTCOME = 160


@dataclass(frozen=True)
class RunLine:
    """One run in a list, and the head of its own page. Credits and tokens are what it came to so far.

    `without` names the tools that it had to do without, for they changed. `waits` says for what it waits, if that is
    not an approval. `rated` says what a person said of it.
    """

    uuid: str
    status: str
    rehearsal: bool
    trigger: str
    due: Moment | None
    cause: str
    started: Moment
    delay: str | None
    took: str
    tokens: int
    credits: int
    cost: str
    outcome: str
    without: str
    waits: str
    rated: str
    temporal_url: str | None


@dataclass(frozen=True)
class FailedRequest:
    """A request to a provider that came to nothing: why, what its provider said, and what it used all the same."""

    step: int
    attempt: int
    why: str
    provider_words: str
    input_tokens: int
    output_tokens: int
    cost: str


@dataclass(frozen=True)
class ReportView:
    """What a run said of itself: its outcome, a summary, and each finding as severity, title and detail."""

    outcome: str
    summary: str | None
    findings: list[tuple[str, str, str]]


@dataclass(frozen=True)
class RehearsalView:
    """What a rehearsal would have done.

    A call is a tool, its arguments, and whether a person would have been asked first; a message an event and a target.
    """

    calls: list[tuple[str, list[Argument], bool]]
    messages: list[tuple[str, str]]


@dataclass(frozen=True)
class Pager:
    """Which page of how many, if all were counted; `newer` and `older` are the neighbours there are."""

    number: int
    total: int | None
    newer: int | None
    older: int | None


def line(run: Run | Row[Any], zone: str, now: datetime, temporal_url: str | None) -> RunLine:
    """Show a run, with times in its heartbeat's time zone."""
    where = ZoneInfo(zone)
    due = moment(run.scheduled_for, where, now) if run.scheduled_for else None
    started = moment(run.started_at, where, now, seconds=True)
    delay = delay_ms(run)
    so_far = _("{time} so far").format(time=formats.span((now - run.started_at).total_seconds()))
    return RunLine(
        uuid=run.uuid,
        status=run.status,
        rehearsal=run.dry_run,
        trigger=run.trigger,
        due=due,
        cause=_cause(due, started) if due else _("by hand"),
        started=started,
        delay=None if delay is None else formats.took(delay),
        took=so_far if run.status == "running" else formats.took(run.duration_ms or 0),
        tokens=run.tokens_used,
        credits=run.credits_charged,
        cost=formats.dollars(run.cost_nano_usd),
        outcome=formats.start(outcome(run), OUTCOME),
        without=", ".join(formats.tool(name) for name in run.paused_tools or ()),
        waits=_waits(run),
        rated="" if run.liked is None else _("rated good") if run.liked else _("rated bad"),
        temporal_url=temporal_url,
    )


def _waits(run: Run | Row[Any]) -> str:
    if run.status != "running":
        return ""
    return _(formats.WAITS.get("budget" if run.parked else run.waiting or "", ""))


def _cause(due: Moment, started: Moment) -> str:
    """ "due 09:00"; with its day when the run began on another."""
    day, _comma, time = due.clock.rpartition(", ")
    return _("due {time}").format(time=time if started.clock.startswith(f"{day}, ") else due.clock)


def outcome(run: Run | Row[Any]) -> str:
    """Say what came of a run: its answer, its error, or why it was skipped."""
    if run.skip_reason == "held" and run.error_message:
        return translate(run.error_message)
    if run.status == "skipped":
        return _(formats.SKIPPED.get(run.skip_reason or "", run.skip_reason or ""))
    return translate(run.error_message or "") or run.response or ""


def report(run: Run) -> ReportView | None:
    """Show what a run reported with the tool `report`, if it did."""
    if not run.report:
        return None
    reported = run.report.get("findings") or ()
    findings = [(finding["severity"], finding["title"], finding.get("detail") or "") for finding in reported]
    outcome = str(run.report.get("outcome", ""))
    return ReportView(_(formats.REPORTED.get(outcome, outcome)), run.report.get("summary"), findings)


def rehearsal_view(rehearsal: Rehearsal) -> RehearsalView:
    """Show what a rehearsal would have done."""
    calls = [(formats.tool(call.tool), arguments(call.arguments), call.needs_approval) for call in rehearsal.calls]
    messages = [
        (_(formats.EVENT.get(one.event, one.event)), f"{_(formats.CHANNEL.get(one.channel, one.channel))} {one.name}")
        for one in rehearsal.events
    ]
    return RehearsalView(calls, messages)


def failed_requests(attempts: list[Attempt]) -> list[FailedRequest]:
    """Show the requests of a run that no step shows, in order."""
    return [
        FailedRequest(
            row.step,
            row.attempt,
            row.failure_code or _("lost with its worker"),
            row.provider_words or "",
            row.input_tokens,
            row.output_tokens,
            formats.dollars(row.cost_nano_usd),
        )
        for row in attempts
        if row.outcome != "answered"
    ]


def step_costs(attempts: list[Attempt]) -> dict[int, str]:
    """Say what the providers charge for each step, all of its attempts together."""
    sums: Counter[int] = Counter()
    for row in attempts:
        sums[row.step] += row.cost_nano_usd
    return {step: formats.dollars(cost) for step, cost in sums.items()}


def pages(page: Page, rows: int, *, counts_all: bool = True) -> Pager:
    """Work out where `page` is in a list of so many rows, or of more than that."""
    total = max(1, ceil(rows / page.size))
    return Pager(
        page.number,
        total if counts_all else None,
        min(page.number - 1, total) if page.number > 1 else None,
        page.number + 1 if page.number < total else None,
    )
