"""How many there are of everything, for those who watch the whole installation."""

from dataclasses import dataclass, field
from time import monotonic

from sqlalchemy import Connection, case, func, select

from heartbeat.store.database.rows import columns
from heartbeat.store.runs.logs import COUNTERS
from heartbeat.store.tables.heartbeats import Heartbeat, RemovedHeartbeats
from heartbeat.store.tables.run_indexes import of_running
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
PENDING = (
    select(func.count())
    .where(HEARTBEAT.c.synced_version < HEARTBEAT.c.version)
    .with_hint(HEARTBEAT, "INDEXED BY ix_heartbeat_unsynced", "sqlite")
)
RUNNING = of_running(select(func.count()).select_from(RUN))
# Walks over all heartbeats may take so much of the time.
SHARE = 0.01


@dataclass(frozen=True)
class Tally:
    """Heartbeats by state (a pause's reason is a state), and runs that are over by status.

    `zones_differ` counts those whose next tick Temporal's time zone data has elsewhere.

    `missed_ticks` are those of the skipped runs that nothing ran because something was down. `until` is when it should
    be counted anew, in seconds of `monotonic`.
    """

    heartbeats: dict[str, int]
    runs: dict[str, int]
    missed_ticks: int
    zones_differ: int
    until: float = field(compare=False)


@dataclass(frozen=True)
class InstallationCounts:
    """The tally, how many runs are in progress, and how many schedules are behind their rows."""

    tally: Tally
    running: int
    pending_schedules: int


def counts(connection: Connection, known: Tally | None = None) -> InstallationCounts:
    """Count what is open, and all heartbeats anew unless what is known of them is of late."""
    tally = known if known and monotonic() < known.until else _tally(connection)
    running, pending = (connection.execute(open_).scalar_one() for open_ in (RUNNING, PENDING))
    return InstallationCounts(tally, running, pending)


def _tally(connection: Connection) -> Tally:
    """Walk over the heartbeats, whose counters stand for the logs, and add what removed ones had."""
    began = monotonic()
    by_state = {row.state: row for row in connection.execute(BY_STATE)}
    removed = connection.execute(OF_REMOVED).one()._asdict()
    sums = {name: sum(int(getattr(row, name)) for row in by_state.values()) for name in SUMS}
    sums |= {name: sums[name] + int(number) for name, number in removed.items()}
    now = monotonic()
    return Tally(
        heartbeats={name: by_state[name].number if name in by_state else 0 for name in STATES},
        runs={name: sums[name] for name in COUNTERS},
        missed_ticks=sums["missed"],
        zones_differ=sums["zones_differ"],
        until=now + (now - began) / SHARE,
    )
