"""Billing periods: on which day they begin, and the ones that a project has had."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, select, update

from heartbeat.domain.credits import long_period_end
from heartbeat.domain.errors import NotFound
from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.projects.projects import lock_project
from heartbeat.store.tables.credits import Usage
from heartbeat.store.tables.projects import Project

PROJECT, USAGE = columns(Project), columns(Usage)

MAX_PERIODS = 60


@dataclass(frozen=True)
class BillingPeriod:
    """From `start` (inclusive) to `end` (exclusive), both in UTC."""

    start: datetime
    end: datetime
    is_over: bool = False


def billing_period(project: Project, known: list[Usage], day: date | None, now: datetime) -> BillingPeriod:
    """Find the period that began on `day` among those in `known`, or the one under way if there is no day.

    One that is over ends where the next one in `known` began. Raises `NotFound`.
    """
    start, end = project.period(now)
    if day is None or day == start.date():
        return BillingPeriod(start, end)
    ends = start
    for usage in known:
        if usage.period_start.date() == day:
            return BillingPeriod(usage.period_start, ends, is_over=True)
        ends = usage.period_start
    raise NotFound("period", f"{day}")


def move_anchor_day(connection: Connection, project: Project, day: int, now: datetime) -> Project:
    """Have periods begin on this day of the month (1 to 31); the one under way keeps its start and goes on until then.

    Every sum of credits is of a period by its start, so nothing that was entered has to move.
    """
    row = lock_project(connection, project)
    if row.period_anchor_day == day:
        return row
    start = max([row.period(now)[0], *(usage.period_start for usage in periods(connection, project))])
    values = {
        "period_anchor_day": day,
        "long_period_start": start,
        "long_period_end": long_period_end(start, day, now),
    }
    changed = update(PROJECT).where(PROJECT.c.id == project.id).values(values).returning(PROJECT)
    return exactly_one(connection, Project, changed)


def periods(connection: Connection, project: Project) -> list[Usage]:
    """Read the newest periods in which anything was entered, newest first, each with its sums."""
    newest = select(USAGE).where(USAGE.c.project_id == project.id).order_by(USAGE.c.period_start.desc())
    return many(connection, Usage, newest.limit(MAX_PERIODS))
