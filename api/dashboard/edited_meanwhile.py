"""Two people who edit the same: the second is asked before what the first changed is written over.

A form carries along what was saved when it was made. Where that is something else by now, and not what the form asks
for either, the page shows both, and the second chooses: to save theirs over it, or to take the other's into the form.
Where it was deleted by now, what was typed becomes the form of a new one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from api.dashboard.forms import Form
from api.dashboard.sent_again import DRAFT
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views import formats
from heartbeat.domain.errors import ProductError

MAX_SHOWN = 300
LOADED, EDITED, THEIRS = "loaded", "edited", "theirs"
YES_NO = {"1": marked("yes"), "0": marked("no")}


@dataclass(frozen=True)
class EditedField:
    """What a field is called on the page, and its values in words. A secret's are compared and never shown.

    `parts` are those fields of the form that say it; its own name if there are none.
    """

    label: str
    words: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    is_secret: bool = False


Fields = Mapping[str, EditedField]


@dataclass(frozen=True)
class FieldChange:
    """A field that somebody else changed meanwhile."""

    name: str
    label: str
    before: str
    after: str


class EditedMeanwhile(ProductError):
    """409: somebody else changed what is edited. `before` has what they changed, as it was; `now` all as it is."""

    def __init__(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        super().__init__("Somebody else changed this meanwhile.", "edited_meanwhile", 409)
        self.before = before
        self.now = now


def require_unedited(loaded: str, now: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises `EditedMeanwhile` if a field is neither what it was when the form was loaded nor what it is to be.

    Called in the transaction that writes, with the row locked: between this and the write nobody else changes it.
    """
    before = read_loaded(loaded)
    edited = [name for name in now if name in before and now[name] not in (before[name], wanted.get(name))]
    if edited:
        raise EditedMeanwhile({name: before[name] for name in edited}, now)


def with_loaded(form: Form, values: Mapping[str, Any]) -> Form:
    """Return the form that carries along what is saved."""
    return form.replaced([(LOADED, json.dumps(values, ensure_ascii=False))])


def read_loaded(text: str) -> dict[str, Any]:
    """Read what `with_loaded` wrote; nothing from what is none."""
    try:
        values = json.loads(text)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def with_changes(form: Form, problem: EditedMeanwhile) -> Form:
    """Return the form that knows what others changed, so that sending it again saves over that."""
    return with_loaded(form, problem.now).replaced([(EDITED, ",".join(problem.before))])


def with_theirs(form: Form, theirs: Form, fields: Fields) -> Form:
    """Return the form with what others changed; `theirs` is the form of what is saved now."""
    names = [name for name in form.get(EDITED).split(",") if name in fields]
    parts = {part for name in names for part in fields[name].parts or (name,)} | {LOADED}
    return form.replaced([one for one in theirs.fields if one[0] in parts], *parts, EDITED)


def as_new(form: Form, *names: str) -> Form:
    """Return the form of what was deleted meanwhile as that of a new one; `names` are fields that a new one has not."""
    return form.replaced([], LOADED, EDITED, DRAFT, *names)


def field_changes(problem: EditedMeanwhile, fields: Fields) -> tuple[FieldChange, ...]:
    """Show what each field was that others changed, and what it is now."""
    return tuple(
        FieldChange(name, _(fields[name].label), _shown(fields[name], value), _shown(fields[name], problem.now[name]))
        for name, value in problem.before.items()
        if name in fields
    )


def secret_mark(sealed: Any) -> str:
    """Return by what a sealed secret is told from another; nothing for none."""
    return sha256(str(sealed).encode()).hexdigest()[:16] if sealed else ""


def _shown(edited: EditedField, value: Any) -> str:
    if edited.is_secret:
        return _("kept, and not shown") if value else _("none")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(_shown(edited, one) for one in value) or _("none")
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_shown(edited, one)}" for name, one in value.items() if one) or _("none")
    if value in edited.words:
        return _(edited.words[value])
    return _("none") if value in (None, "") else formats.start(str(value), MAX_SHOWN)
