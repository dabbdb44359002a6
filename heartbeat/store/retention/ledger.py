"""Entries of periods that ended long ago, folded into one closing balance for each heartbeat and period.

What is folded has been proved: the entries of a run come to what it was charged, and nothing of it is held. Those of a
run that do not are left as they are, for `heartbeat doctor --ledger` to name. Grants keep their lines, and their keys.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, exists, func, select, tuple_, update

from heartbeat.store.credits.ledger import NOTHING
from heartbeat.store.database.rows import columns, insert
from heartbeat.store.retention.rules import YEAR
from heartbeat.store.tables.credits import CLOSING, Entry, Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run
from heartbeat.store.tables.types import BIG, LONG_AGO

ENTRY, USAGE, RUN, HEARTBEAT, PROJECT = (columns(one) for one in (Entry, Usage, Run, Heartbeat, Project))

# Entries that one transaction looks at, and heartbeats.
BATCH_SIZE, HEARTBEATS = 1_000, 100
# Tokens are in the daily numbers: of a whole period there can be more than the column holds.
AMOUNTS = ("credits", "held", "granted", "absorbed")

_OLD = (ENTRY.c.project_id == bindparam("project")) & (
    ENTRY.c.period_start < bindparam("until", type_=ENTRY.c.created_at.type)
)
_PLACE = (ENTRY.c.period_start, ENTRY.c.id)
_AFTER = tuple_(bindparam("period_start", type_=ENTRY.c.period_start.type), bindparam("entry_id", type_=BIG))
OLDEST = (
    select(ENTRY.c.run_id, *_PLACE)
    .where(_OLD, tuple_(*_PLACE) > _AFTER, ENTRY.c.run_id.is_not(None))
    .order_by(*_PLACE)
    .limit(BATCH_SIZE)
)
RUNS: Select[Any] = (
    select(
        ENTRY.c.run_id,
        RUN.c.status,
        RUN.c.credits_charged,
        func.sum(ENTRY.c.credits).label("credits"),
        func.sum(ENTRY.c.held).label("held"),
        func.max(ENTRY.c.period_start).label("last"),
    )
    .select_from(ENTRY.outerjoin(RUN, RUN.c.id == ENTRY.c.run_id))
    .where(ENTRY.c.run_id.in_(bindparam("runs", expanding=True)))
    .group_by(ENTRY.c.run_id, RUN.c.status, RUN.c.credits_charged)
)
_OF_HEARTBEAT = ENTRY.c.heartbeat_id == HEARTBEAT.c.id
DELETED = (
    select(HEARTBEAT.c.id)
    .where(
        HEARTBEAT.c.project_id == bindparam("project"),
        HEARTBEAT.c.deleted_at.is_not(None),
        exists().where(_OF_HEARTBEAT, ENTRY.c.kind == CLOSING),
        ~exists().where(_OF_HEARTBEAT, ENTRY.c.kind != CLOSING),
    )
    .limit(HEARTBEATS)
)
_LINE = (ENTRY.c.heartbeat_id, ENTRY.c.period_start, *(ENTRY.c[name] for name in AMOUNTS))
CLOSE_SUMS = update(HEARTBEAT).values(period_start=None, period_credits=0, period_held=0, period_granted=0)


@dataclass(frozen=True)
class FoldedProject:
    """A project and the start of its oldest period whose entries are kept line by line."""

    project_id: int
    until: datetime


@dataclass(frozen=True)
class EntryPlace:
    """The place of an entry among those of its project, oldest first."""

    period_start: datetime
    entry_id: int


FIRST_ENTRY = EntryPlace(LONG_AGO, 0)


@dataclass(frozen=True)
class EntryBatch:
    """How many entries were folded, and the last one that was looked at; `None`: all that are old enough were."""

    folded: int
    last: EntryPlace | None


def projects_to_fold(connection: Connection, now: datetime) -> list[FoldedProject]:
    """The projects with entries of runs in periods that ended more than thirteen months ago."""
    # A period has ended when the next one has begun.
    ended = select(USAGE.c.project_id, func.max(USAGE.c.period_start).label("until"))
    until = ended.where(USAGE.c.period_start <= now - YEAR).group_by(USAGE.c.project_id).subquery()
    old = exists().where(
        ENTRY.c.project_id == until.c.project_id, ENTRY.c.period_start < until.c.until, ENTRY.c.run_id.is_not(None)
    )
    rows = connection.execute(select(until.c.project_id, until.c.until).where(old))
    return [FoldedProject(project_id, moment) for project_id, moment in rows]


def fold_entries(connection: Connection, folded: FoldedProject, after: EntryPlace, now: datetime) -> EntryBatch:
    """Fold the entries of those runs that a project's next entries after a place are of."""
    oldest = connection.execute(OLDEST, {"project": folded.project_id, "until": folded.until, **vars(after)}).all()
    last = EntryPlace(oldest[-1].period_start, oldest[-1].id) if len(oldest) == BATCH_SIZE else None
    runs = {"runs": sorted({entry.run_id for entry in oldest})}
    run_ids = [row.run_id for row in connection.execute(RUNS, runs) if _can_be_folded(row, folded.until)]
    if not run_ids:
        return EntryBatch(0, last)
    # Whoever folds at the same time does not get these back.
    gone = delete(ENTRY).where(ENTRY.c.run_id.in_(run_ids)).returning(*_LINE)
    lines = connection.execute(gone).all()
    _enter(connection, folded.project_id, lines, now)
    return EntryBatch(len(lines), last)


def fold_deleted(connection: Connection, folded: FoldedProject, now: datetime) -> int:
    """Put the closing balances of heartbeats that were deleted into those of their project; returns how many."""
    ids = list(connection.execute(DELETED, {"project": folded.project_id}).scalars())
    if not ids:
        return 0
    gone = delete(ENTRY).where(ENTRY.c.heartbeat_id.in_(ids), ENTRY.c.kind == CLOSING).returning(*_LINE)
    lines = connection.execute(gone).all()
    _enter(connection, folded.project_id, lines, now, of_project=True)
    connection.execute(CLOSE_SUMS.where(HEARTBEAT.c.id.in_(ids)))
    return len(lines)


def _can_be_folded(row: Row[Any], until: datetime) -> bool:
    """Whether all of a run's entries are old, and come to what its row says, if that is kept."""
    is_over = row.status != "running" and row.held == 0 and row.last < until
    return is_over and row.credits_charged in (None, row.credits)


def _enter(
    connection: Connection, project_id: int, lines: Iterable[Row[Any]], now: datetime, of_project: bool = False
) -> None:
    """Add entries to the closing balances of their periods: their heartbeat's, or their project's."""
    sums: dict[tuple[int | None, datetime], Counter[str]] = {}
    for line in lines:
        account = sums.setdefault((None if of_project else line.heartbeat_id, line.period_start), Counter())
        for name in AMOUNTS:
            account[name] += getattr(line, name)
    statement = insert(connection, ENTRY)
    added = {name: ENTRY.c[name] + statement.excluded[name] for name in AMOUNTS}
    statement = statement.on_conflict_do_update(index_elements=["project_id", "key"], set_=added)
    for (heartbeat_id, start), amounts in sums.items():
        key = f"closing:{start:%Y-%m-%d}" + (f":{heartbeat_id}" if heartbeat_id else "")
        entry = {"project_id": project_id, "heartbeat_id": heartbeat_id, "kind": CLOSING, "key": key}
        connection.execute(statement, {**NOTHING, **entry, **amounts, "period_start": start, "created_at": now})
