"""Logs as they are written into files: each run with its steps, its requests to providers and its approvals."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, select

from heartbeat.store.database.rows import columns
from heartbeat.store.projects.access import as_public_id
from heartbeat.store.tables.bots import Bot, Subscriber
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Approval, Attempt, Run, Step

RUN, STEP, ATTEMPT, APPROVAL = columns(Run), columns(Step), columns(Attempt), columns(Approval)
BOT, HEARTBEAT, PROJECT, SUBSCRIBER = columns(Bot), columns(Heartbeat), columns(Project), columns(Subscriber)

BATCH_SIZE = 200

# Numbers of rows mean nothing elsewhere, and public ids take their place.
HIDDEN = {"id", "run_id", "project_id", "bot_id", "heartbeat_id", "member_id", "parked", "credits_held"}
BOTS = select(BOT.c.id).join(PROJECT, PROJECT.c.id == BOT.c.project_id).order_by(BOT.c.id)
WINDOW = (
    select(
        RUN,
        PROJECT.c.uuid.label("project"),
        BOT.c.uuid.label("bot"),
        HEARTBEAT.c.uuid.label("heartbeat"),
        SUBSCRIBER.c.uuid.label("member"),
    )
    .join(PROJECT, PROJECT.c.id == RUN.c.project_id)
    .join(BOT, BOT.c.id == RUN.c.bot_id)
    .join(HEARTBEAT, HEARTBEAT.c.id == RUN.c.heartbeat_id)
    .outerjoin(SUBSCRIBER, SUBSCRIBER.c.id == RUN.c.member_id)
    .where(RUN.c.bot_id == bindparam("bot"), RUN.c.id > bindparam("after"))
    .order_by(RUN.c.id)
    .limit(BATCH_SIZE)
)
PARTS = {"steps": (STEP, "number"), "requests": (ATTEMPT, "step"), "approvals": (APPROVAL, "step")}


@dataclass(frozen=True)
class ExportPosition:
    """How far an export is: bots in the order of their numbers, and of the last one the runs up to `run_id`."""

    bot_id: int = 0
    run_id: int = 0


@dataclass(frozen=True)
class ExportedLogs:
    """Logs of one bot, each as a line; `next` is where to go on, in the same bot if `is_whole` is false."""

    lines: list[dict[str, Any]]
    next: ExportPosition
    is_whole: bool


@dataclass(frozen=True)
class ExportWindow:
    """Runs that ended at `since` or later, and before `until`."""

    since: datetime | None = None
    until: datetime | None = None

    def has(self, run: Row[Any]) -> bool:
        """Whether a run is a log by now, and within it."""
        ended = run.finished_at or run.created_at
        after = self.since is None or ended >= self.since
        return run.status != "running" and after and (self.until is None or ended < self.until)


def bots_to_export(connection: Connection, project_uuid: str | None, since: ExportPosition) -> list[int]:
    """The bots of one project or of all, deleted ones as well, from where the export is."""
    which = BOTS.where(BOT.c.id >= since.bot_id)
    if project_uuid is not None:
        which = which.where(PROJECT.c.uuid == as_public_id(project_uuid))
    return list(connection.execute(which).scalars())


def export_logs(connection: Connection, position: ExportPosition, window: ExportWindow) -> ExportedLogs:
    """The next logs of the bot of `position`."""
    rows = connection.execute(WINDOW, {"bot": position.bot_id, "after": position.run_id}).all()
    runs = [row for row in rows if window.has(row)]
    parts = {name: _by_run(connection, *part, [run.id for run in runs]) for name, part in PARTS.items()}
    lines = [
        {
            "position": f"{run.bot_id}-{run.id}",
            **_shown(run),
            **{name: of.get(run.id, []) for name, of in parts.items()},
        }
        for run in runs
    ]
    last = rows[-1].id if rows else position.run_id
    return ExportedLogs(lines, ExportPosition(position.bot_id, last), len(rows) < BATCH_SIZE)


def _by_run(connection: Connection, table: Table, order: str, run_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    parts: dict[int, list[dict[str, Any]]] = {}
    rows = select(table).where(table.c.run_id.in_(run_ids)).order_by(table.c.run_id, table.c[order], table.c.id)
    for row in connection.execute(rows) if run_ids else ():
        parts.setdefault(row.run_id, []).append(_shown(row))
    return parts


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {name: _as_json(value) for name, value in row._asdict().items() if name not in HIDDEN}


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
