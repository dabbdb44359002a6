"""What a run's first message says before the prompt: the time, what went before, what is open, what is remembered.

Pure, and composed once, when the run is opened: it is priced, kept with the run, and the same at every step.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
MOST_ANSWERS = 3
LONGEST_ANSWER = 500
LONGEST_OUTCOME = 1_000
LONGEST_MEMORY = 1_000
LONGEST_TITLE = 200


@dataclass(frozen=True)
class EarlierRun:
    """An earlier run of the same heartbeat: how and when it ended, what it said of itself, what it answered."""

    status: str
    started_at: datetime
    summary: str | None
    answer: str | None


@dataclass(frozen=True)
class OpenFinding:
    """A finding that is not resolved."""

    title: str
    severity: str
    fingerprint: str
    since: datetime


@dataclass(frozen=True)
class RunContext:
    """What there is to say: earlier runs and findings oldest first, memories best first (their ids and texts)."""

    earlier: Sequence[EarlierRun] = ()
    findings: Sequence[OpenFinding] = ()
    memories: Sequence[tuple[str, str]] = ()


def compose(known: RunContext, now: datetime, zone: str) -> str:
    """The text. Answers of the same day in `zone` are its thread; of an older day only the outcome is said."""
    there = ZoneInfo(zone)
    parts = [f"It is {said(now, there)} ({zone})."]
    if known.earlier:
        parts.append(_outcome(known.earlier[-1], there))
    if known.findings:
        parts.append("Open findings:\n" + "\n".join(_finding(finding, there) for finding in known.findings))
    if known.memories:
        listed = "\n".join(f"- {uuid}: {cut(text, LONGEST_MEMORY)}" for uuid, text in known.memories)
        parts.append(f"What you remember of this:\n{listed}")
    if thread := list(_thread(known.earlier, now, there)):
        parts.append("Your answers earlier today:\n" + "\n".join(thread[-MOST_ANSWERS:]))
    return "\n\n".join(parts)


def first_message(opening: str | None, prompt: str) -> str:
    """What the model is told first: the opening, if the run has one, then the heartbeat's prompt as it stands."""
    return f"{opening}\n\nYour task:\n{prompt}" if opening else prompt


def said(moment: datetime, zone: ZoneInfo) -> str:
    """An instant as people in `zone` say it: Sunday, 22 November 2026, 18:05."""
    there = moment.astimezone(zone)
    day = f"{WEEKDAYS[there.weekday()]}, {there.day} {MONTHS[there.month - 1]} {there.year}"
    return f"{day}, {there:%H:%M}"


def cut(text: str, most: int) -> str:
    """No more than `most` characters of a text, the last a sign that there was more."""
    text = text.strip()
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _outcome(last: EarlierRun, zone: ZoneInfo) -> str:
    told = f"The last run, on {said(last.started_at, zone)}, ended as {last.status}"
    return f"{told}: {cut(last.summary, LONGEST_OUTCOME)}" if last.summary else f"{told}."


def _finding(finding: OpenFinding, zone: ZoneInfo) -> str:
    since = said(finding.since, zone)
    return f"- {finding.severity}, since {since}: {cut(finding.title, LONGEST_TITLE)} [{finding.fingerprint}]"


def _thread(earlier: Sequence[EarlierRun], now: datetime, zone: ZoneInfo) -> Iterator[str]:
    today = now.astimezone(zone).date()
    for run in earlier:
        began = run.started_at.astimezone(zone)
        if run.answer and began.date() == today:
            yield f"- {began:%H:%M}: {cut(run.answer, LONGEST_ANSWER)}"
