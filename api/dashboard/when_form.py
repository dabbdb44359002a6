"""The part of a heartbeat's form that says when: a frequency, a cron pattern, once, or until a number of runs.

It stands in place of the API's `cron_pattern` and `interval_minutes`, or of a task's `schedule_type` and its
configuration. What is typed stays text here.
"""

from typing import Any

from api.dashboard.forms import Form, is_number
from heartbeat.domain.cadence import frequency
from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.cadence.frequency import Frequency

CRON, ONCE, AFTER = "cron", "once", "after"
# The fields of this part.
WHEN = ("frequency", "every", "time", "days", "day", "nth", "weekday", "cron_pattern", "once_at", "ends")
TASK_KINDS = {"minutes": "interval", "hours": "interval", "daily": "daily", "weekdays": "weekly", "weekly": "weekly"}


def is_task(form: Form) -> bool:
    """Whether it has an end, and so is a scheduled task."""
    return form.get("frequency") == ONCE or form.get("ends") == AFTER


def executions(form: Form) -> int | None:
    """Return after how many runs it ends; `None` for what goes on, or while that is no number."""
    if form.get("frequency") == ONCE:
        return 1
    text = form.get("max_executions")
    return int(text) if is_task(form) and is_number(text) else None


def cadence_values(form: Form) -> dict[str, Any]:
    """Return `cron_pattern` or `interval_minutes`, whichever it comes to; raises `CadenceError`."""
    kind = form.get("frequency")
    if kind == CRON:
        return {"cron_pattern": form.get("cron_pattern")}
    if kind in ("minutes", "hours"):
        return {"interval_minutes": _interval(form, kind)}
    pattern = frequency.pattern_of(_frequency(form))
    # Another way to write the same stays as it was written.
    written = form.get("cron_pattern")
    return {"cron_pattern": written if pattern and _say_the_same(written, pattern) else pattern}


def task_schedule(form: Form) -> tuple[str, dict[str, Any]]:
    """Return the `schedule_type` and the `schedule_config` of a task; raises `CadenceError`."""
    kind = form.get("frequency")
    if kind == ONCE:
        if not form.get("once_at"):
            raise CadenceError("once_at", "choose a day and a time")
        return ONCE, {"at": form.get("once_at")}
    if kind not in TASK_KINDS:
        raise CadenceError(
            "ends",
            "what ends runs every so many minutes or hours, daily, on weekdays or weekly; choose one of these, "
            "or let it go on",
        )
    if kind in ("minutes", "hours"):
        return "interval", {"interval_minutes": _interval(form, kind)}
    days = {"weekdays": list(frequency.MONDAY_TO_FRIDAY), "weekly": form.all("days")}
    config: dict[str, Any] = {"time": form.get("time")}
    return TASK_KINDS[kind], config | ({"days": days[kind]} if kind in days else {})


def when_fields(cron_pattern: str | None, interval_minutes: int | None) -> list[tuple[str, str]]:
    """Return the fields that say when, for a pattern or an interval."""
    if interval_minutes is not None:
        return _frequency_fields(frequency.of_interval(interval_minutes))
    said = frequency.of_pattern(cron_pattern or "")
    fields = _frequency_fields(said) if said else [("frequency", CRON)]
    return [*fields, ("cron_pattern", cron_pattern or "")]


def beginning() -> list[tuple[str, str]]:
    """Return the fields with what another choice would begin with."""
    return _frequency_fields(Frequency("daily"))


def completed(form: Form) -> Form:
    """Return the form with its pattern beside the frequency, and the frequency beside a pattern that says the same."""
    try:
        if form.get("frequency") == CRON:
            fields = when_fields(form.get("cron_pattern"), None)
        else:
            fields = [("cron_pattern", cadence_values(form).get("cron_pattern") or "")]
    except CadenceError:
        return form
    return form.replaced(fields)


def when_values(form: Form) -> dict[str, list[str]]:
    """Return the fields that say when, as they stand in the form."""
    return {name: form.all(name) for name in WHEN}


def _interval(form: Form, kind: str) -> Any:
    """Return the minutes; what is no number stays as it is, for the API to say so."""
    text = form.get("every")
    if not text:
        raise CadenceError("every", "is required")
    return int(text) * 60 if kind == "hours" and is_number(text) else text


def _frequency(form: Form) -> Frequency:
    days = tuple(_number(day) for day in form.all("days"))
    kind: Any = form.get("frequency")
    if kind not in ("daily", "weekdays", "weekly", "monthly", "last_day", "nth_weekday"):
        raise CadenceError("frequency", "choose how often")
    return Frequency(
        kind,
        time=form.get("time"),
        days=days,
        day=_number(form.get("day")),
        nth=_number(form.get("nth")),
        weekday=_number(form.get("weekday")),
    )


def _frequency_fields(said: Frequency) -> list[tuple[str, str]]:
    return [
        ("frequency", said.kind),
        ("every", str(said.every)),
        ("time", said.time),
        *(("days", str(day)) for day in said.days),
        ("day", str(said.day)),
        ("nth", str(said.nth)),
        ("weekday", str(said.weekday)),
    ]


def _say_the_same(written: str, pattern: str) -> bool:
    try:
        return frequency.of_pattern(written) == frequency.of_pattern(pattern)
    except CadenceError:
        return False


def _number(text: str) -> int:
    """Read a number of a list; 0, which stands for nothing there, for anything else."""
    try:
        return int(text)
    except ValueError:
        return 0
