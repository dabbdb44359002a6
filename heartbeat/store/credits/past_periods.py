"""The heartbeats that used most in a billing period that is over: added up from their days once, and kept.

They are right as long as all days of the period come to what they came to then. A run that began in the period and ends
long after it adds to one of them; from then on whoever looks adds up all days, until Upkeep has done it again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, or_, select, update

from heartbeat.store.credits.audit import LedgerDifference
from heartbeat.store.credits.periods import MAX_PERIODS, BillingPeriod, billing_period, periods
from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import DailyRollup, HeartbeatDay, PeriodSpender, Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project

BOT, HEARTBEAT, PROJECT = columns(Bot), columns(Heartbeat), columns(Project)
DAY, ROLLUP, SPENDER, USAGE = (columns(one) for one in (HeartbeatDay, DailyRollup, PeriodSpender, Usage))

MAX_SPENDERS = 100
SHORTEST = timedelta(days=28)
# For so long after a period began Upkeep looks each day whether runs that began in it have ended since.
LATE, DAILY = timedelta(days=100), timedelta(days=1)
BATCH_SIZE = 1_000

_START = bindparam("start", type_=SPENDER.c.period_start.type)
_IN_PERIOD = (SPENDER.c.project_id == bindparam("project")) & (SPENDER.c.period_start == _START)
# What heartbeats are called comes later: to carry it along with every day took ten times as long.
MOST = (
    select(DAY.c.heartbeat_id, func.sum(DAY.c.credits).label("credits"))
    .where(DAY.c.heartbeat_id.in_(select(HEARTBEAT.c.id).where(HEARTBEAT.c.project_id == bindparam("project"))))
    .where(DAY.c.day >= bindparam("since"), DAY.c.day < bindparam("until"))
    .group_by(DAY.c.heartbeat_id)
    .having(func.sum(DAY.c.credits) > 0)
    .order_by(func.sum(DAY.c.credits).desc(), DAY.c.heartbeat_id)
    .limit(MAX_SPENDERS)
)
KEPT = select(SPENDER.c.heartbeat_id, SPENDER.c.credits).where(_IN_PERIOD)
ALL_DAYS = select(func.coalesce(func.sum(ROLLUP.c.credits), 0)).where(
    ROLLUP.c.bot_id.in_(select(BOT.c.id).where(BOT.c.project_id == bindparam("project"))),
    ROLLUP.c.day >= bindparam("since"),
    ROLLUP.c.day < bindparam("until"),
)


@dataclass(frozen=True)
class Spenders:
    """What a project's period came to in `credits`, and its largest heartbeats, each with its number and credits."""

    project_id: int
    period_start: datetime
    credits: int
    largest: Sequence[Row[Any]]


def unsummed_periods(connection: Connection, now: datetime) -> list[Usage]:
    """The periods whose heartbeats were not added up since they ended, or not for a day while runs may still end."""
    oldest = now - SHORTEST * MAX_PERIODS
    again = (USAGE.c.summed_at <= now - DAILY) & (USAGE.c.period_start > now - LATE)
    # One that is under way may be as old as this, too; those come last.
    over = select(USAGE).where(USAGE.c.period_start <= now - SHORTEST, USAGE.c.period_start > oldest)
    due = over.where(or_(USAGE.c.summed_at.is_(None), again))
    return many(connection, Usage, due.order_by(USAGE.c.period_start, USAGE.c.project_id).limit(BATCH_SIZE))


def add_up(connection: Connection, usage: Usage, now: datetime) -> Spenders | None:
    """Add up the heartbeats of a period; `None` while it is not over."""
    project = exactly_one(connection, Project, select(PROJECT).where(PROJECT.c.id == usage.project_id))
    known = periods(connection, project)
    if usage.period_start not in [one.period_start for one in known]:
        return None
    period = billing_period(project, known, usage.period_start.date(), now)
    return _spenders(connection, project, period) if period.is_over else None


def keep_spenders(connection: Connection, spenders: Spenders, now: datetime) -> None:
    """Keep what was added up, in place of what was before."""
    place: dict[str, Any] = {"project_id": spenders.project_id, "period_start": spenders.period_start}
    of_period = (USAGE.c.project_id == spenders.project_id) & (USAGE.c.period_start == spenders.period_start)
    # First, for whoever else adds it up waits for this row.
    connection.execute(update(USAGE).where(of_period).values(summed_at=now, summed_credits=spenders.credits))
    connection.execute(delete(SPENDER).where(_IN_PERIOD), _of_period(**place))
    if spenders.largest:
        connection.execute(SPENDER.insert(), [{**place, **row._mapping} for row in spenders.largest])


def wrong_spenders(connection: Connection, now: datetime) -> list[LedgerDifference]:
    """Name each sum that was kept, that counts and that the days of its period do not come to."""
    differences: list[LedgerDifference] = []
    for project in many(connection, Project, select(PROJECT)):
        known = periods(connection, project)
        for usage in known:
            if usage.summed_credits is not None:
                period = billing_period(project, known, usage.period_start.date(), now)
                differences += _differences(connection, project, usage, period)
    return differences


def _differences(
    connection: Connection, project: Project, usage: Usage, period: BillingPeriod
) -> Iterator[LedgerDifference]:
    added = _spenders(connection, project, period)
    if added.credits != usage.summed_credits:
        # Whoever looks adds up the days themselves.
        return
    rows = connection.execute(KEPT, _of_period(project.id, period.start))
    kept, of_days = ({row.heartbeat_id: int(row.credits) for row in found} for found in (rows, added.largest))
    for number in sorted(kept.keys() | of_days.keys()):
        balance, sum_ = kept.get(number, 0), of_days.get(number, 0)
        if balance != sum_:
            uuid = connection.execute(select(HEARTBEAT.c.uuid).where(HEARTBEAT.c.id == number)).scalar_one()
            yield LedgerDifference(f"{uuid}, period {period.start:%Y-%m-%d}", "credits_kept", balance, sum_)


def _spenders(connection: Connection, project: Project, period: BillingPeriod) -> Spenders:
    days = days_of(project, period)
    # First: whatever is added to a day meanwhile must not be in it.
    came_to = int(connection.execute(ALL_DAYS, days).scalar_one())
    return Spenders(project.id, period.start, came_to, list(connection.execute(MOST, days)))


def days_of(project: Project, period: BillingPeriod) -> dict[str, Any]:
    """Name a project, and the days of a period as they are spelled in the daily numbers."""
    return {"project": project.id, "since": f"{period.start:%Y-%m-%d}", "until": f"{period.end:%Y-%m-%d}"}


def _of_period(project_id: int, period_start: datetime) -> dict[str, Any]:
    return {"project": project_id, "start": period_start}
