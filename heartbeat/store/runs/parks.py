"""Parks: a run whose next step no credits are left for waits for a person, or for a new period, holding nothing.

A park is an approval with the reason `budget`. What gives a run credits locks the run and its heartbeat first, as a
step that begins does; a bot that is given some before them, as whoever changes a bot's heartbeats does.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, select, update

from heartbeat.domain.budgets import BudgetOwner
from heartbeat.domain.errors import Invalid
from heartbeat.domain.field_types import MAX_NUMBER
from heartbeat.domain.ids import new_id
from heartbeat.domain.plans import Plan
from heartbeat.store.credits.budgets import (
    Budgets,
    Shortage,
    give_bot,
    give_heartbeat,
    give_project,
    given_in_period,
    given_to_project,
    shortage_of,
)
from heartbeat.store.credits.ledger import ProjectPeriod
from heartbeat.store.database.rows import all_joined, columns, exactly_one, first, joined
from heartbeat.store.notifications.events import APPROVAL, record_event
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.run_indexes import of_running
from heartbeat.store.tables.runs import Approval, Run

RUN, APPROVALS = columns(Run), columns(Approval)
HEARTBEAT, BOT, PROJECT = columns(Heartbeat), columns(Bot), columns(Project)

BUDGET = "budget"
# What a person can give more of.
GIVABLE = ("run", "heartbeat", "bot", "project")
BY_LIMIT = "a limit that was raised, or a new period"
NOT_GIVEN = "These credits are not given here: end the run, or raise the limit that it names."

# Built once: putting such a statement together costs more than running it.
WITH_PAYERS = (
    select(RUN, HEARTBEAT, BOT, PROJECT)
    .join(HEARTBEAT, HEARTBEAT.c.id == RUN.c.heartbeat_id)
    .join(BOT, BOT.c.id == HEARTBEAT.c.bot_id)
    .join(PROJECT, PROJECT.c.id == RUN.c.project_id)
)
LOCK_BY_ID = WITH_PAYERS.where(RUN.c.id == bindparam("run")).with_for_update(of=[RUN, HEARTBEAT], key_share=True)
LOCK_BOT = (
    select(BOT.c.id)
    .join(RUN, RUN.c.bot_id == BOT.c.id)
    .where(RUN.c.id == bindparam("run"))
    .with_for_update(of=BOT, key_share=True)
)
OF_STEP = (
    select(APPROVALS)
    .where(APPROVALS.c.run_id == bindparam("run"), APPROVALS.c.step == bindparam("step"))
    .where(APPROVALS.c.reason == BUDGET)
    .order_by(APPROVALS.c.round.desc())
    .limit(1)
    .with_for_update()
)
IS_PARK = (APPROVALS.c.run_id == RUN.c.id) & (APPROVALS.c.reason == BUDGET)
IS_UNDECIDED = (APPROVALS.c.reason == BUDGET) & (APPROVALS.c.state == "pending")


@dataclass(frozen=True)
class PayingRun:
    """A run with the rows whose limits its credits are under."""

    run: Run
    heartbeat: Heartbeat
    bot: Bot
    project: Project

    @property
    def may_wait(self) -> bool:
        """Whether it may wait for credits: no rehearsal, and none of a heartbeat that somebody deleted."""
        is_deleted = self.heartbeat.deleted_at is not None and self.heartbeat.ended_as is None
        return not (self.run.dry_run or is_deleted)

    def budgets(self, plans: Callable[[str], Plan], now: datetime) -> Budgets:
        """What its next step may use, by the plans of the settings; what a person gave the run raises its cap."""
        plan = plans(self.project.plan)
        cap = plan.cap(self.heartbeat.max_credits_per_run)
        cap = None if cap is None else cap + self.run.credits_granted
        period = self.project.period(now)
        rows = self.heartbeat, self.bot, self.project
        return Budgets(*rows, plan.credits_per_month, *period, cap, self.run.credits_charged)


@dataclass(frozen=True)
class Need:
    """What a parked step is short of: whose credits, how many it needs in all, and how many of these are missing.

    `until` is when a new period gives them, ISO-8601 UTC.
    """

    of: BudgetOwner
    needed: int
    missing: int
    until: str | None

    @classmethod
    def of_shortage(cls, shortage: Shortage) -> "Need":
        until = shortage.until.isoformat() if shortage.until else None
        return cls(shortage.owner, shortage.amount, shortage.missing, until)

    @classmethod
    def of_park(cls, approval: Approval | Row[Any]) -> "Need":
        return cls(**json.loads(approval.arguments))


def park(connection: Connection, paying: PayingRun, step: int, shortage: Shortage, now: datetime) -> Approval:
    """The approval that a step waits for, or the one that ended it: denied, or expired.

    Who asks again gets the same one; a new one once what was asked for is given and something is short all the same.
    """
    run = paying.run
    last = first(connection, Approval, OF_STEP, {"run": run.id, "step": step})
    if last is not None and last.state == "pending" and Need.of_park(last).of != shortage.owner:
        resolve(connection, run, now)
    elif last is not None and last.state != "approved":
        return expired(connection, last) if last.state == "pending" and last.expires_at <= now else last
    connection.execute(update(RUN).where(RUN.c.id == run.id).values(parked=True))
    round_ = last.round + 1 if last else 1
    row = {**_row(run, paying.heartbeat, shortage, now), "step": step, "round": round_}
    approval = exactly_one(connection, Approval, APPROVALS.insert().values(row).returning(APPROVALS))
    record_event(connection, paying.heartbeat, APPROVAL, _data(approval, shortage), now, run.id)
    return approval


def resolve(connection: Connection, run: Run, now: datetime) -> None:
    """End the park of a run that goes on; what nobody decided was decided by a limit or a period."""
    decided = {"state": "approved", "decided_by": BY_LIMIT, "decided_at": now, "credits": None}
    connection.execute(update(APPROVALS).where(APPROVALS.c.run_id == run.id, IS_UNDECIDED).values(decided))
    connection.execute(update(RUN).where(RUN.c.id == run.id).values(parked=False))


def expired(connection: Connection, row: Approval) -> Approval:
    """Write that nobody answered in time."""
    written = update(APPROVALS).where(APPROVALS.c.id == row.id).values(state="expired").returning(APPROVALS)
    return exactly_one(connection, Approval, written)


def lock(connection: Connection, approval: Approval) -> PayingRun:
    """Lock a parked run and its heartbeat, as whoever gives it credits has to, and its bot if that is given them."""
    of_run = {"run": approval.run_id}
    if Need.of_park(approval).of == "bot":
        connection.execute(LOCK_BOT, of_run)
    rows = joined(connection, (Run, Heartbeat, Bot, Project), LOCK_BY_ID, of_run)
    assert rows is not None, f"run {approval.run_id} of an approval"
    return PayingRun(*rows)


def give(
    connection: Connection, paying: PayingRun, approval: Approval, credits_given: int | None, now: datetime
) -> int:
    """Give what a park is short of so many credits, or as many as it asks for; returns how many. Raises `Invalid`.

    A run is given them beyond its cap, all others beyond their budget of this period.
    """
    need = Need.of_park(approval)
    if need.of not in GIVABLE:
        raise Invalid("decision", NOT_GIVEN)
    amount = approval.credits or need.missing if credits_given is None else credits_given
    if amount < need.missing:
        raise Invalid("credits", f"must be at least {need.missing}: the next step may cost so much")
    granted = _given_before(connection, paying, need.of, now) + amount
    if granted > MAX_NUMBER:
        raise Invalid("credits", "is more than can be given, with what was given before")
    # A period that began meanwhile has its own budget, whole.
    if need.until is None or now < datetime.fromisoformat(need.until):
        _write_given(connection, paying, need.of, granted, now)
    return amount


def _given_before(connection: Connection, paying: PayingRun, owner: BudgetOwner, now: datetime) -> int:
    """What was given before to whom the credits are short, whose row is locked."""
    start = paying.project.period(now)[0]
    if owner == "project":
        return given_to_project(connection, _period(paying, start), now)
    if owner == "run":
        return paying.run.credits_granted
    return given_in_period(paying.bot if owner == "bot" else paying.heartbeat, start)


def _write_given(connection: Connection, paying: PayingRun, owner: BudgetOwner, granted: int, now: datetime) -> None:
    start = paying.project.period(now)[0]
    if owner == "project":
        give_project(connection, _period(paying, start), granted)
    elif owner == "bot":
        give_bot(connection, paying.bot, start, granted)
    elif owner == "run":
        connection.execute(update(RUN).where(RUN.c.id == paying.run.id).values(credits_granted=granted))
    else:
        give_heartbeat(connection, paying.heartbeat, start, granted)


def _period(paying: PayingRun, start: datetime) -> ProjectPeriod:
    return ProjectPeriod(project_id=paying.project.id, period_start=start)


def unheard_parks(connection: Connection, limit: int) -> list[tuple[str, int]]:
    """Workflow ids and steps of parked runs about which a person has decided: their wake-up call was lost."""
    is_decided = RUN.c.parked & IS_PARK & APPROVALS.c.state.in_(("approved", "denied"))
    newer = APPROVALS.alias()
    is_last = ~exists().where(newer.c.run_id == RUN.c.id, newer.c.reason == BUDGET, newer.c.id > APPROVALS.c.id)
    statement = of_running(select(RUN.c.workflow_id, APPROVALS.c.step)).where(is_decided, is_last)
    return [(row.workflow_id, row.step) for row in connection.execute(statement.limit(limit))]


def payable_parks(
    connection: Connection, plans: Callable[[str], Plan], now: datetime, heartbeat_id: int | None = None
) -> list[tuple[str, int]]:
    """Workflow ids and steps of parked runs that credits are left for again, of one heartbeat or of all."""
    waiting = WITH_PAYERS.add_columns(APPROVALS).join(APPROVALS, IS_PARK & IS_UNDECIDED)
    parked = of_running(waiting).where(RUN.c.parked)
    if heartbeat_id is not None:
        parked = parked.where(HEARTBEAT.c.id == heartbeat_id)
    rows = all_joined(connection, (Run, Heartbeat, Bot, Project, Approval), parked.order_by(RUN.c.id), {})
    return [
        (PayingRun(*payers).run.workflow_id or "", approval.step)
        for *payers, approval in rows
        if not shortage_of(connection, PayingRun(*payers).budgets(plans, now), Need.of_park(approval).needed)
    ]


def _row(run: Run, heartbeat: Heartbeat, shortage: Shortage, now: datetime) -> dict[str, object]:
    need = Need.of_shortage(shortage)
    return {
        "uuid": new_id("apr"),
        "bot_id": run.bot_id,
        "heartbeat_id": run.heartbeat_id,
        "run_id": run.id,
        "tool": "",
        "arguments": json.dumps(asdict(need)),
        "credits": _suggestion(shortage),
        "reason": BUDGET,
        "why": shortage.sentence,
        "state": "pending",
        "expires_at": now + timedelta(hours=heartbeat.approval_timeout_hours),
        "created_at": now,
    }


def _suggestion(shortage: Shortage) -> int | None:
    """How many more credits to offer: half the cap once more, a tenth of a budget, and never too few."""
    if shortage.owner not in GIVABLE:
        return None
    return max(shortage.missing, shortage.limit // (2 if shortage.owner == "run" else 10))


def _data(approval: Approval, shortage: Shortage) -> dict[str, object]:
    return {
        "approval": approval.uuid,
        "reason": BUDGET,
        "of": shortage.owner,
        "why": approval.why,
        "credits": approval.credits,
        "expires_at": approval.expires_at.isoformat(),
        "renews_at": Need.of_park(approval).until,
    }
