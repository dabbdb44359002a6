"""The states of a heartbeat: the columns that each change of it writes."""

from datetime import datetime

from heartbeat.domain.contracts import PauseReason
from heartbeat.store.rows import columns
from heartbeat.store.tables.heartbeats import Heartbeat

HEARTBEAT = columns(Heartbeat)


def paused(reason: PauseReason, message: str, now: datetime) -> dict[str, object]:
    """The columns that pause a heartbeat; its schedule follows because the version grows."""
    return {
        "enabled": False,
        "pause_reason": reason,
        "pause_since": now,
        "pause_message": message,
        "probe_at": None,
        "probes": 0,
        "version": HEARTBEAT.c.version + 1,
    }


def ended(how: str, now: datetime) -> dict[str, object]:
    """The columns that end a scheduled task, `done` or `cancelled`; its schedule goes because the version grows."""
    gone = {"enabled": False, "pause_reason": None, "pause_since": None, "pause_message": None, "deleted_at": now}
    return {**gone, "ended_as": how, "version": HEARTBEAT.c.version + 1}
