"""The form of a heartbeat: what was typed, made into the API's requests, and a row made into what is typed.

Whatever reads an unsaved form does so here: saving it, looking ahead, trying it out. `values_of` is the body of a
configure, `request_of` the whole of it, checked: the bot that is to be made first, and the heartbeat or the task.
The fields of `HeartbeatFields` have their own names in the form, but for when it is due (`WHEN`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from api.dashboard.forms import Form, field_errors, validated
from api.schemas.bots import CreateBot
from api.schemas.heartbeats import CONFIGURED, Configure
from api.schemas.tasks import CreateTask
from heartbeat.domain.cadence import frequency
from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.cadence.frequency import Frequency
from heartbeat.domain.cadence.ticks import Cadence
from heartbeat.domain.errors import Detail, InvalidMany, ProductError
from heartbeat.domain.heartbeat_fields import HeartbeatFields
from heartbeat.store.heartbeats.tick_accounting import CADENCE
from heartbeat.store.tables.heartbeats import Heartbeat

FIELDS = HeartbeatFields.model_fields
NEW_BOT, OTHER_MODEL = "new", "other"
CRON, ONCE, AFTER = "cron", "once", "after"
# The fields that say when, in place of `cron_pattern` and `interval_minutes`.
WHEN = ("frequency", "every", "time", "days", "day", "nth", "weekday", "cron_pattern", "once_at", "ends")
# Sent as they stand in the form; an empty one is cleared, or has its default where it cannot be empty.
PLAIN = tuple(name for name in CONFIGURED if name not in ("cron_pattern", "interval_minutes", "active_days"))
FLAGS = ("auto_resume",)
TASK_KINDS = {"minutes": "interval", "hours": "interval", "daily": "daily", "weekdays": "weekly", "weekly": "weekly"}
# Where the API names a field otherwise than the form.
OF_BOT = {"name": "bot_name", "model": "bot_model", "instruction": "bot_instruction"}
OF_TASK = {
    "name": "label",
    "schedule_config.at": "once_at",
    "schedule_config.interval_minutes": "every",
    "schedule_config.days": "days",
    "schedule_config.time": "time",
    "schedule_config": "frequency",
    "schedule_type": "frequency",
}
OF_CODE = {
    "heartbeat_not_enabled": "bot_id",
    "bot_not_found": "bot_id",
    "subscriber_not_found": "member_id",
    "external_id_taken": "external_id",
    "plan_heartbeat_limit": "bot_id",
}


@dataclass(frozen=True)
class FormRequest:
    """What a form asks for: a bot that is made first, or none, and either a heartbeat or a scheduled task."""

    bot: CreateBot | None
    configure: Configure | None
    task: CreateTask | None
    draft: str | None = None


def request_of(form: Form, project_uuid: str) -> FormRequest:
    """Check the whole form with the API's own models; raises `InvalidMany`, its fields named as in the form."""
    ids = {"project_id": project_uuid}
    errors: dict[str, str] = {}
    bot = configure = task = None
    if form.get("bot_id") == NEW_BOT:
        bot = _checked(errors, form, OF_BOT, lambda: validated(CreateBot, ids | bot_values_of(form)))
    if is_task(form):
        task = _checked(errors, form, OF_TASK, lambda: validated(CreateTask, ids | task_values_of(form)))
    else:
        configure = _checked(errors, form, {}, lambda: validated(Configure, ids | _unchecked_values(form)))
        _checked(errors, form, {}, lambda: cadence_values(form))
        _checked(errors, form, {}, lambda: _require_cadence(form))
    if errors:
        raise InvalidMany([Detail(name, message) for name, message in errors.items()])
    return FormRequest(bot, configure, task, form.get("draft") or None)


def values_of(form: Form) -> dict[str, Any]:
    """Return the body of a configure: `bot_id` ("new" for one to be made), `member_id`, and each of `HeartbeatFields`.

    Numbers are still text, as they were typed. Raises `CadenceError` when it is left open when it is due.
    """
    return {**_ids(form), **_plain_values(form), **cadence_values(form)}


def is_task(form: Form) -> bool:
    """Whether it has an end, and so is a scheduled task."""
    return form.get("frequency") == ONCE or form.get("ends") == AFTER


def executions(form: Form) -> int | None:
    """Return after how many runs it ends; `None` for what goes on, or while that is no number."""
    if form.get("frequency") == ONCE:
        return 1
    text = form.get("max_executions")
    return int(text) if is_task(form) and text.isdecimal() and len(text) < 10 else None


def bot_values_of(form: Form) -> dict[str, Any]:
    """Return the body of a create of the bot that is made with the form."""
    model = form.get("bot_model")
    return {
        "name": form.get("bot_name"),
        "model": (form.get("bot_model_other") if model == OTHER_MODEL else model) or None,
        "instruction": form.get("bot_instruction"),
        "heartbeat": True,
    }


def task_values_of(form: Form) -> dict[str, Any]:
    """Return the body of a create of a scheduled task; raises `CadenceError`."""
    schedule_type, config = _task_schedule(form)
    return {
        **_ids(form),
        "name": form.get("label") or " ".join(form.get("prompt").split())[:80] or "-",
        "prompt": form.get("prompt"),
        "description": form.get("description"),
        "schedule_type": schedule_type,
        "schedule_config": config,
        "timezone": form.get("timezone"),
        "max_executions": None if schedule_type == ONCE else form.get("max_executions") or "0",
    }


def outlook_values(form: Form) -> dict[str, Any]:
    """Return as much of `values_of`, or of `task_values_of`, as a look ahead needs; raises `CadenceError`."""
    if is_task(form):
        return task_values_of(form) | {"bot_id": NEW_BOT, "name": "-", "prompt": "-", "description": None}
    values = values_of(form)
    budget = values["credit_budget"]
    return {
        **{name: values[name] for name in (*CADENCE, "uuid") if name in values},
        "bot_id": NEW_BOT,
        "prompt": "-",
        "credit_budget": budget if str(budget).isdecimal() else None,
    }


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


def when_fields(cron_pattern: str | None, interval_minutes: int | None) -> list[tuple[str, str]]:
    """Return the fields that say when, for a pattern or an interval."""
    if interval_minutes is not None:
        return _frequency_fields(frequency.of_interval(interval_minutes))
    said = frequency.of_pattern(cron_pattern or "")
    fields = _frequency_fields(said) if said else [("frequency", CRON)]
    return [*fields, ("cron_pattern", cron_pattern or "")]


def form_of(values: Mapping[str, Any], more: Iterable[tuple[str, str]] = ()) -> Form:
    """Return the form in which these `HeartbeatFields` are typed; what is not in `values` has its default."""
    values = {name: field.default for name, field in FIELDS.items() if not field.is_required()} | dict(values)
    fields = [(name, _text(values[name])) for name in PLAIN if name in values and name not in FLAGS]
    fields += [(name, "1") for name in FLAGS if values[name]]
    fields += [("active_days", day) for day in (values["active_days"] or "").split(",") if day]
    pattern = values["cron_pattern"]
    # What another choice would begin with.
    others = Form(_frequency_fields(Frequency("daily")))
    fields += others.replaced(when_fields(pattern, None if pattern else values["interval_minutes"])).fields
    return Form([*fields, *more])


def form_of_row(heartbeat: Heartbeat, more: Iterable[tuple[str, str]] = ()) -> Form:
    """Return the form of a heartbeat as it is."""
    return form_of({name: getattr(heartbeat, name) for name in CONFIGURED}, more)


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


def loaded_values(heartbeat: Heartbeat) -> str:
    """Write the fields of a heartbeat as a form carries them along, to see later what has changed meanwhile."""
    return json.dumps({name: getattr(heartbeat, name) for name in CONFIGURED}, ensure_ascii=False)


def changed_since(loaded: str, heartbeat: Heartbeat) -> dict[str, Any]:
    """Return what each field was when the form was loaded, of those that are something else by now."""
    before = _loaded(loaded)
    return {name: before[name] for name in CONFIGURED if name in before and before[name] != getattr(heartbeat, name)}


def with_theirs(form: Form, heartbeat: Heartbeat, names: Iterable[str]) -> Form:
    """Return the form with what the heartbeat has now in these of its fields."""
    when = {"cron_pattern", "interval_minutes"}
    in_form = {part for name in names if name in CONFIGURED for part in (WHEN if name in when else (name,))}
    theirs = form_of_row(heartbeat).fields
    return form.replaced([field for field in theirs if field[0] in in_form], *in_form)


def form_errors(problem: ProductError, form: Form) -> dict[str, str]:
    """Return what the API says is wrong, by the fields of the form."""
    if not problem.details and problem.code in OF_CODE:
        return {OF_CODE[problem.code]: problem.message}
    return {
        _field_name(form, name, OF_TASK if is_task(form) else {}): said for name, said in field_errors(problem).items()
    }


def _loaded(text: str) -> dict[str, Any]:
    """Read what `loaded_values` wrote; nothing from what is none."""
    try:
        values = json.loads(text)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _checked(errors: dict[str, str], form: Form, names: Mapping[str, str], check: Any) -> Any:
    """Return what `check` does; what is wrong goes to `errors`."""
    try:
        return check()
    except CadenceError as problem:
        errors.setdefault(_field_name(form, problem.field, names), problem.message)
    except ProductError as problem:
        for name, message in field_errors(problem).items():
            errors.setdefault(_field_name(form, name, names), message)
    return None


def _field_name(form: Form, name: str, names: Mapping[str, str]) -> str:
    if name == "interval_minutes":
        return "every"
    if name == "cron_pattern" and form.get("frequency") != CRON:
        return "frequency"
    return names.get(name, name)


def _unchecked_values(form: Form) -> dict[str, Any]:
    """Return `values_of` without when it is due, which is checked by itself."""
    return {**_ids(form), **_plain_values(form), **_or_nothing(form)}


def _or_nothing(form: Form) -> dict[str, Any]:
    try:
        return cadence_values(form)
    except CadenceError:
        return {}


def _require_cadence(form: Form) -> None:
    """Raises `CadenceError` unless it is due at some time, by its zone and active hours too, if its times are right."""
    values = _plain_values(form) | (_or_nothing(form) or {"cron_pattern": "* * * * *"})
    minutes = values.get("interval_minutes", "")
    # What is no number is refused as such by the API's model.
    interval = int(minutes) if str(minutes).isdecimal() else 30
    columns: dict[str, Any] = {name: values.get(name) for name in CADENCE}
    Cadence(**columns | {"interval_minutes": None if "cron_pattern" in values else interval}).validated()


def _ids(form: Form) -> dict[str, Any]:
    return form.filled("uuid", "bot_id", "member_id")


def _plain_values(form: Form) -> dict[str, Any]:
    loaded = _loaded(form.get("loaded"))
    values: dict[str, Any] = {
        name: _as_loaded(form.get(name), loaded.get(name)) or (FIELDS[name].get_default() if name != "prompt" else "")
        for name in PLAIN
    }
    values |= {name: form.get(name) == "1" for name in FLAGS}
    days = [day for day in form.all("active_days") if day]
    return {**values, "active_days": ",".join(days) if 0 < len(days) < 7 else None}


def _as_loaded(typed: str, loaded: Any) -> str:
    """Return what is typed, or what it was before if only blanks that controls do not keep tell them apart."""
    return loaded if isinstance(loaded, str) and _lines(loaded) == _lines(typed) else typed


def _lines(text: str) -> list[str]:
    return text.strip().splitlines()


def _interval(form: Form, kind: str) -> Any:
    """Return the minutes; what is no number stays as it is, for the API to say so."""
    text = form.get("every")
    if not text:
        raise CadenceError("every", "is required")
    return int(text) * 60 if kind == "hours" and text.isdecimal() else text


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


def _task_schedule(form: Form) -> tuple[str, dict[str, Any]]:
    kind = form.get("frequency")
    if kind == ONCE:
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


def _text(value: Any) -> str:
    return "" if value is None else str(value)
