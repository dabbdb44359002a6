"""How times, amounts and reasons read on a page."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from api.dashboard.zones import reader_zone

STATUS = {
    "success": "Success",
    "error": "Error",
    "skipped": "Skipped",
    "cancelled": "Cancelled",
    "running": "Running",
}
STATE = {"on": "On", "off": "Off", "paused": "Paused", "pending": "Pending"}
TRIGGER = {"schedule": "On schedule", "manual": "By hand", "probe": "Tried again"}
SKIPPED = {
    "overlap": "The run before it was still going.",
    "missed": "It was due while nothing could run it.",
    "budget": "The credit budget of the period was spent.",
    "plan": "The project's plan did not allow it.",
    "disabled_bot": "The bot or its heartbeats were switched off.",
    "held": "A person had it skipped.",
}
TASK = {"active": "Active", "paused": "Paused", "done": "Done", "cancelled": "Cancelled"}
APPROVAL = {"pending": "Waits for you", "approved": "Approved", "denied": "Denied", "expired": "Expired"}
SEVERITY = {"info": "Info", "warning": "Warning", "critical": "Critical"}
FINDING = {"open": "Open", "acknowledged": "Acknowledged", "snoozed": "Snoozed", "resolved": "Resolved"}
DELIVERY = {"pending": "On its way", "held": "Held", "delivered": "Delivered", "failed": "Failed"}
EVENT = {
    "run.finding": "Findings",
    "run.failed": "Failures",
    "run.recovered": "Recoveries",
    "heartbeat.paused": "Pauses",
    "heartbeat.resumed": "Resumptions",
    "heartbeat.missed": "Missed runs",
    "approval.requested": "Approvals",
    "tool.changed": "Changed tools",
    "user.notified": "What agents say",
}
CHANNEL = {
    "webhook": "Webhook",
    "email": "E-mail",
    "slack": "Slack",
    "discord": "Discord",
    "telegram": "Telegram",
    "teams": "Microsoft Teams",
    "ntfy": "ntfy",
    "apprise": "Apprise",
}
NEAR = {-1: "yesterday", 0: "today", 1: "tomorrow"}
MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass(frozen=True)
class Moment:
    """An instant as a page shows it: for machines, as local time in a zone, and relative to now.

    `there` is the local time where the heartbeat is, with its zone, if the reader reads it in another.
    """

    iso: str
    clock: str
    zone: str
    relative: str
    there: str = ""


def moment(instant: datetime, where: tzinfo, now: datetime, seconds: bool = False) -> Moment:
    """Show `instant` as local time of the reader, or of `where` if their zone is not known.

    With `seconds` for what happened, without for what was due.
    """
    here, there = instant.astimezone(reader_zone() or where), instant.astimezone(where)
    differs = here.utcoffset() != there.utcoffset()
    return Moment(
        iso(instant),
        _clock(here, now, seconds),
        f"{here:%Z}",
        relative(instant, now),
        f"{_clock(there, now, seconds)} {there:%Z}" if differs else "",
    )


def local(instant: datetime, where: tzinfo, now: datetime) -> Moment:
    """Show `instant` as local time of `where`, whoever reads it."""
    here = instant.astimezone(where)
    return Moment(iso(instant), _clock(here, now, False), f"{here:%Z}", relative(instant, now))


def iso(instant: datetime) -> str:
    """Format an instant for machines: "2026-11-27T08:00:00Z"."""
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def relative(instant: datetime, now: datetime) -> str:
    """ "in 4 min", "3 h ago": one unit, two where an hour would be too coarse."""
    away = abs((instant - now).total_seconds())
    if away < 1:
        return "now"
    return f"in {span(away)}" if instant > now else f"{span(away)} ago"


def span(seconds: float) -> str:
    """A length of time, rounded down: "40 s", "12 min", "3 h 20 min", "5 days"."""
    whole = int(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    hours, minutes = divmod(whole // MINUTE, 60)
    if hours < 6 and minutes:
        return f"{hours} h {minutes} min"
    return f"{hours} h" if whole < 2 * DAY else f"{whole // DAY} days"


def took(milliseconds: int) -> str:
    """How long a run or a step took: "0.4 s", "38 s", "2 min 5 s"."""
    seconds = milliseconds / 1000
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def number(value: int) -> str:
    """Format 1234567 as "1,234,567"."""
    return f"{value:,}"


def dollars(nano_usd: int) -> str:
    """Billionths of a US dollar: "$1.25", "$0.0013", "under $0.0001", and nothing for what cost nothing."""
    if not nano_usd:
        return ""
    if nano_usd < 100_000:
        return "under $0.0001"
    dollars = nano_usd / 10**9
    return f"${dollars:,.2f}" if dollars >= 1 else f"${dollars:.4f}"


def count(value: int, noun: str) -> str:
    """ "1 run", "2 runs"."""
    return f"{number(value)} {noun}" if value == 1 else f"{number(value)} {noun}s"


def tool(name: str) -> str:
    """A tool as people read it: `desk__find` of a server is "desk: find"."""
    return name.replace("__", ": ", 1)


def day(when: date) -> str:
    """ "1 Dec"."""
    return f"{when.day} {when:%b}"


def sentence(text: str) -> str:
    """Begin the text with a capital letter."""
    return text[:1].upper() + text[1:]


def start(text: str, longest: int) -> str:
    """Shorten a text to one line, cut at its end."""
    line = " ".join(text[: 4 * longest].split())
    if len(line) <= longest and len(text) <= 4 * longest:
        return line
    return line[: longest - 1].rstrip() + "…"


def middle(text: str, longest: int) -> str:
    """Shorten a text to one line, cut in its middle: its end says what to do."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 82].rstrip()} … {line[-79:].lstrip()}"


def _clock(here: datetime, now: datetime, seconds: bool) -> str:
    return f"{day_name(here, now)}, {here:%H:%M:%S}" if seconds else f"{day_name(here, now)}, {here:%H:%M}"


def day_name(here: datetime, now: datetime) -> str:
    """ "today", "Mon 1 Dec": the day of a local time."""
    away = (here.date() - now.astimezone(here.tzinfo).date()) // timedelta(days=1)
    if away in NEAR:
        return NEAR[away]
    year = "" if here.year == now.year else f" {here.year}"
    return f"{here:%a} {day(here)}{year}"
