"""Credits held for a step as a run holds them, without its steps."""

from datetime import datetime

from sqlalchemy import Connection

from heartbeat.store.credits.ledger import Account, ProjectLimits, Reservation, enter_reservation, reserve_on_project


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
