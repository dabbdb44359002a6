"""Whether the books balance: every running sum of credits is the sum of its entries, or is named here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal, or_, select, true, union_all

from heartbeat.store.database.rows import columns
from heartbeat.store.tables.credits import CLOSING, Entry, Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run

ENTRY, USAGE, RUN = columns(Entry), columns(Usage), columns(Run)
HEARTBEAT, PROJECT = columns(Heartbeat), columns(Project)

# Entries are kept line by line for longer than this.
LINE_BY_LINE = timedelta(days=365)


@dataclass(frozen=True)
class LedgerDifference:
    """A balance that is not the sum of its entries: `whose` it is, its `column`, and both numbers."""

    whose: str
    column: str
    balance: int
    entries: int


def audit(
    connection: Connection, project: Project | None = None, since: datetime | None = None, most: int = 100
) -> list[LedgerDifference]:
    """Where balance and entries differ, for up to `most` projects, heartbeats and runs each.

    With `project` only its books, with `since` only periods that began then or later and the runs with entries in
    them: what Upkeep can look at often. Without both every entry is read.
    """
    return [
        *_differences(connection, _periods(project, since), ("credits", "held", "granted"), most),
        *_differences(connection, _heartbeats(project, since), ("period_credits", "period_held"), most),
        *_differences(connection, _runs(project, since), ("credits_charged", "credits_held"), most),
    ]


def audit_newest(connection: Connection, runs: int, now: datetime) -> list[LedgerDifference]:
    """Where the newest runs and their entries differ: what can be looked at every minute, however many there are."""
    newest = select(func.max(RUN.c.id)).scalar_subquery()
    # Where runs are rare, the newest may be so old that their entries were folded.
    statement = _with_entries().where(newest - runs < RUN.c.id, RUN.c.started_at >= now - LINE_BY_LINE)
    return _differences(connection, statement, ("credits_charged", "credits_held"), runs)


def _within(table: Any, project: Project | None, since: datetime | None) -> ColumnElement[bool]:
    of_project = true() if project is None else table.c.project_id == project.id
    return of_project if since is None else of_project & (table.c.period_start >= since)


def _periods(project: Project | None, since: datetime | None) -> Select[Any]:
    """A period may have sums without entries as well as entries without sums: neither may go unseen."""
    names = ("credits", "held", "granted")
    balances = [*(USAGE.c[name].label(f"kept_{name}") for name in names), *(literal(0).label(name) for name in names)]
    entered = [*(literal(0).label(f"kept_{name}") for name in names), *(ENTRY.c[name] for name in names)]
    both = union_all(
        select(USAGE.c.project_id, USAGE.c.period_start, *balances).where(_within(USAGE, project, since)),
        select(ENTRY.c.project_id, ENTRY.c.period_start, *entered).where(_within(ENTRY, project, since)),
    ).subquery()
    sums = [(func.sum(both.c[f"kept_{name}"]), func.sum(both.c[name])) for name in names]
    return (
        select(PROJECT.c.uuid, both.c.period_start, *(number for pair in sums for number in pair))
        .join(PROJECT, PROJECT.c.id == both.c.project_id)
        .group_by(PROJECT.c.uuid, both.c.period_start)
        .having(or_(*(balance != entries for balance, entries in sums)))
    )


def _heartbeats(project: Project | None, since: datetime | None) -> Select[Any]:
    """A heartbeat's sums are of its newest period: entries of a later one, too, must be in them."""
    its_period = or_(HEARTBEAT.c.period_start.is_(None), ENTRY.c.period_start >= HEARTBEAT.c.period_start)
    pairs = [(HEARTBEAT.c.period_credits, ENTRY.c.credits), (HEARTBEAT.c.period_held, ENTRY.c.held)]
    return (
        _beside(HEARTBEAT, pairs)
        .outerjoin(ENTRY, (ENTRY.c.heartbeat_id == HEARTBEAT.c.id) & its_period)
        .where(_within(HEARTBEAT, project, since))
    )


def _runs(project: Project | None, since: datetime | None) -> Select[Any]:
    closed = _closed().subquery()
    # The entries of a run that is older are in the closing balance of its period, which the period is held to.
    is_open = or_(func.count(ENTRY.c.id) > 0, closed.c.until.is_(None), RUN.c.started_at >= closed.c.until)
    statement = _with_entries().outerjoin(closed, closed.c.project_id == RUN.c.project_id)
    statement = statement.group_by(closed.c.until).having(is_open)
    if project is None and since is None:
        return statement
    # All entries of these runs are added up, those of before `since` too.
    lately = ENTRY.alias()
    return statement.where(RUN.c.id.in_(select(lately.c.run_id).where(_within(lately, project, since))))


def _with_entries() -> Select[Any]:
    """Each run whose columns are not the sums of its entries."""
    pairs = [(RUN.c.credits_charged, ENTRY.c.credits), (RUN.c.credits_held, ENTRY.c.held)]
    return _beside(RUN, pairs).outerjoin(ENTRY, ENTRY.c.run_id == RUN.c.id)


def _closed() -> Select[Any]:
    """The projects of which entries were folded, each with the start of its oldest period of which none was."""
    last = select(ENTRY.c.project_id, func.max(ENTRY.c.period_start).label("last")).where(ENTRY.c.kind == CLOSING)
    newest = last.group_by(ENTRY.c.project_id).subquery()
    later = (USAGE.c.project_id == newest.c.project_id) & (USAGE.c.period_start > newest.c.last)
    until = func.min(USAGE.c.period_start).label("until")
    return select(newest.c.project_id, until).join(USAGE, later).group_by(newest.c.project_id)


def _beside(table: Any, pairs: Sequence[tuple[ColumnElement[int], ColumnElement[int]]]) -> Select[Any]:
    """Each row of `table` whose columns are not the sums of the entries they are paired with."""
    sums = [(balance, func.coalesce(func.sum(entries), 0)) for balance, entries in pairs]
    return (
        select(table.c.uuid, literal(None), *(number for pair in sums for number in pair))
        .select_from(table)
        .group_by(table.c.id)
        .having(or_(*(balance != entries for balance, entries in sums)))
    )


def _differences(
    connection: Connection, statement: Select[Any], names: tuple[str, ...], most: int
) -> list[LedgerDifference]:
    differences = []
    for uuid, period_start, *numbers in connection.execute(statement.order_by("uuid").limit(most)):
        whose = f"{uuid}, period {period_start:%Y-%m-%d}" if period_start else uuid
        pairs = zip(names, numbers[::2], numbers[1::2], strict=True)
        differences += [
            LedgerDifference(whose, name, int(balance), int(sum_)) for name, balance, sum_ in pairs if balance != sum_
        ]
    return differences
