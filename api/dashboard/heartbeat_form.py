"""The form of a heartbeat: what was typed, made into the API's requests, and a row made into what is typed.

Whatever reads an unsaved form does so here: saving it, looking ahead, trying it out. `values_of` is the body of a
configure, `request_of` the whole of it, checked: the bot that is to be made first, and the heartbeat or the task.
The fields of `HeartbeatFields` have their own names in the form, but for when it is due (`when_form.py`) and where it
looks before (`gate_form.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from api.dashboard.bounds_form import BOUNDS, bound_fields, bound_instants, bound_values, saved_bounds
from api.dashboard.edited_meanwhile import read_loaded
from api.dashboard.expectation_form import expectation_fields, expectation_of, field_of
from api.dashboard.forms import Form, field_errors, is_number, validated
from api.dashboard.gate_form import gate_field_name, gate_fields, gate_values
from api.dashboard.when_form import (
    CRON,
    ONCE,
    beginning,
    cadence_values,
    is_task,
    task_schedule,
    when_fields,
)
from api.gates import checked_headers
from api.schemas.bots import CreateBot
from api.schemas.heartbeats import CONFIGURED, Configure
from api.schemas.tasks import CreateTask
from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.cadence.ticks import Cadence
from heartbeat.domain.errors import Detail, Invalid, InvalidMany, ProductError
from heartbeat.domain.gates import SealedHeaders, shown_gate
from heartbeat.domain.heartbeat_fields import HeartbeatFields
from heartbeat.settings import Settings
from heartbeat.store.heartbeats.plan_limits import MODEL_NOT_ALLOWED
from heartbeat.store.heartbeats.tick_accounting import CADENCE
from heartbeat.store.tables.heartbeats import Heartbeat

FIELDS = HeartbeatFields.model_fields
NEW_BOT, OTHER_MODEL = "new", "other"
OTHERWISE = ("cron_pattern", "interval_minutes", "active_days", *BOUNDS, "fallback_models", "gate", "expect")
# Sent as they stand in the form; an empty one is cleared, or has its default where it cannot be empty.
PLAIN = tuple(name for name in CONFIGURED if name not in OTHERWISE)
MODELS = ("model", "fallback_models", "chat_mode")
FLAGS = ("auto_resume",)
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
    MODEL_NOT_ALLOWED: "model",
}


@dataclass(frozen=True)
class FormRequest:
    """What a form asks for: a bot that is made first, or none, and either a heartbeat or a scheduled task.

    `gate_headers` are those that were typed for its gate.
    """

    bot: CreateBot | None
    configure: Configure | None
    task: CreateTask | None
    draft: str | None = None
    gate_headers: SealedHeaders | None = None

    def sealed(self, settings: Settings) -> Self:
        """Return the same with the headers of its gate sealed; raises `Invalid` and `NoKey`."""
        body = self.configure or self.task
        return replace(self, gate_headers=checked_headers(body.gate if body else None, settings))


def request_of(form: Form, project_uuid: str) -> FormRequest:
    """Check the whole form with the API's own models; raises `InvalidMany`, its fields named as in the form."""
    ids = {"project_id": project_uuid}
    errors: dict[str, str] = {}
    bot = configure = task = None
    if form.get("bot_id") == NEW_BOT:
        bot = _checked(errors, form, OF_BOT, lambda: validated(CreateBot, ids | bot_values_of(form)))
    _checked(errors, form, {}, lambda: gate_values(form))
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
    return {**_ids(form), **_plain_values(form), **cadence_values(form), "gate": _gate_or_none(form)}


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
    schedule_type, config = task_schedule(form)
    return {
        **_ids(form),
        "name": form.get("label") or " ".join(form.get("prompt").split())[:80] or "-",
        "prompt": form.get("prompt"),
        "description": form.get("description"),
        "schedule_type": schedule_type,
        "schedule_config": config,
        "timezone": form.get("timezone"),
        "max_credits_per_run": form.get("max_credits_per_run") or None,
        "model": form.get("model") or None,
        "fallback_models": fallback_models(form),
        "gate": _gate_or_none(form),
        "max_executions": None if schedule_type == ONCE else form.get("max_executions") or "0",
        "expect": expectation_of(form),
    }


def outlook_values(form: Form) -> dict[str, Any]:
    """Return as much of `values_of`, or of `task_values_of`, as a look ahead needs; raises `CadenceError`."""
    if is_task(form):
        return task_values_of(form) | {"bot_id": NEW_BOT, "name": "-", "prompt": "-", "description": None}
    values = values_of(form)
    budget = values["credit_budget"]
    return {
        **{name: values[name] for name in (*CADENCE, *MODELS, "uuid") if name in values},
        "bot_id": NEW_BOT,
        "prompt": "-",
        "credit_budget": budget if is_number(str(budget)) else None,
    }


def form_of(values: Mapping[str, Any], more: Iterable[tuple[str, str]] = ()) -> Form:
    """Return the form in which these `HeartbeatFields` are typed; what is not in `values` has its default."""
    values = {name: field.default for name, field in FIELDS.items() if not field.is_required()} | dict(values)
    fields = [(name, _text(values[name])) for name in PLAIN if name in values and name not in FLAGS]
    fields += [(name, "1") for name in FLAGS if values[name]]
    fields += [("fallback_models", name) for name in values["fallback_models"]]
    fields += bound_fields(values)
    fields += gate_fields(values["gate"])
    fields += expectation_fields(values["expect"])
    fields += [("active_days", day) for day in (values["active_days"] or "").split(",") if day]
    pattern = values["cron_pattern"]
    fields += Form(beginning()).replaced(when_fields(pattern, None if pattern else values["interval_minutes"])).fields
    return Form([*fields, *more])


def form_of_row(heartbeat: Heartbeat, more: Iterable[tuple[str, str]] = ()) -> Form:
    """Return the form of a heartbeat as it is."""
    return form_of(saved_values(heartbeat), more)


def saved_values(heartbeat: Heartbeat) -> dict[str, Any]:
    """Return the fields of a heartbeat by name, as a form carries them along."""
    return {name: getattr(heartbeat, name) for name in CONFIGURED} | {
        **saved_bounds(heartbeat),
        "gate": shown_gate(heartbeat.gate),
    }


def form_errors(problem: ProductError, form: Form) -> dict[str, str]:
    """Return what the API says is wrong, by the fields of the form."""
    if not problem.details and problem.code in OF_CODE:
        return {OF_CODE[problem.code]: problem.message}
    return {
        _field_name(form, name, OF_TASK if is_task(form) else {}): said for name, said in field_errors(problem).items()
    }


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
    if name == "gate" or name.startswith("gate."):
        return gate_field_name(name)
    # What is wrong with one of several is said of all.
    return names.get(name) or ("fallback_models" if name.startswith("fallback_models.") else field_of(name))


def _unchecked_values(form: Form) -> dict[str, Any]:
    """Return `values_of` without when it is due, which is checked by itself."""
    return {**_ids(form), **_plain_values(form), **_or_nothing(form), "gate": _gate_or_none(form)}


def _or_nothing(form: Form) -> dict[str, Any]:
    try:
        return cadence_values(form)
    except CadenceError:
        return {}


def _gate_or_none(form: Form) -> dict[str, Any] | None:
    """Return the gate; what is no value of its field is said apart."""
    try:
        return gate_values(form)
    except Invalid:
        return None


def _require_cadence(form: Form) -> None:
    """Raises `CadenceError` unless it is due at some time, by its zone and active hours too, if its times are right."""
    values = _plain_values(form) | (_or_nothing(form) or {"cron_pattern": "* * * * *"})
    minutes = values.get("interval_minutes", "")
    # What is no number is refused as such by the API's model.
    interval = int(minutes) if is_number(str(minutes)) else 30
    columns: dict[str, Any] = {name: values.get(name) for name in CADENCE} | bound_instants(form)
    Cadence(**columns | {"interval_minutes": None if "cron_pattern" in values else interval}).validated()


def _ids(form: Form) -> dict[str, Any]:
    return form.filled("uuid", "bot_id", "member_id")


def _plain_values(form: Form) -> dict[str, Any]:
    loaded = read_loaded(form.get("loaded"))
    values: dict[str, Any] = {
        name: _as_loaded(form.get(name), loaded.get(name)) or (FIELDS[name].get_default() if name != "prompt" else "")
        for name in PLAIN
    }
    values |= {name: form.get(name) == "1" for name in FLAGS}
    days = [day for day in form.all("active_days") if day]
    values |= {"fallback_models": fallback_models(form), "expect": expectation_of(form), **bound_values(form)}
    return {**values, "active_days": ",".join(days) if 0 < len(days) < 7 else None}


def fallback_models(form: Form) -> list[str]:
    """Return those that are named, in order."""
    return [name.strip() for name in form.all("fallback_models") if name.strip()]


def _as_loaded(typed: str, loaded: Any) -> str:
    """Return what is typed, or what it was before if only blanks that controls do not keep tell them apart."""
    return loaded if isinstance(loaded, str) and _lines(loaded) == _lines(typed) else typed


def _lines(text: str) -> list[str]:
    return text.strip().splitlines()


def _text(value: Any) -> str:
    return "" if value is None else str(value)
