"""How many there are of everything, for those who watch the whole installation."""

from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from heartbeat.store.rows import columns
from heartbeat.store.run_indexes import of_running
from heartbeat.store.runs.logs import COUNTERS
from heartbeat.store.tables.heartbeats import Heartbeat, RemovedHeartbeats
from heartbeat.store.tables.runs import Run

HEARTBEAT, RUN, REMOVED = columns(Heartbeat), columns(Run), columns(RemovedHeartbeats)

STATES = ("enabled", "disabled", "errors", "budget", "operator", "plan", "needs_reconnect")
IS_LIVING = HEARTBEAT.c.deleted_at.is_(None)
STATE = case(
    (~IS_LIVING | (HEARTBEAT.c.type != "heartbeat"), "uncounted"),
    (HEARTBEAT.c.enabled, "enabled"),
    else_=func.coalesce(HEARTBEAT.c.pause_reason, "disabled"),
).label("state")
# What all heartbeats have counted, deleted ones too; and those that are not kept any longer.
COUNTED = {**COUNTERS, "missed": "missed_count"}
SUMS = {
    **{what: HEARTBEAT.c[name] for what, name in COUNTED.items()},
    "zones_differ": case((HEARTBEAT.c.zone_differs & IS_LIVING, 1), else_=0),
}
OF_REMOVED = select(*(func.coalesce(func.sum(REMOVED.c[name]), 0).label(what) for what, name in COUNTED.items()))
BY_STATE = select(
    STATE, func.count().label("number"), *(func.sum(column).label(name) for name, column in SUMS.items())
).group_by(STATE)
PENDING = select(func.count()).where(HEARTBEAT.c.synced_version < HEARTBEAT.c.version)
RUNNING = of_running(select(func.count()).select_from(RUN))


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
    """Count from one scan of the heartbeats, whose counters stand for the logs, and from what removed ones had."""
    by_state = {row.state: row for row in connection.execute(BY_STATE)}
    removed = connection.execute(OF_REMOVED).one()._asdict()
    sums = {name: sum(int(getattr(row, name)) for row in by_state.values()) for name in SUMS}
    sums |= {name: sums[name] + int(number) for name, number in removed.items()}
    return InstallationCounts(
        heartbeats={name: by_state[name].number if name in by_state else 0 for name in STATES},
        runs={**{name: sums[name] for name in COUNTERS}, "running": connection.execute(RUNNING).scalar_one()},
        missed_ticks=sums["missed"],
        pending_schedules=connection.execute(PENDING).scalar_one(),
        zones_differ=sums["zones_differ"],
    )
