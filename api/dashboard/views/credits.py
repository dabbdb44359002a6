"""What pages show of credits: a period's sums, and the entries behind them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Row

from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views import formats, heartbeats
from api.dashboard.views.formats import Moment, moment
from heartbeat.store.credits.usage import CreditsUsage, Spent
from heartbeat.store.database.rows import built
from heartbeat.store.tables.credits import Usage
from heartbeat.store.tables.heartbeats import Heartbeat

KINDS = {
    "reserve": marked("reserved for a step"),
    "settle": marked("charged for an answer"),
    "failed": marked("charged for an attempt that failed"),
    "release": marked("given back"),
    "grant": marked("granted by the operator"),
    "adjust": marked("taken back by the operator"),
    "period": marked("the period began"),
    "closing": marked("all that was charged, in one line"),
}
SHORT = 60
ROW = ("uuid", "label", "prompt", "type", "deleted_at", "ended_as")


@dataclass(frozen=True)
class SpenderLine:
    """A heartbeat or a bot with what it used; `path` leads to its page, if it still has one."""

    uuid: str
    title: str
    bot: str
    path: str | None
    used: int
    held: int
    budget: int | None = None


@dataclass(frozen=True)
class SpentLine:
    """A model or a day with what its ended runs came to; `ledger` is how the ledger is asked for its entries."""

    title: str
    day: str
    ledger: str
    runs: int
    credits: int
    tokens: int
    cost: str


@dataclass(frozen=True)
class EntryLine:
    """One line of the ledger."""

    at: Moment
    what: str
    note: str | None
    heartbeat: str | None
    run: str | None
    step: int | None
    credits: int
    held: int
    granted: int
    absorbed: int
    tokens: int


@dataclass(frozen=True)
class GrantLine:
    """Credits that the operator gave for a period, or took back (less than none)."""

    at: Moment
    credits: int
    note: str | None
    period: str


@dataclass(frozen=True)
class PeriodChoice:
    """A billing period to choose, by its first day."""

    start: str
    title: str
    used: int


def heartbeat_lines(usage: CreditsUsage) -> list[SpenderLine]:
    return [_heartbeat_line(row) for row in usage.by_heartbeat]


def _heartbeat_line(row: Row[Any]) -> SpenderLine:
    heartbeat = built(Heartbeat, ROW, [getattr(row, name) for name in ROW])
    return SpenderLine(
        row.uuid,
        heartbeats.title(heartbeat),
        row.bot_name,
        heartbeats.page_path(heartbeat),
        int(row.used),
        int(row.held),
        row.credit_budget,
    )


def bot_lines(usage: CreditsUsage) -> list[SpenderLine]:
    return [
        SpenderLine(row.uuid, row.name, "", None, int(row.used), int(row.held), row.credit_budget)
        for row in usage.by_bot
    ]


def model_lines(usage: CreditsUsage) -> list[SpentLine]:
    return [_spent_line(spent, spent.name or _("none: ticks that never ran"), "", "model") for spent in usage.by_model]


def day_lines(usage: CreditsUsage) -> list[SpentLine]:
    return [_spent_line(spent, day_title(date.fromisoformat(spent.name)), spent.name, "day") for spent in usage.by_day]


def _spent_line(spent: Spent, title: str, iso: str, noun: str) -> SpentLine:
    ledger = urlencode({noun: spent.name}) if spent.credits else ""
    cost = formats.dollars(spent.cost_nano_usd)
    return SpentLine(title, iso, ledger, spent.count, spent.credits, spent.tokens, cost)


def bot_title(bot: Row[Any]) -> str:
    return _("%(name)s (deleted)") % {"name": formats.isolated(bot.name)} if bot.deleted_at else str(bot.name)


def total_cost(usage: CreditsUsage) -> str:
    """What the providers charge for the period's ended runs; empty for nothing."""
    return formats.dollars(sum(day.cost_nano_usd for day in usage.by_day))


def besides_ended_runs(usage: CreditsUsage) -> int:
    """Return what was used by what is not among models and days: rehearsals, replays, and runs under way."""
    return max(0, usage.used - sum(day.credits for day in usage.by_day))


def day_title(day: date) -> str:
    return formats.date_with_year(day)


def entry_line(row: Row[Any], now: datetime) -> EntryLine:
    """Show an entry; its kind may carry a number, as of the third attempt."""
    kind, _dash, number = row.kind.partition("-")
    words = _(KINDS[kind]) if kind in KINDS else row.kind
    title = row.label or (formats.start(row.prompt, SHORT) if row.prompt else None)
    return EntryLine(
        moment(row.created_at, UTC, now, seconds=True),
        f"{words} ({number})" if number else words,
        row.note,
        title,
        row.run_uuid,
        row.step,
        row.credits,
        row.held,
        row.granted,
        row.absorbed,
        row.tokens,
    )


def grant_line(row: Row[Any], now: datetime) -> GrantLine:
    return GrantLine(moment(row.created_at, UTC, now), row.granted, row.note, day_title(row.period_start.date()))


def period_choices(periods: list[Usage], current: datetime) -> list[PeriodChoice]:
    """List the periods that there were, the current one first even if nothing was entered in it yet."""
    used = {current: 0} | {period.period_start: period.credits for period in periods}
    in_order = sorted(used.items(), reverse=True)
    return [PeriodChoice(f"{start:%Y-%m-%d}", day_title(start.date()), total) for start, total in in_order]
