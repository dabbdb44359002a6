"""The part of a heartbeat's form that says where to look before each tick, in place of the API's `gate`."""

import json
from collections.abc import Mapping
from typing import Any

from api.dashboard.forms import Form
from api.dashboard.tool_form import FORGET, KEEP, REPLACE, headers_of
from heartbeat.domain.errors import Invalid
from heartbeat.domain.gates import Gate

URL, TOOL = "url", "tool"
# As they are named in the form, with a prefix.
PREFIX = "gate_"
CHOSEN = ("select", "on_error", "on_first")
GATE_FIELDS = tuple(PREFIX + name for name in ("source", URL, "keep_headers", "headers", TOOL, "arguments", *CHOSEN))
BEGINNING = [(PREFIX + "on_error", "run"), (PREFIX + "on_first", "run"), (PREFIX + "keep_headers", KEEP)]


def gate_values(form: Form) -> dict[str, Any] | None:
    """Return the `gate` of a configure, or none; raises `Invalid` for what is no value of its field."""
    source = form.get(PREFIX + "source")
    if source not in (URL, TOOL):
        return None
    if not form.get(PREFIX + source):
        raise Invalid(f"gate.{source}", "must not be empty")
    values: dict[str, Any] = {name: value for name in (source, *CHOSEN) if (value := form.get(PREFIX + name))}
    return values | (_headers(form) if source == URL else _arguments(form))


def gate_fields(gate: Gate | Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Return a gate as it is typed; headers that are kept stay."""
    if isinstance(gate, Gate):
        gate = gate.model_dump()
    if gate is None:
        return BEGINNING
    source = URL if gate.get(URL) else TOOL
    fields = [(PREFIX + name, str(gate[name])) for name in (source, *CHOSEN) if gate.get(name)]
    if gate.get("arguments"):
        fields.append((PREFIX + "arguments", json.dumps(gate["arguments"], ensure_ascii=False)))
    return Form(BEGINNING).replaced([(PREFIX + "source", source), *fields]).fields


def gate_field_name(name: str) -> str:
    """Return what the form calls a field of the API's gate; what is wrong with all of it stands at its source."""
    field = name.removeprefix("gate").removeprefix(".").partition(".")[0]
    return PREFIX + (field or "source")


def _headers(form: Form) -> dict[str, Any]:
    """Return the headers that are to be kept; nothing leaves those that are."""
    if form.get(PREFIX + "keep_headers") == FORGET:
        return {"headers": None}
    typed = form.get(PREFIX + "headers")
    if form.get(PREFIX + "keep_headers") != REPLACE and not typed:
        return {}
    try:
        return {"headers": headers_of(typed) or None}
    except Invalid as problem:
        raise Invalid("gate.headers", problem.details[0].message) from None


def _arguments(form: Form) -> dict[str, Any]:
    text = form.get(PREFIX + "arguments")
    if not text:
        return {}
    try:
        return {"arguments": json.loads(text)}
    except (ValueError, RecursionError):
        raise Invalid("gate.arguments", 'must be an object, such as {"state": "open"}') from None
