"""Credits: the worst case of a step is reserved before it, its real cost settled after it, the rest given back.

Every change is an entry, unique (run, step, kind), and in the same transaction every running sum that must equal the
entries moves with it: the run's, the heartbeat's of this period, the project's of this period.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, cast, func, null, or_, select, true, update

from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import columns, insert_once
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import Entry, Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run
from heartbeat.store.tables.types import BIG

RUN, ENTRY, USAGE, HEARTBEAT = columns(Run), columns(Entry), columns(Usage), columns(Heartbeat)
BOT, PROJECT = columns(Bot), columns(Project)

# Built once: putting such a statement together costs more than running it.
START = bindparam("start", type_=HEARTBEAT.c.period_start.type)
THIS_PERIOD = HEARTBEAT.c.period_start == START
# A worker whose clock is behind at a period's turn must not bring the old one back.
NOT_OVER = or_(HEARTBEAT.c.period_start.is_(None), HEARTBEAT.c.period_start <= START)
RESERVE_ON_HEARTBEAT = Prepared(
    update(HEARTBEAT)
    .where(HEARTBEAT.c.id == bindparam("heartbeat"), NOT_OVER)
    .values(
        period_credits=case((THIS_PERIOD, HEARTBEAT.c.period_credits), else_=0),
        period_held=case((THIS_PERIOD, HEARTBEAT.c.period_held), else_=0) + bindparam("hold"),
        period_granted=case((THIS_PERIOD, HEARTBEAT.c.period_granted), else_=0),
        period_start=START,
    )
)
# What is settled after the period has turned leaves the new period's sums alone.
ADD_TO_HEARTBEAT = Prepared(
    update(HEARTBEAT)
    .where(HEARTBEAT.c.id == bindparam("heartbeat"), THIS_PERIOD)
    .values(
        period_credits=HEARTBEAT.c.period_credits + bindparam("more"),
        period_held=HEARTBEAT.c.period_held + bindparam("hold"),
    )
    .returning(
        HEARTBEAT.c.period_credits,
        (cast(HEARTBEAT.c.credit_budget, BIG) + HEARTBEAT.c.period_granted).label("budget"),
        HEARTBEAT.c.bot_id,
        select(BOT.c.credit_budget).where(BOT.c.id == HEARTBEAT.c.bot_id).scalar_subquery().label("bot_budget"),
    )
)
OF_PROJECT = and_(USAGE.c.project_id == bindparam("project"), USAGE.c.period_start == START)
OWN_BUDGET = select(PROJECT.c.credit_budget).where(PROJECT.c.id == USAGE.c.project_id).scalar_subquery()
ADD_TO_PROJECT = Prepared(
    update(USAGE)
    .where(OF_PROJECT)
    .values(credits=USAGE.c.credits + bindparam("more"), held=USAGE.c.held + bindparam("hold"))
    .returning(
        USAGE.c.credits,
        (cast(USAGE.c.plan_credits, BIG) + USAGE.c.granted).label("allowed"),
        (cast(OWN_BUDGET, BIG) + USAGE.c.budget_granted).label("budget"),
    )
)
USED = USAGE.c.credits + USAGE.c.held + bindparam("hold")
WITHIN_PLAN = bindparam("plan") + USAGE.c.granted >= USED
WITHIN_BUDGET = cast(bindparam("budget"), BIG) + USAGE.c.budget_granted >= USED
# By whether there is a plan's limit, and a budget.
RESERVE_ON_PROJECT = {
    (plan, budget): Prepared(
        update(USAGE)
        .where(OF_PROJECT, WITHIN_PLAN if plan else true(), WITHIN_BUDGET if budget else true())
        .values(held=USAGE.c.held + bindparam("hold"), plan_credits=bindparam("plan") if plan else null())
    )
    for plan in (True, False)
    for budget in (True, False)
}
_OF_STEP = (ENTRY.c.project_id, ENTRY.c.heartbeat_id, ENTRY.c.period_start, ENTRY.c.step)
HELD = Prepared(
    select(*_OF_STEP, func.sum(ENTRY.c.held).label("held"))
    .where(ENTRY.c.run_id == bindparam("run"))
    .group_by(*_OF_STEP)
    .having(func.sum(ENTRY.c.held) != 0)
)


NOTHING: dict[str, object] = dict.fromkeys(("heartbeat_id", "run_id", "step", "key", "note")) | dict.fromkeys(
    ("credits", "held", "granted", "absorbed", "tokens"), 0
)


@dataclass(frozen=True, kw_only=True)
class ProjectPeriod:
    """A project's billing period, by its start."""

    project_id: int
    period_start: datetime


@dataclass(frozen=True)
class ProjectLimits:
    """The most credits that a project may use in a period, by its plan and by its budget; grants come on top."""

    plan: int | None = None
    budget: int | None = None


@dataclass(frozen=True, kw_only=True)
class Account(ProjectPeriod):
    """Whose credits: those of a run and of its heartbeat in a period of its project."""

    heartbeat_id: int
    run_id: int


@dataclass(frozen=True)
class Reservation:
    """What a step is reserved as: `reserve`, and `reserve-2` and so on after attempts that failed but were paid for."""

    step: int
    kind: str = "reserve"


@dataclass(frozen=True)
class Charge:
    """What an attempt at a step used: `cost` in credits for its `tokens`, of the credits `held` for it.

    `kind` is settle for an answer, failed-N for the Nth attempt, which came to nothing.
    """

    step: int
    kind: str
    tokens: int
    cost: int
    held: int


@dataclass(frozen=True)
class Settlement:
    """What a step was charged, and the sums that moved with it, each beside the budgets that they are held to.

    `heartbeat` has `period_credits`, `budget`, `bot_id` and `bot_budget`, and is `None` once its period is over;
    `project` has `credits`, `budget` and what its plan has `allowed`. Both are `None` for what was settled before.
    """

    charged: int
    heartbeat: Row[Any] | None = None
    project: Row[Any] | None = None


def account_of(run: Run, period_start: datetime) -> Account:
    """Return the account that a run is charged to."""
    return Account(project_id=run.project_id, period_start=period_start, heartbeat_id=run.heartbeat_id, run_id=run.id)


def reserve_on_project(
    connection: Connection, period: ProjectPeriod, amount: int, limits: ProjectLimits, now: datetime
) -> bool:
    """Reserve `amount` for a step of a project, unless its limits do not allow for it: then False.

    `enter_reservation`, which needs the run, or `release_on_project` must follow. Until the transaction ends nobody
    else reserves or charges anything in the project's period: what its heartbeats add up to stays as it is.
    """
    statement = RESERVE_ON_PROJECT[limits.plan is not None, limits.budget is not None]
    bounds = {name: limit for name, limit in vars(limits).items() if limit is not None}
    values = {"project": period.project_id, "start": period.period_start, "hold": amount, **bounds}
    if statement.run(connection, values).rowcount:
        return True
    begin_period(connection, period.project_id, period.period_start, now)
    # Whoever else began it at the same moment has committed by now, so a second no is a limit's.
    return statement.run(connection, values).rowcount > 0


def enter_reservation(
    connection: Connection, account: Account, reservation: Reservation, amount: int, now: datetime
) -> None:
    """Write down for which step the project holds `amount`, and hold it on the heartbeat, too."""
    if _enter(connection, account, reservation.step, reservation.kind, now, held=amount):
        of_period = {"heartbeat": account.heartbeat_id, "start": account.period_start, "hold": amount}
        RESERVE_ON_HEARTBEAT.run(connection, of_period)
    else:
        # Held before: the project must not hold it twice.
        release_on_project(connection, account, amount)


def release_on_project(connection: Connection, period: ProjectPeriod, amount: int) -> None:
    """Undo `reserve_on_project`."""
    undo = {"project": period.project_id, "start": period.period_start, "more": 0, "hold": -amount}
    ADD_TO_PROJECT.run(connection, undo)


def settle(connection: Connection, account: Account, charge: Charge, now: datetime) -> Settlement:
    """Charge a step its cost, but never more than was held for it.

    What it cost beyond that is written down as absorbed: the operator's loss, not the owner's.
    """
    charged = min(charge.cost, charge.held)
    amounts = {"credits": charged, "held": -charge.held, "absorbed": charge.cost - charged, "tokens": charge.tokens}
    if _enter(connection, account, charge.step, charge.kind, now, **amounts):
        return Settlement(charged, *_move(connection, account, charged, -charge.held))
    return Settlement(charged)


def release(connection: Connection, run_id: int, now: datetime) -> None:
    """Give back whatever is still held for a run that will not use it."""
    for entry in HELD.run(connection, {"run": run_id}):
        account = Account(
            project_id=entry.project_id,
            period_start=entry.period_start,
            heartbeat_id=entry.heartbeat_id,
            run_id=run_id,
        )
        if _enter(connection, account, entry.step, "release", now, held=-entry.held):
            _move(connection, account, 0, -entry.held)
    connection.execute(update(RUN).where(RUN.c.id == run_id).values(credits_held=0))


def period_credits(connection: Connection, project_id: int, start: datetime) -> int:
    """What a project used in the period that began at `start`."""
    statement = select(func.coalesce(USAGE.c.credits, 0)).where(
        USAGE.c.project_id == project_id, USAGE.c.period_start == start
    )
    return connection.execute(statement).scalar() or 0


def begin_period(connection: Connection, project_id: int, start: datetime, now: datetime) -> None:
    """The first line of a project's period, if it has none yet."""
    first = {"project_id": project_id, "kind": "period", "key": f"period:{start:%Y-%m-%d}"}
    dialect = connection.dialect.name
    insert_once(dialect, ENTRY).run(connection, {**NOTHING, **first, "period_start": start, "created_at": now})
    sums = dict.fromkeys(("credits", "held", "granted", "budget_granted"), 0)
    usage = {"project_id": project_id, "period_start": start, **sums}
    insert_once(dialect, USAGE).run(connection, usage)


def _enter(connection: Connection, account: Account, step: int, kind: str, now: datetime, **amounts: int) -> bool:
    """Write an entry; false when it was written before."""
    entry = {**NOTHING, **vars(account), "step": step, "kind": kind, "created_at": now, **amounts}
    return insert_once(connection.dialect.name, ENTRY).run(connection, entry).first() is not None


def _move(connection: Connection, account: Account, more: int, hold: int) -> tuple[Row[Any] | None, Row[Any] | None]:
    moved = {"start": account.period_start, "more": more, "hold": hold}
    heartbeat = ADD_TO_HEARTBEAT.run(connection, {"heartbeat": account.heartbeat_id, **moved}).first()
    return heartbeat, ADD_TO_PROJECT.run(connection, {"project": account.project_id, **moved}).first()
