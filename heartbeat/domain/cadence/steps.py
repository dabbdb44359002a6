"""Steps that promise more than they do: `*/90` minutes. A step starts anew with each hour, day, month, year or week."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from heartbeat.domain.cadence.cron import MAX_INTERVAL_MINUTES, Cron, parse

# As many values are listed in a sentence.
MAX_LISTED = 5


class CronField(NamedTuple):
    """A field of a pattern: its `size` is what it counts up to, and `period` that in which it starts anew."""

    name: str
    size: int
    period: str
    # What it counts, where that has a fixed length in minutes.
    unit: str = ""
    minutes: int = 0


MINUTE, HOUR = CronField("minute", 60, "hour", "minutes", 1), CronField("hour", 24, "day", "hours", 60)
DAY, MONTH = CronField("day of month", 31, "month", "days", 24 * 60), CronField("month", 12, "year")
WEEKDAY = CronField("day of week", 7, "week")
FIELDS = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)


@dataclass(frozen=True)
class CronStep:
    """One step of a field, such as `*/90`, and the `values` that it names. One without an end goes round."""

    field: CronField
    text: str
    every: int
    values: tuple[int, ...]
    is_open: bool

    @property
    def misleads(self) -> bool:
        """Whether the values are not as far apart as the step says."""
        round_to_first = self.values[0] + self.field.size - self.values[-1]
        if self.every == 1:
            return False
        if len(self.values) == 1:
            return not self.is_open or round_to_first != self.every
        # Of weekdays the seventh is the one before the first: 1-7/3 is Monday, Thursday, Sunday, and Monday again.
        gaps = (second - first for first, second in pairwise((*self.values, self.values[0] + self.field.size)))
        return self.is_open and min(gaps) < self.every


def warnings(pattern: Cron) -> list[str]:
    """Say of each step that misleads what it comes to, and what to write instead."""
    return [f"{_meaning(step)}{_advice(pattern, step)}" for step in _steps(pattern) if step.misleads]


def plain_text(pattern: Cron) -> str:
    """The pattern for a sentence: where a step misleads or names one value, its values in the step's place."""
    fields = pattern.text.split()
    steps = [step for step in _steps(pattern) if step.misleads or len(step.values) == 1]
    for step in steps:
        place, values = FIELDS.index(step.field), _values(pattern, step.field)
        # With both days given, a star says that both must match.
        other_day = {DAY: WEEKDAY, WEEKDAY: DAY}.get(step.field)
        most = MAX_LISTED if other_day is None else 1
        if len(values) <= most and (other_day is None or fields[FIELDS.index(other_day)] == "*"):
            fields[place] = ",".join(map(str, values))
    return " ".join(fields)


def _steps(pattern: Cron) -> Iterator[CronStep]:
    for place, (field, text) in enumerate(zip(FIELDS, pattern.text.split(), strict=True)):
        for term in dict.fromkeys(text.split(",")):
            start, _, every = term.partition("/")
            if every:
                alone = ["*"] * len(FIELDS)
                alone[place] = term
                values = _values(parse(" ".join(alone)), field)
                # The last day of a month, which is no number, takes no steps.
                if values:
                    yield CronStep(field, term, int(every), values, is_open=_is_open(alone, place, start, field))


def _is_open(alone: list[str], place: int, start: str, field: CronField) -> bool:
    """Whether a step has no end but the field's: `*`, one value, or a range that is the whole field."""
    if "-" not in start:
        return True
    alone = [*alone[:place], start, *alone[place + 1 :]]
    return len(_values(parse(" ".join(alone)), field)) == field.size


def _values(pattern: Cron, field: CronField) -> tuple[int, ...]:
    values = (pattern.minutes, pattern.hours, pattern.days, pattern.months, pattern.weekdays)
    return tuple(sorted(values[FIELDS.index(field)]))


def _meaning(step: CronStep) -> str:
    first, last = step.values[0], step.values[-1]
    if len(step.values) == 1:
        why = f", since a step starts anew each {step.field.period}" if step.is_open else ""
        return f"{step.text!r} as {step.field.name} is {first} alone{why}."
    listed = ", ".join(map(str, step.values)) if len(step.values) <= MAX_LISTED else f"{first} to {last}"
    return (
        f"{step.text!r} as {step.field.name} is {listed}, and then {first} again, since a step starts anew each "
        f"{step.field.period}."
    )


def _advice(pattern: Cron, step: CronStep) -> str:
    """Advise an interval where it comes to what the step seems to say: only this field is counted up."""
    place, minutes = FIELDS.index(step.field), step.every * step.field.minutes
    fields = pattern.text.split()
    is_one_time = all(len(_values(pattern, field)) == 1 for field in FIELDS[:place])
    is_all = fields[place:] == [step.text, *["*"] * (len(FIELDS) - place - 1)]
    if not (is_all and is_one_time and step.is_open and 0 < minutes <= MAX_INTERVAL_MINUTES):
        return ""
    return f" For every {step.every} {step.field.unit} set interval_minutes to {minutes} in place of a pattern."
