"""Days and times as the control `datetime-local` has them, in a zone: 2026-11-30T08:00."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from heartbeat.domain.cadence.zones import first_instant
from heartbeat.domain.errors import Invalid


def to_instant(field: str, text: str, zone: ZoneInfo) -> datetime | None:
    """Read a local time; `None` for none, raises `Invalid` for what is no time."""
    if not text:
        return None
    try:
        local = datetime.fromisoformat(text)
        return (local if local.tzinfo else first_instant(local.replace(microsecond=0), zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(field, "choose a day and a time") from None


def to_local(instant: datetime | None, zone: ZoneInfo) -> str:
    """Write an instant as the control shows it; nothing for none."""
    return f"{instant.astimezone(zone):%Y-%m-%dT%H:%M}" if instant else ""
