"""The part of a heartbeat's form that says from when until when it is due, in local times of its zone."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from api.dashboard.forms import Form
from api.dashboard.local_times import to_instant, to_local
from api.responses import moment
from heartbeat.domain.cadence import zones
from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.errors import Invalid

BOUNDS = ("starts_at", "ends_at")


def bound_values(form: Form) -> dict[str, str | None]:
    """Return the bounds of a configure; what is no time stays as it was typed, for the API to say so."""
    return {name: _value(name, form) for name in BOUNDS}


def bound_instants(form: Form) -> dict[str, datetime | None]:
    """Return the bounds of a cadence; none for what is no time."""
    return {name: _instant(text) for name, text in bound_values(form).items()}


def bound_fields(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the bounds as they are typed."""
    zone = _zone(str(values.get("timezone") or ""))
    return [(name, to_local(_instant(values.get(name)), zone)) for name in BOUNDS]


def saved_bounds(row: Any) -> dict[str, str | None]:
    """Return the bounds of a row as a form carries them along."""
    return {name: moment(getattr(row, name)) for name in BOUNDS}


def _value(name: str, form: Form) -> str | None:
    text = form.get(name)
    try:
        return moment(to_instant(name, text, _zone(form.get("timezone"))))
    except Invalid:
        return text


def _instant(value: datetime | str | None) -> datetime | None:
    """Read an instant as a row has it, or as it was written with its offset; `None` for what is typed but no time."""
    if isinstance(value, str):
        return datetime.fromisoformat(value) if value.endswith("Z") else None
    return value


def _zone(name: str) -> ZoneInfo:
    try:
        return zones.zone(name)
    except CadenceError:
        return ZoneInfo("UTC")
