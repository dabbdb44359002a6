"""What schedules and Upkeep ask of the store: rows to follow, pauses to lift, runs nobody closed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select, update

from heartbeat.domain.pauses import HeartbeatPause
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import all_joined, columns, first, many
from heartbeat.store.heartbeats import states
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.run_indexes import of_running
from heartbeat.store.tables.runs import Run

HEARTBEAT, BOT, PROJECT, RUN = columns(Heartbeat), columns(Bot), columns(Project), columns(Run)


@dataclass(frozen=True)
class ScheduledRow:
    """A heartbeat as its schedule and its runs are started: with the name of its bot and its project's plan."""

    heartbeat: Heartbeat
    bot_name: str
    plan: str

    @classmethod
    def of(cls, heartbeat: Heartbeat, access: Access) -> "ScheduledRow":
        """Return it as somebody with this access has just read or written it."""
        return cls(heartbeat, access.bot.name, access.project.plan)


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


MARK_SYNCED = Prepared(
    update(HEARTBEAT)
    .where(HEARTBEAT.c.uuid == bindparam("heartbeat"), HEARTBEAT.c.version == bindparam("of"))
    .values(synced_version=bindparam("of"))
)


def mark_synced(connection: Connection, uuid: str, version: int) -> bool:
    """Note that the schedule was put from `version`; false when the row has moved on and must be followed again."""
    return MARK_SYNCED.run(connection, {"heartbeat": uuid, "of": version}).rowcount == 1


def unsynced(connection: Connection, limit: int) -> list[str]:
    """Heartbeats whose schedule is behind their row."""
    statement = select(HEARTBEAT.c.uuid).where(HEARTBEAT.c.synced_version < HEARTBEAT.c.version).limit(limit)
    return list(connection.execute(statement).scalars())


IS_LIVING = HEARTBEAT.c.deleted_at.is_(None)
LIVING = (
    select(HEARTBEAT, BOT.c.name, PROJECT.c.plan)
    .join(BOT, BOT.c.id == HEARTBEAT.c.bot_id)
    .join(PROJECT, PROJECT.c.id == HEARTBEAT.c.project_id)
    .where(IS_LIVING)
)
UNCOMPARED = (
    select(HEARTBEAT.c.id)
    .where(IS_LIVING)
    .order_by(HEARTBEAT.c.compared_at, HEARTBEAT.c.id)
    # Of those without a time, SQLite would walk through all the others.
    .with_hint(HEARTBEAT, "INDEXED BY ix_heartbeat_uncompared", "sqlite")
)
# Where those without a time are in such an order depends on the database.
NEVER_COMPARED = UNCOMPARED.where(HEARTBEAT.c.compared_at.is_(None))
COMPARED_BEFORE = UNCOMPARED.where(HEARTBEAT.c.compared_at.is_not(None))


def longest_uncompared(connection: Connection, limit: int) -> list[ScheduledRow]:
    """The living heartbeats whose schedules were not looked at for the longest time."""
    ids = list(connection.execute(NEVER_COMPARED.limit(limit)).scalars())
    ids += connection.execute(COMPARED_BEFORE.limit(limit - len(ids))).scalars()
    rows = all_joined(connection, (Heartbeat,), LIVING.where(HEARTBEAT.c.id.in_(ids)), {})
    return [ScheduledRow(*row) for row in sorted(rows, key=lambda row: ids.index(row[0].id))]


def count_living(connection: Connection) -> int:
    """How many heartbeats and tasks have a schedule."""
    return connection.execute(select(func.count()).select_from(HEARTBEAT).where(IS_LIVING)).scalar_one()


def compare_next(connection: Connection, uuid: str) -> None:
    """Have the schedule of this heartbeat looked at before those of others."""
    connection.execute(update(HEARTBEAT).where(HEARTBEAT.c.uuid == uuid).values(compared_at=None))


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


def ends_of_runs(connection: Connection, workflow_ids: Sequence[str]) -> dict[str, datetime | None]:
    """When the runs of these workflows ended, by workflow; of those alone that have one, `None` if it is open."""
    statement = select(RUN.c.workflow_id, RUN.c.finished_at).where(RUN.c.workflow_id.in_(workflow_ids))
    return {row.workflow_id: row.finished_at for row in connection.execute(statement)}


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
    states.resume(connection, heartbeat, now)
    return True


def _unmoved(connection: Connection, row: Heartbeat) -> Heartbeat | None:
    same = (HEARTBEAT.c.uuid == row.uuid) & (HEARTBEAT.c.version == row.version) & HEARTBEAT.c.deleted_at.is_(None)
    return first(connection, Heartbeat, select(HEARTBEAT).where(same).with_for_update(key_share=True))


IS_SPENT = (HEARTBEAT.c.pause_reason == "budget") & IS_LIVING
# Since when of each project's heartbeats the first is paused: of most there is none whose period is over.
SPENT_SINCE = (
    select(HEARTBEAT.c.project_id, func.min(HEARTBEAT.c.pause_since).label("since"))
    .where(IS_SPENT)
    .group_by(HEARTBEAT.c.project_id)
    .subquery()
)
LONGEST_PAUSED = select(PROJECT, SPENT_SINCE.c.since).join(SPENT_SINCE, SPENT_SINCE.c.project_id == PROJECT.c.id)
PAUSED_BEFORE = (
    select(HEARTBEAT)
    .where(IS_SPENT, HEARTBEAT.c.project_id == bindparam("project"), HEARTBEAT.c.pause_since < bindparam("start"))
    .order_by(HEARTBEAT.c.id)
    .with_for_update(key_share=True)
)


def lift_budget_pauses(connection: Connection, now: datetime) -> int:
    """Enable again what a spent budget paused in an earlier period; returns how many."""
    lifted = 0
    for project, since in all_joined(connection, (Project,), LONGEST_PAUSED, {}):
        if since < (start := project.period(now)[0]):
            over = many(connection, Heartbeat, PAUSED_BEFORE, {"project": project.id, "start": start})
            lifted += len([states.resume(connection, row, now) for row in over])
    return lifted


def long_running(connection: Connection, now: datetime, after: int, limit: int) -> list[Run]:
    """Runs open for more than a minute, oldest first, from the one after `after` on: their workflow may be gone."""
    old = of_running(select(RUN)).where(RUN.c.started_at < now - timedelta(minutes=1), RUN.c.id > after)
    return many(connection, Run, old.order_by(RUN.c.id).limit(limit))
