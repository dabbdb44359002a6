"""What pages show of gates: what there is to choose, what was seen there, and how often that was nothing new."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from api.dashboard.gate_form import TOOL, URL
from api.dashboard.sentences import translate
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked, ngettext, translated
from api.dashboard.views import formats
from api.dashboard.views.formats import Moment, moment
from api.dashboard.views.tool_server import HEADERS
from heartbeat.domain.changes import difference
from heartbeat.domain.gates import Look, name_of
from heartbeat.store.heartbeats.gates import GateQuestion
from heartbeat.store.tables.credits import RunSums
from heartbeat.store.tables.gates import GateReading
from heartbeat.store.tables.heartbeats import Heartbeat

SOURCES = (
    ("", marked("None: it runs at each tick")),
    (URL, marked("An address")),
    (TOOL, marked("A tool of its bot that only reads")),
)
OUTCOMES = {
    "first": marked("Seen for the first time"),
    "unchanged": marked("Nothing new"),
    "changed": marked("Something new"),
    "failed": marked("Could not be read"),
}
# What a tick would do now.
UNCHANGED = marked("Nothing new: it says what it said at the last successful run. A tick would be skipped.")
CHANGED = marked("Something is new. A tick would run, and begin with what changed.")
FIRST_RUNS = marked("There is nothing yet to compare it with. The first tick would run with what is there.")
FIRST_SKIPS = marked("There is nothing yet to compare it with. The first tick would only take note of what is there.")
FAILED_RUNS = marked("It could not be read. A tick would run all the same.")
FAILED_SKIPS = marked("It could not be read. A tick would be skipped.")
MAX_TEXT = 20_000
ON_FIRST = (("run", marked("Run with what is there")), ("skip", marked("Only take note of what is there")))
ON_ERROR = (("run", marked("Run all the same")), ("skip", marked("Skip the tick")))

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class GateChoices:
    """What there is to choose in the part of the form that is about the gate."""

    sources: Pairs
    headers: Pairs
    on_first: Pairs
    on_error: Pairs


def gate_choices() -> GateChoices:
    return GateChoices(*map(translated, (SOURCES, HEADERS, ON_FIRST, ON_ERROR)))


def news_line(sums: RunSums, days: int) -> str | None:
    """Say how many of the ticks of so many days were runs; `None` where no gate had nothing new."""
    if not sums.unchanged:
        return None
    counts = [
        (ngettext("%(number)s tick", "%(number)s ticks", sums.total), sums.total),
        (ngettext("%(number)s run", "%(number)s runs", sums.executed), sums.executed),
        (ngettext("%(number)s time nothing new", "%(number)s times nothing new", sums.unchanged), sums.unchanged),
    ]
    if other := sums.skipped - sums.unchanged:
        counts.append((_("%(number)s skipped"), other))
    words = ", ".join(text % {"number": formats.number(number)} for text, number in counts)
    return _("In %(days)s days: %(counts)s.") % {"days": days, "counts": words}


@dataclass(frozen=True)
class LookView:
    """A look at a gate: what it means for a tick, why it failed, what changed, and the text that is there."""

    source: str
    meaning: str
    failure: str | None
    change: str
    text: str


def look_view(question: GateQuestion, look: Look) -> LookView:
    """Show a look that compared with nothing beside the value that was accepted."""
    accepted, text = question.accepted, look.text or ""
    change = difference(accepted.text, text) if accepted and look.outcome != "failed" else ""
    return LookView(
        source=name_of(question.gate),
        meaning=_(_meaning(question, look)),
        failure=look.failure,
        change=change,
        text=text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…",
    )


def _meaning(question: GateQuestion, look: Look) -> str:
    gate = question.gate
    if look.outcome == "failed":
        return FAILED_RUNS if gate["on_error"] == "run" else FAILED_SKIPS
    if question.accepted is None:
        return FIRST_RUNS if gate["on_first"] == "run" else FIRST_SKIPS
    return UNCHANGED if look.digest == question.accepted.digest else CHANGED


@dataclass(frozen=True)
class GateCard:
    """A heartbeat's gate: what it looks at, what of it counts, and the last looks as (moment, what was seen, why)."""

    source: str
    select: str
    looks: list[tuple[Moment, str, str]]


def gate_card(heartbeat: Heartbeat, readings: Sequence[GateReading], now: datetime) -> GateCard | None:
    """Show the gate of a heartbeat or a task with its last looks; `None` if it has none."""
    if heartbeat.gate is None:
        return None
    where = ZoneInfo(heartbeat.timezone)
    looks = [
        (moment(reading.created_at, where, now), _(OUTCOMES[reading.outcome]), translate(reading.detail or ""))
        for reading in readings
    ]
    return GateCard(name_of(heartbeat.gate), heartbeat.gate["select"] or "", looks)


def seen(gate: dict[str, Any] | None) -> str | None:
    """Say what a run's look at its gate came to; `None` if it looked at none."""
    if gate is None:
        return None
    words = _(OUTCOMES[gate["outcome"]])
    return f"{words}: {translate(gate['detail'])}" if gate.get("detail") else words
