"""The zone in which a reader reads times: their browser's, which dashboard.js names in a cookie."""

from contextvars import ContextVar
from zoneinfo import ZoneInfo

from heartbeat.domain.cadence import zones

COOKIE = "heartbeat_zone"

_zone: ContextVar[ZoneInfo | None] = ContextVar("zone", default=None)


def use(name: str) -> None:
    """Make this the zone of the request that is being handled; anything that is no zone is none."""
    _zone.set(zones.zone(name) if name in zones.names() else None)


def reader_zone() -> ZoneInfo | None:
    """Return the reader's zone; `None` when it is not known."""
    return _zone.get()
