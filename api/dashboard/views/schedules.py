"""When a heartbeat is due, in the language of the page. In English it is the sentence of the API."""

from datetime import date, datetime, time
from functools import lru_cache

from babel.dates import format_date, get_timezone_location
from babel.lists import format_list
from cronsim.explain import Day, Expression, Field, Hour, Minute, Month, Sequence, Weekday

from api.dashboard.translations import ENGLISH, language, marked, marked_plural, ngettext
from api.dashboard.translations import gettext as _
from api.dashboard.views import formats
from api.next_ticks import CACHE_SIZE, next_tick
from heartbeat.domain.cadence import sentence, zones
from heartbeat.domain.cadence.active import DAY_MINUTES, ActiveHours
from heartbeat.domain.cadence.cron import EVERY_WEEKDAY, LAST, Cron
from heartbeat.domain.cadence.steps import plain_text
from heartbeat.domain.cadence.ticks import Cadence

INTERVALS = {
    "day": marked_plural("Each day", "Every {number} days"),
    "hour": marked_plural("Each hour", "Every {number} hours"),
    "minute": marked_plural("Each minute", "Every {number} minutes"),
}
STEPS = {
    "minute": marked("every {number}th minute"),
    "hour": marked("every {number}th hour"),
    "day of month": marked("every {number}th day"),
    "month": marked("every {number}th month"),
    "day of week": marked("every {number}th day of the week"),
}
# More times of a day than these are said by minutes and hours.
MAX_TIMES = 6


def schedule(cadence: Cadence) -> str:
    """Say the cadence in one sentence: "At 09:00, Monday to Friday, New York time"."""
    return next_tick(cadence).schedule if language() == ENGLISH else _schedule(language(), cadence)


@lru_cache(maxsize=CACHE_SIZE)
def _schedule(_language: str, cadence: Cadence) -> str:
    if cadence.run_at is not None:
        what = [_once(zones.wall(cadence.run_at, cadence.zone))]
    elif cadence.pattern is None:
        number, unit = sentence.interval_in_units(cadence.every)
        what = [ngettext(*INTERVALS[unit], number).format(number=number)]
    else:
        what = _of_pattern(cadence.pattern)
    parts = [*what, *_of_active(cadence.active), *_of_bounds(*cadence.walls), _of_zone(cadence.timezone)]
    return ", ".join(parts)


def _once(wall: datetime) -> str:
    clock = f"{wall:%H:%M:%S}" if wall.second else f"{wall:%H:%M}"
    return _("Once, on {day} at {time}").format(day=format_date(wall, "full", locale=language()), time=clock)


def _of_active(active: ActiveHours) -> list[str]:
    parts = []
    if (active.start, active.end) != (0, DAY_MINUTES):
        parts.append(_("between {start} and {end}").format(start=_clock(active.start), end=_clock(active.end)))
    if active.weekdays != EVERY_WEEKDAY:
        days = sorted(weekday or 7 for weekday in active.weekdays)
        is_range = len(days) > 2 and days[-1] - days[0] == len(days) - 1
        names = [_weekday(day) for day in days]
        parts.append(_range(names[0], names[-1]) if is_range else _("on {days}").format(days=_list(names)))
    return parts


def _of_bounds(start: datetime | None, end: datetime | None) -> list[str]:
    words = ((_("from {day} at {time}"), start), (_("until {day} at {time}"), end))
    return [
        text.format(day=format_date(wall, "long", locale=language()), time=f"{wall:%H:%M}")
        for text, wall in words
        if wall
    ]


def _of_zone(name: str) -> str:
    zone = sentence.of_zone(name)
    if " " not in zone:
        return zone
    return _("{place} time").format(place=get_timezone_location(name, locale=language(), return_city=True))


def _of_pattern(pattern: Cron) -> list[str]:
    """Say a pattern's times, then its days and months, where it names some."""
    fields = Expression(plain_text(pattern).split())
    parts = [_times(fields.minute, fields.hour), *_days(fields, pattern.either), _months(fields.month)]
    return [formats.sentence(parts[0]), *filter(None, parts[1:])]


def _times(minute: Minute, hour: Hour) -> str:
    [first, *others] = minute.parsed
    even = not others and first.start is None and 60 % first.step == 0
    if minute.all_singles and hour.all_singles and len(minute.parsed) * len(hour.parsed) <= MAX_TIMES:
        times = [f"{h:02}:{m:02}" for h in sorted(hour.singles()) for m in sorted(minute.singles())]
        return _("At {times}").format(times=_list(times))
    minutes = ngettext(*INTERVALS["minute"], first.step).format(number=first.step) if even else _minutes(minute)
    if hour.star:
        if minute.zero:
            return _("on every hour")
        return minutes if even else _("{minutes} of every hour").format(minutes=minutes)
    minutes = _("on the hour") if minute.zero else minutes
    return f"{minutes}, {_hours(hour, last_minute=0 if minute.zero else 59)}"


def _minutes(minute: Minute) -> str:
    if minute.all_singles:
        return _("at minute {minutes}").format(minutes=_parts(minute))
    return _parts(minute)


def _hours(hour: Hour, last_minute: int) -> str:
    if hour.all_singles:
        times = [_clock(number * 60) for number in sorted(hour.singles())]
        return ngettext("in the hour from {times}", "in the hours from {times}", len(times)).format(times=_list(times))
    return _list([_hour(part, last_minute) for part in hour.parsed])


def _hour(part: Sequence, last_minute: int) -> str:
    step = "" if part.step == 1 else _(STEPS["hour"]).format(number=part.step)
    if part.start is None or part.stop is None:
        return step
    first, last = _clock(part.start * 60), _clock(part.stop * 60 + last_minute)
    return f"{step} {_stretch(first, last)}".strip()


def _days(fields: Expression, either: bool) -> list[str]:
    """Say on which days; of both kinds one is enough, or both must be."""
    of_month, of_week = _days_of_month(fields.day), _weekdays(fields.dow)
    if of_month and of_week:
        words = _("{day} or {weekday}") if either else _("{day} if that is {weekday}")
        return [words.format(day=of_month, weekday=of_week)]
    return [of_month, of_week]


def _days_of_month(day: Day) -> str:
    if day.star:
        return ""
    names_days = any(part.start is not None for part in day.parsed)
    return _("on day {days} of the month").format(days=_parts(day)) if names_days else _parts(day)


def _weekdays(weekday: Weekday) -> str:
    if weekday.star:
        return ""
    return _("on {days}").format(days=_parts(weekday)) if weekday.any_singles else _parts(weekday)


def _months(month: Month) -> str:
    if month.star:
        return ""
    return _("in {months}").format(months=_parts(month)) if month.any_singles else _parts(month)


def _parts(field: Field) -> str:
    return _list([_part(field, part) for part in field.parsed])


def _part(field: Field, part: Sequence) -> str:
    step = "" if part.step == 1 and part.start is not None else _(STEPS[field.name]).format(number=part.step)
    if part.start is None or part.stop is None:
        return step
    if part.nth is not None:
        return _nth(field, part.start, part.nth)
    if part.start == part.stop:
        return _label(field, part.start)
    first, last = _label(field, part.start), _label(field, part.stop)
    if step or isinstance(field, Minute):
        every = step or _("every minute")
        return f"{every} {_stretch(first, last)}"
    return _range(first, last)


def _nth(field: Field, value: int, nth: int) -> str:
    if isinstance(field, Day):
        return _("the last")
    if nth == LAST:
        return _("the last {weekday} of the month").format(weekday=_label(field, value))
    return _("the {number}th {weekday} of the month").format(number=nth, weekday=_label(field, value))


def _label(field: Field, value: int) -> str:
    if isinstance(field, Month):
        return format_date(date(2001, value, 1), "LLLL", locale=language())
    if isinstance(field, Weekday):
        return _weekday(value or 7)
    return _("the {number}th").format(number=value) if isinstance(field, Day) else str(value)


def _weekday(number: int) -> str:
    """The name of a weekday, 1 (Monday) to 7."""
    return format_date(date(2001, 1, number), "cccc", locale=language())


def _range(first: str, last: str) -> str:
    return _("{first} to {last}").format(first=first, last=last)


def _stretch(first: str, last: str) -> str:
    return _("from {first} to {last}").format(first=first, last=last)


def _list(parts: list[str]) -> str:
    return format_list(parts, locale=language())


def _clock(minute: int) -> str:
    return f"{time(minute // 60 % 24, minute % 60):%H:%M}"
