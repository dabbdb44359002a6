"""How many there are of everything, for those who watch the whole installation."""

from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from heartbeat.store.rows import columns
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run

HEARTBEAT, RUN = columns(Heartbeat), columns(Run)

STATES = ("enabled", "disabled", "errors", "budget", "operator", "plan", "needs_reconnect")


@dataclass(frozen=True)
class InstallationCounts:
    """Heartbeats by state (a pause's reason is a state), runs by status, schedules that are behind their rows.

    `zones_differ` counts those whose next tick Temporal's time zone data has elsewhere.

    `missed_ticks` are those of the skipped runs that nothing ran because something was down.
    """

    heartbeats: dict[str, int]
    runs: dict[str, int]
    missed_ticks: int
    pending_schedules: int
    zones_differ: int


def counts(connection: Connection) -> InstallationCounts:
    """Count from one scan of the heartbeats, whose counters stand for the logs."""
    state = case((HEARTBEAT.c.enabled, "enabled"), else_=func.coalesce(HEARTBEAT.c.pause_reason, "disabled"))
    by_state = select(state, func.count()).where(HEARTBEAT.c.deleted_at.is_(None), HEARTBEAT.c.type == "heartbeat")
    heartbeats = {row[0]: row[1] for row in connection.execute(by_state.group_by(state))}
    behind = select(func.count()).where(HEARTBEAT.c.synced_version < HEARTBEAT.c.version)
    differing = select(func.count()).where(HEARTBEAT.c.zone_differs, HEARTBEAT.c.deleted_at.is_(None))
    totals = _totals(connection)
    missed = totals.pop("missed")
    running = select(func.count()).select_from(RUN).where(RUN.c.status == "running")
    return InstallationCounts(
        heartbeats={name: heartbeats.get(name, 0) for name in STATES},
        runs={**totals, "running": connection.execute(running).scalar_one()},
        missed_ticks=missed,
        pending_schedules=connection.execute(behind).scalar_one(),
        zones_differ=connection.execute(differing).scalar_one(),
    )


def _totals(connection: Connection) -> dict[str, int]:
    """Sum what all heartbeats have counted, deleted ones too."""
    counters = {
        "success": HEARTBEAT.c.success_count,
        "error": HEARTBEAT.c.total_error_count,
        "skipped": HEARTBEAT.c.skipped_count,
        "cancelled": HEARTBEAT.c.cancelled_count,
        "missed": HEARTBEAT.c.missed_count,
    }
    sums = select(*(func.coalesce(func.sum(column), 0).label(name) for name, column in counters.items()))
    return {name: int(number) for name, number in connection.execute(sums).one()._mapping.items()}
