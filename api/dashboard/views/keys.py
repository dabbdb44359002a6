"""What a page shows of keys: never the key, for the store does not have it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from api.dashboard.forms import Form
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked, ngettext
from api.dashboard.views import formats
from api.dashboard.views.formats import Moment, moment
from api.schemas.keys import key_state, preset_of
from heartbeat.store.tables.projects import ApiKey

PRESETS = {
    "viewer": marked("Viewer: sees everything"),
    "operator": marked("Operator: runs, pauses and approves, too"),
    "editor": marked("Editor: makes, changes and deletes, too"),
    "admin": marked("Admin: keys and settings of the project, too"),
}
PRESET_NAMES = {
    "viewer": marked("Viewer"),
    "operator": marked("Operator"),
    "editor": marked("Editor"),
    "admin": marked("Admin"),
}
# In days, and in hours.
ENDS = {"": marked("Never"), "30": marked("In 30 days"), "90": marked("In 90 days"), "365": marked("In a year")}
GRACES = {"24": marked("For a day"), "168": marked("For a week"), "1": marked("For an hour"), "0": marked("Not at all")}


@dataclass(frozen=True)
class KeyLine:
    """One key. `may` is what it may do, for which bots and how often; `last_used` is the day, in words, and from where.

    `ends` is when it expires or expired; `own` is the one that the visitor signed in with.
    """

    uuid: str
    name: str
    begins: str
    may: str
    made: Moment
    last_used: str
    state: str
    ends: Moment | None
    revoked: Moment | None
    replaced: bool
    own: bool


def key_lines(keys: list[ApiKey], bots: dict[int, tuple[str, str]], own_uuid: str, now: datetime) -> list[KeyLine]:
    return [_line(key, bots, key.uuid == own_uuid, now) for key in keys]


def key_fields(form: Form, now: datetime) -> dict[str, Any]:
    """Return what a form asks for, as the API takes it."""
    ends, bot = form.get("ends"), form.get("bot")
    return {
        "name": form.get("name"),
        "preset": form.get("preset") or None,
        "bot_ids": [bot] if bot else None,
        "expires_at": now + timedelta(days=int(ends)) if ends in ENDS and ends else None,
        "requests_per_minute": form.get("requests_per_minute").strip() or None,
    }


def _line(key: ApiKey, bots: dict[int, tuple[str, str]], own: bool, now: datetime) -> KeyLine:
    preset = preset_of(key)
    names = [bots[one][1] if one in bots else _("a deleted bot") for one in key.bot_ids or []]
    if often := key.requests_per_minute:
        words = ngettext("%(number)s request a minute", "%(number)s requests a minute", often)
        names.append(words % {"number": formats.number(often)})
    last_used = [day_of_use(key.last_used_at, now), key.last_used_from]
    return KeyLine(
        key.uuid,
        key.name,
        key.prefix,
        " · ".join([_(PRESET_NAMES[preset]) if preset else key.scopes, *names]),
        moment(key.created_at, UTC, now),
        " · ".join(filter(None, last_used)),
        key_state(key, now),
        moment(key.expires_at, UTC, now) if key.expires_at else None,
        moment(key.revoked_at, UTC, now) if key.revoked_at else None,
        key.replaced_at is not None,
        own,
    )


def day_of_use(instant: datetime | None, now: datetime) -> str:
    """Name the day of the last use, which is known to the hour alone."""
    if instant is None:
        return _("never")
    day = instant.astimezone(UTC)
    return _("today") if day.date() == now.astimezone(UTC).date() else f"{formats.day(day)} {day.year}"
