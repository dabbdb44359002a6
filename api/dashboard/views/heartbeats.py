"""What pages show of heartbeats: rows in, words and numbers out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from api.dashboard.sentences import translate
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views import formats
from api.dashboard.views.formats import Moment, moment
from api.dashboard.views.schedules import schedule
from api.dashboard.views.strips import Strip
from api.next_ticks import next_tick
from heartbeat.store.credits.budgets import period_budget
from heartbeat.store.heartbeats.snoozes import awake_after, is_snoozed
from heartbeat.store.heartbeats.tick_accounting import cadence_of, start_delay_of
from heartbeat.store.overview.heartbeat_list import HeartbeatStates
from heartbeat.store.tables.credits import RunSums
from heartbeat.store.tables.heartbeats import Heartbeat

TITLE, NOTE = 90, 330
PENDING = marked("Temporal has not taken the schedule yet; it follows by itself as soon as Temporal can be reached.")
CHART_HEIGHT, BAR, GAP = 40, 10, 4

Period = tuple[datetime, datetime]
RunsByDay = Mapping[date, RunSums]


@dataclass(frozen=True)
class BudgetView:
    """Credits of the period. `share` is how much of the budget is used, 0 to 100, `None` without a budget."""

    used: int
    budget: int | None
    share: int | None
    resets: str


@dataclass(frozen=True)
class HeartbeatCard:
    """One heartbeat in a list, and the head of its own page. `begins` is set before its first tick can come."""

    uuid: str
    title: str
    bot: str
    schedule: str
    state: str
    note: str | None
    short_note: str
    next: Moment | None
    start_delay: str | None
    snoozed: Moment | None
    begins: Moment | None
    is_over: bool
    last_status: str | None
    last: Moment | None
    streak: str | None
    spent: BudgetView
    running: str | None
    rehearsing: bool
    probe: Moment | None


@dataclass(frozen=True)
class ListCard:
    """A heartbeat in the list of all: its card, its last runs, and how many tools of its bot changed."""

    card: HeartbeatCard
    strip: Strip
    changed_tools: int


@dataclass(frozen=True)
class ChartBar:
    """A day in the chart of runs; heights are in the chart's own units."""

    x: int
    good: float
    bad: float
    label: str


@dataclass(frozen=True)
class Totals:
    """The numbers at the top, and the chart."""

    states: HeartbeatStates
    running: int
    today: RunSums
    bars: list[ChartBar]
    credits: int
    credit_limit: int | None
    resets: str


def card(
    row: Heartbeat,
    bot_name: str,
    period: Period,
    now: datetime,
    running: Row[Any] | None = None,
    held: Collection[datetime] = (),
) -> HeartbeatCard:
    """`running` is a run of the heartbeat that is still going (`uuid`, `dry_run`); no next one is among `held`."""
    where, tick = ZoneInfo(row.timezone), _next(row, held, now) if row.enabled else None
    delay = start_delay_of(row)
    note = translate(row.pause_message or "") if row.pause_reason else _(PENDING) if state(row) == "pending" else None
    return HeartbeatCard(
        uuid=row.uuid,
        title=title(row),
        bot=bot_name,
        schedule=schedule(cadence_of(row)),
        state=state(row),
        note=note,
        short_note=formats.middle(note or "", NOTE),
        next=moment(tick + delay, where, now, seconds=bool(delay)) if tick else None,
        start_delay=formats.span(delay.total_seconds()) if delay else None,
        last_status=row.last_status,
        last=moment(row.last_executed_at, where, now) if row.last_executed_at else None,
        streak=_streak(row),
        spent=spent(row, period),
        running=running.uuid if running else None,
        rehearsing=bool(running and running.dry_run),
        snoozed=moment(row.snooze_until, where, now) if row.snooze_until and is_snoozed(row, now) else None,
        begins=moment(row.starts_at, where, now) if row.starts_at and now < row.starts_at else None,
        is_over=row.ends_at is not None and next_tick(cadence_of(row)).next_after(now) is None,
        probe=moment(row.probe_at, where, now) if row.probe_at and row.pause_reason else None,
    )


def _next(row: Heartbeat, held: Collection[datetime], now: datetime) -> datetime | None:
    """The next tick that runs: none that is held, or before the end of a snooze."""
    due = next_tick(cadence_of(row))
    tick = due.next_after(awake_after(row, now))
    while tick is not None and tick in held:
        tick = due.next_after(tick)
    return tick


def title(row: Heartbeat) -> str:
    """Return the label, else the start of the prompt."""
    return row.label or formats.start(row.prompt, TITLE)


def page_path(row: Heartbeat) -> str | None:
    """Return the path of its page; `None` when it was deleted. A task that has ended keeps its page."""
    if row.type == "heartbeat":
        return None if row.deleted_at else f"/heartbeats/{row.uuid}"
    return None if row.deleted_at and not row.ended_as else f"/tasks/{row.uuid}"


def state(row: Heartbeat) -> str:
    """Return on, off, paused (the product switched it off) or pending (on, but Temporal's schedule is behind)."""
    if row.pause_reason:
        return "paused"
    if not row.enabled:
        return "off"
    return "pending" if row.synced_version < row.version else "on"


def spent(row: Heartbeat, period: Period) -> BudgetView:
    """Show what a heartbeat used of its budget in this period, and of what a person gave it on top."""
    used = row.period_credits if row.period_start == period[0] else 0
    return budget_view(used, period_budget(row, period[0]), period)


def budget_view(used: int, budget: int | None, period: Period) -> BudgetView:
    """Show what was used of a budget in this period."""
    share = None if budget is None else min(100, 100 * used // budget) if budget else 100
    return BudgetView(used, budget, share, formats.day(period[1]))


def totals(
    states: HeartbeatStates, running: int, days: RunsByDay, used: int, limit: int | None, period: Period
) -> Totals:
    """The numbers at the top; `used` and `limit` are the project's credits of this period."""
    return Totals(states, running, list(days.values())[-1], bars(days), used, limit, formats.day(period[1]))


def bars(days: RunsByDay) -> list[ChartBar]:
    """Draw the chart of runs, a bar a day: successes below, errors on top. The highest day fills the height."""
    most = max([1, *(sums.executed for sums in days.values())])
    scale = CHART_HEIGHT / most
    return [
        ChartBar(
            x=index * (BAR + GAP),
            good=round((sums.executed - sums.error) * scale, 2),
            bad=round(sums.error * scale, 2),
            label=f"{formats.day(when)}: {formats.count(sums.executed, 'run')}, {formats.count(sums.error, 'error')}",
        )
        for index, (when, sums) in enumerate(days.items())
    ]


def _streak(row: Heartbeat) -> str | None:
    """Show failures in a row; of a paused heartbeat its note says it."""
    if not row.error_count or row.pause_reason:
        return None
    return _("{number} of {errors} in a row").format(
        number=row.error_count, errors=formats.count(row.max_consecutive_errors, "error")
    )
