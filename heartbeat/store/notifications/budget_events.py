"""The events of budgets: one that is half used, almost used up, or used up is told once in a period."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from heartbeat.domain.budgets import USED_UP, BudgetUse, spent_on
from heartbeat.store.credits.budgets import Shortage
from heartbeat.store.database.rows import columns, exactly_one, insert_once, many
from heartbeat.store.notifications.events import (
    BUDGET_THRESHOLD,
    TARGET,
    interested_targets,
    record_event_for,
    wants,
)
from heartbeat.store.tables.credits import BudgetWarning
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Target
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run

WARNING, HEARTBEAT, PROJECT = columns(BudgetWarning), columns(Heartbeat), columns(Project)


def record_thresholds(connection: Connection, run: Run, start: datetime, uses: list[BudgetUse], now: datetime) -> None:
    """Record the budgets of which a charge in the period that began at `start` reached a level that is told."""
    reached = [(use, use.level) for use in uses if use.level is not None]
    if not reached:
        return
    project = _project(connection, run)
    if project.period(now)[0] == start:
        for use, level in reached:
            _record(connection, run, project, use, level, now)


def record_shortage(connection: Connection, run: Run, shortage: Shortage, now: datetime) -> None:
    """Record that a budget does not do for any further run: it is as good as used up.

    Of a heartbeat's own its pause tells. Where others may give back what it takes, it is not.
    """
    if not shortage.is_final:
        return
    owner_id = {"bot": run.bot_id, "project": run.project_id, "plan": run.project_id}.get(shortage.owner)
    if owner_id is not None:
        used = shortage.limit - shortage.left - shortage.held
        use = BudgetUse(shortage.owner, owner_id, shortage.limit, used, used)
        _record(connection, run, _project(connection, run), use, USED_UP, now)


def _project(connection: Connection, run: Run) -> Project:
    return exactly_one(connection, Project, select(PROJECT).where(PROJECT.c.id == run.project_id))


def _record(connection: Connection, run: Run, project: Project, use: BudgetUse, level: int, now: datetime) -> None:
    start, end = project.period(now)
    key = {"owner": use.owner, "owner_id": use.owner_id, "period_start": start, "budget": use.budget, "level": level}
    if insert_once(connection.dialect.name, WARNING).run(connection, {**key, "created_at": now}).first() is None:
        return
    heartbeat = exactly_one(connection, Heartbeat, select(HEARTBEAT).where(HEARTBEAT.c.id == run.heartbeat_id))
    spent = spent_on(use, start, end, now) if level < USED_UP else now
    data: dict[str, Any] = {
        "owner": use.owner,
        "name": project.name if use.owner in ("project", "plan") else None,
        "level": level,
        "used": use.used,
        "budget": use.budget,
        "spent_on": spent.isoformat() if spent else None,
        "period_ends_at": end.isoformat(),
        "run": run.uuid,
    }
    event = {"kind": BUDGET_THRESHOLD, "data": data, "run_id": run.id}
    record_event_for(connection, heartbeat, _targets(connection, heartbeat, use), event, now)


def _targets(connection: Connection, heartbeat: Heartbeat, use: BudgetUse) -> list[Target]:
    """Whom it concerns: the owner's targets of all heartbeats that will not run when the budget is used up."""
    if use.owner == "heartbeat":
        return interested_targets(connection, heartbeat, BUDGET_THRESHOLD)
    of_owner = TARGET.c.project_id == heartbeat.project_id, TARGET.c.member_id.is_(None)
    statement = select(TARGET).where(*of_owner, TARGET.c.is_enabled, TARGET.c.deleted_at.is_(None))
    if use.owner == "bot":
        of_bot = select(HEARTBEAT.c.id).where(HEARTBEAT.c.bot_id == use.owner_id)
        whole = TARGET.c.heartbeat_id.is_(None) & (TARGET.c.bot_id.is_(None) | (TARGET.c.bot_id == use.owner_id))
        statement = statement.where(whole | TARGET.c.heartbeat_id.in_(of_bot))
    rows = many(connection, Target, statement.order_by(TARGET.c.id))
    return [target for target in rows if wants(target, BUDGET_THRESHOLD)]
