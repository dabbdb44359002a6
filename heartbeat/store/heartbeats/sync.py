"""What schedules and Upkeep ask of the store: rows to follow, pauses to lift, runs nobody closed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, update

from heartbeat.domain.pauses import HeartbeatPause
from heartbeat.store.heartbeats import states
from heartbeat.store.rows import all_joined, columns, first, many
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run

HEARTBEAT, BOT, PROJECT, RUN = columns(Heartbeat), columns(Bot), columns(Project), columns(Run)


@dataclass(frozen=True)
class ScheduledRow:
    """A heartbeat as its schedule and its runs are started: with the name of its bot and its project's plan."""

    heartbeat: Heartbeat
    bot_name: str
    plan: str


def scheduled_row(connection: Connection, uuid: str) -> ScheduledRow | None:
    """The row a schedule is made from, deleted ones too; `None` when there never was one."""
    heartbeat = first(connection, Heartbeat, select(HEARTBEAT).where(HEARTBEAT.c.uuid == uuid))
    if heartbeat is None:
        return None
    return with_owner(connection, heartbeat)


def with_owner(connection: Connection, heartbeat: Heartbeat) -> ScheduledRow:
    """A heartbeat with what is shown of its bot and its project."""
    owner = select(BOT.c.name, PROJECT.c.plan).join(PROJECT, PROJECT.c.id == BOT.c.project_id)
    return ScheduledRow(heartbeat, *connection.execute(owner.where(BOT.c.id == heartbeat.bot_id)).one())


def mark_synced(connection: Connection, uuid: str, version: int) -> bool:
    """Note that the schedule was put from `version`; false when the row has moved on and must be followed again."""
    changed = connection.execute(
        update(HEARTBEAT).where(HEARTBEAT.c.uuid == uuid, HEARTBEAT.c.version == version).values(synced_version=version)
    )
    return changed.rowcount == 1


def unsynced(connection: Connection, limit: int) -> list[str]:
    """Heartbeats whose schedule is behind their row."""
    statement = select(HEARTBEAT.c.uuid).where(HEARTBEAT.c.synced_version < HEARTBEAT.c.version).limit(limit)
    return list(connection.execute(statement).scalars())


LIVING = (
    select(HEARTBEAT, BOT.c.name, PROJECT.c.plan)
    .join(BOT, BOT.c.id == HEARTBEAT.c.bot_id)
    .join(PROJECT, PROJECT.c.id == HEARTBEAT.c.project_id)
    .where(HEARTBEAT.c.deleted_at.is_(None))
)


def longest_uncompared(connection: Connection, limit: int) -> list[ScheduledRow]:
    """The living heartbeats whose schedules were not looked at for the longest time."""
    statement = LIVING.order_by(HEARTBEAT.c.compared_at.nulls_first(), HEARTBEAT.c.id).limit(limit)
    return [ScheduledRow(*row) for row in all_joined(connection, (Heartbeat,), statement, {})]


def everything(connection: Connection) -> list[ScheduledRow]:
    """Every living heartbeat."""
    return [ScheduledRow(*row) for row in all_joined(connection, (Heartbeat,), LIVING.order_by(HEARTBEAT.c.id), {})]


def mark_compared(connection: Connection, uuids: Sequence[str], differing: Sequence[str], now: datetime) -> None:
    """Note when these were looked at, and of which of them Temporal's time zone data has the next tick elsewhere."""
    is_different = HEARTBEAT.c.uuid.in_(differing)
    connection.execute(
        update(HEARTBEAT).where(HEARTBEAT.c.uuid.in_(uuids)).values(compared_at=now, zone_differs=is_different)
    )


@dataclass(frozen=True)
class Restoration:
    """When the database was last found to be older than Temporal's schedules, and how many rows were."""

    at: datetime
    heartbeats: int


def restoration(connection: Connection, since: datetime) -> Restoration | None:
    """The last time that the database went back, as by a restored backup; `None` when it has not since then."""
    statement = select(func.max(HEARTBEAT.c.restored_at), func.count()).where(HEARTBEAT.c.restored_at > since)
    at, heartbeats = connection.execute(statement).one()
    return Restoration(at, heartbeats) if heartbeats else None


def known(connection: Connection, uuids: Sequence[str]) -> set[str]:
    """Those of the ids that living heartbeats have."""
    living = select(HEARTBEAT.c.uuid).where(HEARTBEAT.c.uuid.in_(uuids), HEARTBEAT.c.deleted_at.is_(None))
    return set(connection.execute(living).scalars())


def adopt_pause(connection: Connection, row: Heartbeat, note: str, now: datetime) -> bool:
    """Take over a pause that a person made in Temporal's UI with this note, unless the row has moved on meanwhile."""
    heartbeat = _unmoved(connection, row)
    if heartbeat is None:
        return False
    states.pause(connection, heartbeat, HeartbeatPause("temporal", note), now)
    return True


def adopt_resume(connection: Connection, row: Heartbeat, now: datetime) -> bool:
    """Take over that a person resumed the schedule in Temporal's UI, unless the row has moved on meanwhile."""
    heartbeat = _unmoved(connection, row)
    if heartbeat is None:
        return False
    states.enable(connection, heartbeat, now)
    return True


def _unmoved(connection: Connection, row: Heartbeat) -> Heartbeat | None:
    same = (HEARTBEAT.c.uuid == row.uuid) & (HEARTBEAT.c.version == row.version) & HEARTBEAT.c.deleted_at.is_(None)
    return first(connection, Heartbeat, select(HEARTBEAT).where(same).with_for_update(key_share=True))


def lift_budget_pauses(connection: Connection, now: datetime) -> int:
    """Enable again what a spent budget paused in an earlier period; returns how many."""
    paused_for_budget = select(HEARTBEAT).where(HEARTBEAT.c.pause_reason == "budget", HEARTBEAT.c.deleted_at.is_(None))
    in_order = paused_for_budget.order_by(HEARTBEAT.c.id).with_for_update(key_share=True)
    spent = many(connection, Heartbeat, in_order)
    starts = {project.id: project.period(now)[0] for project in many(connection, Project, select(PROJECT))}
    over = [row for row in spent if row.pause_since is not None and row.pause_since < starts[row.project_id]]
    for row in over:
        states.enable(connection, row, now)
    return len(over)


def long_running(connection: Connection, now: datetime, after: int, limit: int) -> list[Run]:
    """Runs open for more than a minute, oldest first, from the one after `after` on: their workflow may be gone."""
    old = select(RUN).where(RUN.c.status == "running", RUN.c.started_at < now - timedelta(minutes=1), RUN.c.id > after)
    return many(connection, Run, old.order_by(RUN.c.id).limit(limit))
