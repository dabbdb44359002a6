"""What the page of upcoming runs shows: rows in, days out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from api.dashboard.sentences import translate
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views import formats, heartbeats
from api.dashboard.views.formats import Moment, iso, moment
from api.dashboard.views.schedules import schedule
from api.dashboard.zones import reader_zone
from heartbeat.domain.cadence.agenda import AgendaEntry, AgendaPart, agenda, next_midnight
from heartbeat.store.heartbeats.project_holds import said_of
from heartbeat.store.heartbeats.tick_accounting import cadence_of, held_by, snoozed_until, start_delay_of, was_snoozed
from heartbeat.store.overview.upcoming import UpcomingHeartbeat
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import ProjectHold

DAYS = 7
# A line is one heartbeat on one day.
LINES, LINES_A_DAY = 150, 12
BOT_IS_OFF = marked("Its bot, or the heartbeats of its bot, are switched off.")


@dataclass(frozen=True)
class UpcomingTick:
    """One tick: when it starts, in local time and as a moment, and why it is skipped, if it is.

    `key` names the tick itself. `is_held`: as a single tick.
    """

    key: str
    time: str
    at: Moment
    skipped: str | None
    is_held: bool


@dataclass(frozen=True)
class UpcomingLine:
    """What one heartbeat or task is due on one day; `more`: ticks come that are not listed."""

    uuid: str
    path: str | None
    title: str
    bot: str
    schedule: str
    is_task: bool
    ticks: list[UpcomingTick]
    more: bool

    @property
    def reasons(self) -> list[str]:
        """Why those are skipped that nobody can let run from here, each reason once."""
        return list(dict.fromkeys(tick.skipped for tick in self.ticks if tick.skipped and not tick.is_held))


@dataclass
class UpcomingDay:
    """One local day. `left_out` lines would make it too long; without `is_whole` nobody counted how many those are."""

    name: str
    date: str
    lines: list[UpcomingLine] = field(default_factory=list)
    left_out: int = 0
    is_whole: bool = True


@dataclass(frozen=True)
class UpcomingView:
    """The days in order. `until` is where the list ends, if it ends before the last of them."""

    days: list[UpcomingDay]
    zone: str
    until: Moment | None

    @property
    def is_empty(self) -> bool:
        return not self.until and not any(day.lines for day in self.days)


@dataclass(frozen=True)
class StillLine:
    """One that stands still, why, and when it is tried again."""

    path: str | None
    title: str
    bot: str
    why: str
    since: Moment | None
    probe: Moment | None


@dataclass(frozen=True)
class Due:
    """What is due: all there are, or with `is_all` of False those first that are due first, and the project's hold."""

    rows: Sequence[UpcomingHeartbeat]
    hold: ProjectHold | None = None
    is_all: bool = True


def upcoming(due: Due, view: str, now: datetime) -> UpcomingView:
    """Show the next seven days. The `view` is list or week."""
    rows = due.rows
    zone = reader_zone() or UTC
    today, end = now.astimezone(zone).date(), next_midnight(now, zone, DAYS)
    until = end if due.is_all else min(end, _first_of(rows[-1], end, now))
    parts = [AgendaPart(cadence_of(row.heartbeat), _left(row.heartbeat)) for row in rows]
    days = [_day(now, zone, number) for number in range(DAYS)]
    # What is due just when it ends is listed as far as it was read: everything may be due at once.
    for number, entry in enumerate(agenda(parts, zone, now, min(end, until + timedelta(microseconds=1)))):
        if view == "list" and number == LINES:
            until = entry.ticks[0]
            break
        day = days[(entry.ticks[0].astimezone(zone).date() - today).days]
        if view == "week" and len(day.lines) == LINES_A_DAY:
            day.left_out += 1
        else:
            day.lines.append(_line(entry, rows[entry.index], zone, due.hold, now))
    for day in days[(until.astimezone(zone).date() - today).days :]:
        day.is_whole = False
    return UpcomingView(days, f"{now.astimezone(zone):%Z}", moment(until, zone, now) if until < end else None)


def upcoming_day(due: Due, number: int, now: datetime) -> UpcomingView:
    """Show what is due on one of the next seven days, 0 for today."""
    rows, zone = due.rows, reader_zone() or UTC
    parts = [AgendaPart(cadence_of(row.heartbeat), _left(row.heartbeat)) for row in rows]
    day = _day(now, zone, number)
    for entry in agenda(parts, zone, now, next_midnight(now, zone, number + 1)):
        if f"{entry.ticks[0].astimezone(zone):%Y-%m-%d}" == day.date:
            day.lines.append(_line(entry, rows[entry.index], zone, due.hold, now))
    return UpcomingView([day], f"{now.astimezone(zone):%Z}", None)


def day_number(date: str, now: datetime) -> int | None:
    """Return which of the next seven days a date is, in the reader's zone; `None` for any other text."""
    zone = reader_zone() or UTC
    dates = [_day(now, zone, number).date for number in range(DAYS)]
    return dates.index(date) if date in dates else None


def day_end(number: int, now: datetime) -> datetime:
    """Return the midnight that ends one of the next seven days, in the reader's zone."""
    return next_midnight(now, reader_zone() or UTC, number + 1)


def still_line(row: UpcomingHeartbeat, now: datetime) -> StillLine:
    """Show one that stands still."""
    heartbeat, where = row.heartbeat, ZoneInfo(row.heartbeat.timezone)
    return StillLine(
        path=heartbeats.page_path(heartbeat),
        title=heartbeats.title(heartbeat),
        bot=row.bot_name,
        why=translate(heartbeat.pause_message or "") or _(BOT_IS_OFF),
        since=moment(heartbeat.pause_since, where, now) if heartbeat.pause_since else None,
        probe=moment(heartbeat.probe_at, where, now) if heartbeat.probe_at else None,
    )


def _day(now: datetime, zone: tzinfo, number: int) -> UpcomingDay:
    here = now.astimezone(zone) + timedelta(days=number)
    return UpcomingDay(formats.sentence(formats.day_name(here, now)), f"{here:%Y-%m-%d}")


def _line(
    entry: AgendaEntry, row: UpcomingHeartbeat, zone: tzinfo, hold: ProjectHold | None, now: datetime
) -> UpcomingLine:
    heartbeat = row.heartbeat
    last_named = entry.ticks[-1] if entry.more else None
    day_ends = next_midnight(entry.ticks[0], zone)
    # What is held can always be seen and undone.
    held = [tick for tick in row.held if last_named and last_named < tick < day_ends]
    return UpcomingLine(
        uuid=heartbeat.uuid,
        path=heartbeats.page_path(heartbeat),
        title=heartbeats.title(heartbeat),
        bot=row.bot_name,
        schedule=schedule(cadence_of(heartbeat)),
        is_task=heartbeat.type != "heartbeat",
        ticks=[_tick(row, tick, zone, hold, now) for tick in (*entry.ticks, *held)],
        more=entry.more,
    )


def _tick(
    row: UpcomingHeartbeat, tick: datetime, zone: tzinfo, hold: ProjectHold | None, now: datetime
) -> UpcomingTick:
    delay = start_delay_of(row.heartbeat)
    start = (tick + delay).astimezone(zone)
    where = ZoneInfo(row.heartbeat.timezone) if zone is not UTC else UTC
    return UpcomingTick(
        key=f"{row.heartbeat.uuid} {iso(tick)}",
        time=f"{start:%H:%M:%S}" if delay else f"{start:%H:%M}",
        at=moment(tick + delay, where, now, seconds=bool(delay)),
        skipped=_why_skipped(row, tick, hold),
        is_held=tick in row.held,
    )


def _why_skipped(row: UpcomingHeartbeat, tick: datetime, hold: ProjectHold | None) -> str | None:
    """Say why a tick will be skipped, as its log will. A hold without an end lasts until somebody releases it."""
    if tick in row.held:
        return held_by(row.held[tick])
    if was_snoozed(row.heartbeat, tick):
        return snoozed_until(row.heartbeat)
    return said_of(hold) if hold and (hold.until is None or tick < hold.until) else None


def _first_of(last: UpcomingHeartbeat, end: datetime, now: datetime) -> datetime:
    """When the last of the rows is due: what is not among them comes later. If all are overdue, nobody knows."""
    tick = last.heartbeat.next_tick_at
    return tick if tick and tick > now else end


def _left(heartbeat: Heartbeat) -> int | None:
    """How many executions a task has left; those that are held or skipped do not count."""
    if heartbeat.max_executions is None:
        return None
    return max(0, heartbeat.max_executions - heartbeat.execution_count)
