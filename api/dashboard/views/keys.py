"""What a page shows of keys: never the key, for the store does not have it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from api.dashboard.translations import gettext as _
from api.dashboard.views import formats
from api.dashboard.views.formats import Moment, moment
from heartbeat.store.tables.projects import ApiKey


@dataclass(frozen=True)
class KeyLine:
    """One key. `last_used` is the day, in words; `own` is the one that the visitor signed in with."""

    uuid: str
    name: str
    begins: str
    made: Moment
    last_used: str
    revoked: Moment | None
    own: bool


def key_lines(keys: list[ApiKey], own_uuid: str, now: datetime) -> list[KeyLine]:
    return [_line(key, key.uuid == own_uuid, now) for key in keys]


def _line(key: ApiKey, own: bool, now: datetime) -> KeyLine:
    return KeyLine(
        key.uuid,
        key.name,
        key.prefix,
        moment(key.created_at, UTC, now),
        day_of_use(key.last_used_at, now),
        moment(key.revoked_at, UTC, now) if key.revoked_at else None,
        own,
    )


def day_of_use(instant: datetime | None, now: datetime) -> str:
    """Name the day of the last use, which is known to the hour alone."""
    if instant is None:
        return _("never")
    day = instant.astimezone(UTC)
    return _("today") if day.date() == now.astimezone(UTC).date() else f"{formats.day(day)} {day.year}"
