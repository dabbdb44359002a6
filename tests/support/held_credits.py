"""Credits held for a step as a run holds them, without its steps."""

from datetime import datetime

from sqlalchemy import Connection

from heartbeat.store.credits.ledger import (
    Account,
    Charge,
    ProjectLimits,
    Reservation,
    enter_reservation,
    reserve_on_project,
    settle,
)
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from tests.support.dashboard import a_run

LIMIT = 100


def hold(
    connection: Connection,
    account: Account,
    reservation: Reservation,
    amount: int,
    now: datetime,
    plan_credits: int | None = None,
) -> bool:
    """Reserve `amount` for a step; false when the plan does not allow for it."""
    if not reserve_on_project(connection, account, amount, ProjectLimits(plan_credits), now):
        return False
    enter_reservation(connection, account, reservation, amount, now)
    return True


def spend(connection: Connection, project: Project, heartbeat: Heartbeat, now: datetime, amount: int) -> bool:
    """Reserve and charge so much in a run of its own; false when the plan does not allow it."""
    run = a_run(connection, heartbeat)
    account = Account(
        project_id=project.id, period_start=project.period(now)[0], heartbeat_id=heartbeat.id, run_id=run.id
    )
    if not hold(connection, account, Reservation(1), amount, now, LIMIT):
        return False
    charged = settle(connection, account, Charge(1, "settle", 1000, amount, amount), now).charged
    table = columns(type(run))
    connection.execute(table.update().where(table.c.id == run.id).values(credits_charged=charged))
    return True
