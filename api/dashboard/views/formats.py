"""How times, amounts and reasons read on a page."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from babel.dates import format_skeleton, format_timedelta
from babel.numbers import format_decimal, format_percent

from api.dashboard.translations import ENGLISH, language, marked, marked_plural, ngettext
from api.dashboard.translations import gettext as _
from api.dashboard.zones import reader_zone
from heartbeat.domain.text import TURNS

STATUS = {
    "success": marked("Success"),
    "error": marked("Error"),
    "skipped": marked("Skipped"),
    "cancelled": marked("Cancelled"),
    "running": marked("Running"),
}
STATE = {"on": marked("On"), "off": marked("Off"), "paused": marked("Paused"), "pending": marked("Pending")}
WAITS = {
    "budget": marked("Waits for credits"),
    "rate_limit": marked("Waits for its provider"),
    "capacity": marked("Waits for capacity"),
}
TRIGGER = {"schedule": marked("On schedule"), "manual": marked("By hand"), "probe": marked("Tried again")}
SKIPPED = {
    "overlap": marked("The run before it was still going."),
    "missed": marked("It was due while nothing could run it."),
    "budget": marked("The credit budget of the period was spent."),
    "plan": marked("The project's plan did not allow it."),
    "disabled_bot": marked("The bot or its heartbeats were switched off."),
    "held": marked("A person had it skipped."),
    "needs_reconnect": marked("A person had to sign in to a tool again."),
    "unchanged": marked("Its gate had nothing new."),
    "gate_failed": marked("Its gate could not be read."),
}
SNOOZES = (("hour", marked("1 hour")), ("day", marked("1 day")), ("monday", marked("Until Monday")))
TASK = {
    "active": marked("Active"),
    "paused": marked("Paused"),
    "done": marked("Done"),
    "cancelled": marked("Cancelled"),
}
APPROVAL = {
    "pending": marked("Waits for you"),
    "approved": marked("Approved"),
    "denied": marked("Denied"),
    "expired": marked("Expired"),
}
SEVERITY = {"info": marked("Info"), "warning": marked("Warning"), "critical": marked("Critical")}
FINDING = {
    "open": marked("Open"),
    "acknowledged": marked("Acknowledged"),
    "snoozed": marked("Snoozed"),
    "resolved": marked("Resolved"),
}
REPORTED = {"ok": marked("Done"), "nothing_to_report": marked("Nothing to report"), "failed": marked("Failed")}
DELIVERY = {
    "pending": marked("On its way"),
    "held": marked("Held"),
    "delivered": marked("Delivered"),
    "failed": marked("Failed"),
}
EVENT = {
    "run.finding": marked("Findings"),
    "run.failed": marked("Failures"),
    "run.recovered": marked("Recoveries"),
    "run.quality_dropped": marked("Lower quality"),
    "run.costly": marked("Costly runs"),
    "heartbeat.paused": marked("Pauses"),
    "heartbeat.resumed": marked("Resumptions"),
    "heartbeat.missed": marked("Missed runs"),
    "budget.threshold": marked("Budgets"),
    "gate.failed": marked("Failing gates"),
    "gate.recovered": marked("Gates that work again"),
    "approval.requested": marked("Approvals"),
    "tool.changed": marked("Changed tools"),
    "tool.needs_reconnect": marked("Sign-ins"),
    "model.fell_back": marked("Fallbacks"),
    "model.recovered": marked("Models that are back"),
    "user.notified": marked("What agents say"),
}
CHANNEL = {
    "webhook": "Webhook",
    "email": marked("E-mail"),
    "slack": "Slack",
    "discord": "Discord",
    "telegram": "Telegram",
    "teams": "Microsoft Teams",
    "ntfy": "ntfy",
    "apprise": "Apprise",
}
NEAR = {-1: marked("yesterday"), 0: marked("today"), 1: marked("tomorrow")}
COUNTED = {
    "run": marked_plural("{count} run", "{count} runs"),
    "error": marked_plural("{count} error", "{count} errors"),
    "tool": marked_plural("{count} tool", "{count} tools"),
    "attempt": marked_plural("{count} attempt", "{count} attempts"),
}
# What turns the direction of text, and with it the letters that are read from the right.
TURNED = re.compile(f"[{TURNS}\u200f\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
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
        return _("now")
    if language() != ENGLISH:
        threshold = 1 if away < DAY else 2
        return format_timedelta(
            instant - now, threshold=threshold, add_direction=True, format="short", locale=language()
        )
    return f"in {span(away)}" if instant > now else f"{span(away)} ago"


def span(seconds: float) -> str:
    """A length of time, rounded down: "40 s", "12 min", "3 h 20 min", "5 days"."""
    whole = int(seconds)
    if language() != ENGLISH and whole >= 2 * DAY:
        return format_timedelta(timedelta(days=whole // DAY), granularity="day", threshold=400, locale=language())
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
        return f"{decimal(seconds, 1)} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def number(value: int) -> str:
    """Format 1234567 as "1,234,567"."""
    return f"{value:,}" if language() == ENGLISH else format_decimal(value, locale=language())


def decimal(value: float, places: int) -> str:
    """Format 1234.5 to so many decimal places: "1,234.50"."""
    if language() == ENGLISH:
        return f"{value:,.{places}f}"
    return format_decimal(value, format=f"#,##0.{'0' * places}", locale=language())


def per_cent(part: int, whole: int) -> str:
    """Format 9 of 10 as "90%"."""
    share = part / whole
    return f"{share:.0%}" if language() == ENGLISH else format_percent(share, locale=language())


def dollars(nano_usd: int) -> str:
    """Billionths of a US dollar: "$1.25", "$0.75", "$0.0013", "under $0.0001", and nothing for what cost nothing."""
    if not nano_usd:
        return ""
    if nano_usd < 100_000:
        return _("under $0.0001")
    dollars = nano_usd / 10**9
    digits = 2 if dollars >= 1 or nano_usd % 10_000_000 == 0 else 4
    return _("${amount}").format(amount=decimal(dollars, digits))


def count(value: int, noun: str) -> str:
    """ "1 run", "2 runs": the nouns of `COUNTED`."""
    return ngettext(*COUNTED[noun], value).format(count=number(value))


def tool(name: str) -> str:
    """A tool as people read it: `desk__find` of a server is "desk: find"."""
    return name.replace("__", ": ", 1)


def day(when: date) -> str:
    """ "1 Dec"."""
    if language() != ENGLISH:
        return format_skeleton("MMMd", when, locale=language())
    return f"{when.day} {when:%b}"


def date_with_year(when: date) -> str:
    """ "1 Dec 2026"."""
    if language() != ENGLISH:
        return format_skeleton("yMMMd", when, locale=language())
    return f"{day(when)} {when.year}"


def sentence(text: str) -> str:
    """Begin the text with a capital letter."""
    return text[:1].upper() + text[1:]


def isolated(text: str) -> str:
    """Set a name into a sentence, so that it cannot turn the words around it, whichever way it is read itself.

    Not `<bdi>`: a name may close that with a character of its own, and titles and labels hold no elements.
    """
    return f"\u2068{re.sub(f'[{TURNS}]', '', text)}\u2069" if TURNED.search(text) else text


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
        return _(NEAR[away])
    if language() != ENGLISH:
        return format_skeleton(
            "MMMEd" if here.year == now.year else "yMMMEd", here, tzinfo=here.tzinfo, locale=language()
        )
    year = "" if here.year == now.year else f" {here.year}"
    return f"{here:%a} {day(here)}{year}"
