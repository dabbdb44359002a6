"""What schedules and Upkeep ask of the store: rows to follow, pauses to lift, runs nobody closed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from heartbeat import credits
from heartbeat.store.database import columns, many, one
from heartbeat.store.tables import Bot, Heartbeat, Project, Run

HEARTBEAT, BOT, PROJECT, RUN = columns(Heartbeat), columns(Bot), columns(Project), columns(Run)


@dataclass(frozen=True)
class Order:
    """A heartbeat with the name of its bot, as a schedule shows them."""

    heartbeat: Heartbeat
    bot_name: str


def order(connection: Connection, uuid: str) -> Order | None:
    """The row a schedule is made from, deleted ones too; `None` when there never was one."""
    heartbeat = one(connection, Heartbeat, select(HEARTBEAT).where(HEARTBEAT.c.uuid == uuid))
    if heartbeat is None:
        return None
    name = connection.execute(select(BOT.c.name).where(BOT.c.id == heartbeat.bot_id)).scalar_one()
    return Order(heartbeat, name)


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


def lift_budget_pauses(connection: Connection, now: datetime) -> int:
    """Enable again what a spent budget paused in an earlier period; returns how many."""
    paused = many(
        connection,
        Heartbeat,
        select(HEARTBEAT).where(HEARTBEAT.c.pause_reason == "budget", HEARTBEAT.c.deleted_at.is_(None)),
    )
    anchors: dict[int, int] = {
        row.id: row.period_anchor_day for row in connection.execute(select(PROJECT.c.id, PROJECT.c.period_anchor_day))
    }
    over = [row.id for row in paused if _period_is_over(row, anchors, now)]
    for heartbeat_id in over:
        connection.execute(
            update(HEARTBEAT)
            .where(HEARTBEAT.c.id == heartbeat_id, HEARTBEAT.c.pause_reason == "budget")
            .values(
                enabled=True,
                pause_reason=None,
                pause_since=None,
                pause_message=None,
                version=HEARTBEAT.c.version + 1,
                updated_at=now,
            )
        )
    return len(over)


def _period_is_over(heartbeat: Heartbeat, anchors: dict[int, int], now: datetime) -> bool:
    start, _ = credits.period(now, anchors[heartbeat.project_id])
    return heartbeat.pause_since is not None and heartbeat.pause_since < start


def long_running(connection: Connection, now: datetime, limit: int) -> list[Run]:
    """Runs open for more than a minute, oldest first: those whose workflow may be gone."""
    old = select(RUN).where(RUN.c.status == "running", RUN.c.started_at < now - timedelta(minutes=1))
    return many(connection, Run, old.order_by(RUN.c.started_at).limit(limit))
