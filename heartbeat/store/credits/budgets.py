"""Budgets: what a heartbeat, its bot and its project may use in a billing period, beside what the plan allows for."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, case, func, select, update

from heartbeat.domain.budgets import BudgetOwner, BudgetUse
from heartbeat.store.credits.ledger import (
    RESERVE_ON_HEARTBEAT,
    START,
    THIS_PERIOD,
    Account,
    ProjectLimits,
    ProjectPeriod,
    Settlement,
    begin_period,
    release_on_project,
    reserve_on_project,
)
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import columns, exactly_one, first
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project

HEARTBEAT, BOT, USAGE = columns(Heartbeat), columns(Bot), columns(Usage)

# Built once: putting such a statement together costs more than running it. Deleted heartbeats as well: what they used
# is used. What a person gave the bot is read along with it, for it may be newer than a row that was read before.
GIVEN_TO_BOT = select(case((BOT.c.period_start == START, BOT.c.period_granted), else_=0))
OF_BOT = Prepared(
    select(
        func.coalesce(func.sum(HEARTBEAT.c.period_credits), 0).label("credits"),
        func.coalesce(func.sum(HEARTBEAT.c.period_held), 0).label("held"),
        GIVEN_TO_BOT.where(BOT.c.id == bindparam("bot")).scalar_subquery().label("granted"),
    ).where(HEARTBEAT.c.bot_id == bindparam("bot"), THIS_PERIOD)
)
OF_PROJECT = select(USAGE).where(USAGE.c.project_id == bindparam("project"), USAGE.c.period_start == bindparam("start"))

FIRST_STEP = (
    "A step may cost up to {amount} credits, and a run may use {limit} at most; raise max_credits_per_run, or lower "
    "the bot's max_reply_tokens."
)
LATER_STEP = (
    "A step may cost up to {amount} credits, and {left} of the {limit} that this run may use are left; raise "
    "max_credits_per_run, or lower the bot's max_reply_tokens."
)
SPENT = {
    "heartbeat": "The budget of {budget} credits is spent; runs resume on {end} (UTC).",
    "bot": "The bot's budget of {budget} credits is spent; runs resume on {end} (UTC).",
    "project": "The project's budget of {budget} credits is spent; runs resume on {end} (UTC).",
}
SHORT = {
    "heartbeat": "A step may cost up to {amount} credits, and {left} of the budget of {budget} are left; raise "
    "credit_budget, lower the bot's max_reply_tokens, or wait until {end} (UTC).",
    "bot": "A step may cost up to {amount} credits, and {left} of the bot's budget of {budget} are left; raise its "
    "credit_budget, lower its max_reply_tokens, or wait until {end} (UTC).",
    "project": "A step may cost up to {amount} credits, and {left} of the project's budget of {budget} are left; raise "
    "the project's credit_budget, lower the bot's max_reply_tokens, or wait until {end} (UTC).",
}


@dataclass(frozen=True)
class Budgets:
    """Whose credits a step uses: the rows, the heartbeat's locked, and the plan's credits for a period.

    `start` (inclusive) and `end` (exclusive) are those of the project's billing period. `cap` is the most that the run
    may use, which has been `charged` so much.
    """

    heartbeat: Heartbeat
    bot: Bot
    project: Project
    plan_credits: int | None
    start: datetime
    end: datetime
    cap: int | None = None
    charged: int = 0

    @property
    def period(self) -> ProjectPeriod:
        return ProjectPeriod(project_id=self.project.id, period_start=self.start)


@dataclass(frozen=True)
class PeriodUse:
    """What was charged in a billing period, and what is held for steps in progress."""

    credits: int = 0
    held: int = 0


@dataclass(frozen=True)
class Shortage:
    """A step of up to `amount` that cannot be paid for: whose credits do not do, and why in words for the owner.

    Of the `limit` so many are `left`, beside those that are `held` for other steps. `until` is when there are more; a
    run's own cap has none.
    """

    owner: BudgetOwner
    sentence: str
    amount: int
    left: int
    limit: int
    until: datetime | None
    held: int = 0

    @property
    def missing(self) -> int:
        """How many more credits the step takes."""
        return self.amount - self.left

    @property
    def is_final(self) -> bool:
        """Whether the step is too dear even if all that is held for others is given back."""
        return self.amount > self.left + self.held


def reserve(connection: Connection, budgets: Budgets, amount: int, now: datetime) -> Shortage | None:
    """Hold `amount` on the project for a step, unless a budget or the plan does not allow for it: then say which.

    `enter_reservation`, which needs the run, or `release_on_project` must follow.
    """
    if shortage := _short_of_cap(budgets, amount) or _short_of_heartbeat(budgets, amount):
        return shortage
    limits = ProjectLimits(budgets.plan_credits, budgets.project.credit_budget)
    if not reserve_on_project(connection, budgets.period, amount, limits, now):
        # What has given way since is tried again.
        return _short_of_project(connection, budgets, amount) or reserve(connection, budgets, amount, now)
    # Whoever else reserves for the bot waits for the project's sums, which the reservation has locked.
    if shortage := _short_of_bot(connection, budgets, amount):
        release_on_project(connection, budgets.period, amount)
        return shortage
    return None


def shortage_of(connection: Connection, budgets: Budgets, amount: int) -> Shortage | None:
    """Say which limit does not allow for `amount`, as `reserve` would, and hold nothing."""
    own = _short_of_cap(budgets, amount) or _short_of_heartbeat(budgets, amount)
    return own or _short_of_project(connection, budgets, amount) or _short_of_bot(connection, budgets, amount)


def used_by_bot(connection: Connection, bot_id: int, start: datetime) -> int:
    """The credits that a bot's heartbeats used in the billing period that began at `start`."""
    return int(OF_BOT.run(connection, {"bot": bot_id, "start": start}).one().credits)


def period_budget(owner: Heartbeat | Bot, start: datetime) -> int | None:
    """The budget of a heartbeat or a bot in the period that began at `start`, with what a person gave on top of it."""
    if owner.credit_budget is None:
        return None
    return owner.credit_budget + given_in_period(owner, start)


def given_in_period(owner: Heartbeat | Bot, start: datetime) -> int:
    """What a person gave a heartbeat or a bot on top of its budget of the period that began at `start`."""
    return owner.period_granted if owner.period_start == start else 0


def given_to_project(connection: Connection, period: ProjectPeriod, now: datetime) -> int:
    """Lock what a person gave a project on top of its budget of this period, and return it."""
    begin_period(connection, period.project_id, period.period_start, now)
    of_period = {"project": period.project_id, "start": period.period_start}
    return exactly_one(connection, Usage, OF_PROJECT.with_for_update(), of_period).budget_granted


def give_project(connection: Connection, period: ProjectPeriod, granted: int) -> None:
    """Let a project use `granted` in all on top of its budget of this period."""
    of_period = (USAGE.c.project_id == period.project_id) & (USAGE.c.period_start == period.period_start)
    connection.execute(update(USAGE).where(of_period).values(budget_granted=granted))


def give_bot(connection: Connection, bot: Bot, start: datetime, granted: int) -> None:
    """Let a bot, whose row is locked, use `granted` in all on top of its budget of the period that began at `start`."""
    changes = {"period_start": start, "period_granted": granted}
    connection.execute(update(BOT).where(BOT.c.id == bot.id).values(changes))


def give_heartbeat(connection: Connection, heartbeat: Heartbeat, start: datetime, granted: int) -> None:
    """Let a heartbeat, whose row is locked, use `granted` in all on top of its budget of the period from `start` on."""
    # A run of the period before may be the first that needs credits of this one.
    RESERVE_ON_HEARTBEAT.run(connection, {"heartbeat": heartbeat.id, "start": start, "hold": 0})
    same = (HEARTBEAT.c.id == heartbeat.id) & (HEARTBEAT.c.period_start == start)
    connection.execute(update(HEARTBEAT).where(same).values(period_granted=granted))


def uses(connection: Connection, account: Account, settlement: Settlement) -> list[BudgetUse]:
    """List the budgets that there are for what was settled, with what was used of each before and is used now."""
    charged, heartbeat, project = settlement.charged, settlement.heartbeat, settlement.project
    used: list[tuple[BudgetOwner, int, int | None, int]] = []
    if heartbeat is not None:
        used.append(("heartbeat", account.heartbeat_id, heartbeat.budget, heartbeat.period_credits))
        if heartbeat.bot_budget is not None:
            # Whoever else charges the bot waits for the project's sums, which the settlement has locked.
            sums = OF_BOT.run(connection, {"bot": heartbeat.bot_id, "start": account.period_start}).one()
            used.append(("bot", heartbeat.bot_id, heartbeat.bot_budget + sums.granted, int(sums.credits)))
    if project is not None:
        used.append(("project", account.project_id, project.budget, project.credits))
        used.append(("plan", account.project_id, project.allowed, project.credits))
    return [BudgetUse(owner, id_, budget, now - charged, now) for owner, id_, budget, now in used if budget is not None]


def _short_of_cap(budgets: Budgets, amount: int) -> Shortage | None:
    if budgets.cap is None or budgets.charged + amount <= budgets.cap:
        return None
    left = budgets.cap - budgets.charged
    said = (LATER_STEP if budgets.charged else FIRST_STEP).format(amount=amount, left=left, limit=budgets.cap)
    return Shortage("run", said, amount, left, budgets.cap, None)


def _short_of_bot(connection: Connection, budgets: Budgets, amount: int) -> Shortage | None:
    budget = budgets.bot.credit_budget
    if budget is None:
        return None
    sums = OF_BOT.run(connection, {"bot": budgets.bot.id, "start": budgets.start}).one()
    used = PeriodUse(int(sums.credits), int(sums.held))
    return _short("bot", amount, used, budget + sums.granted, budgets.end)


def _short_of_heartbeat(budgets: Budgets, amount: int) -> Shortage | None:
    heartbeat, budget = budgets.heartbeat, period_budget(budgets.heartbeat, budgets.start)
    if budget is None:
        return None
    is_current = heartbeat.period_start == budgets.start
    used = PeriodUse(heartbeat.period_credits, heartbeat.period_held) if is_current else PeriodUse()
    return _short("heartbeat", amount, used, budget, budgets.end)


def _short_of_project(connection: Connection, budgets: Budgets, amount: int) -> Shortage | None:
    """Which limit of the project it is."""
    usage = first(connection, Usage, OF_PROJECT, {"project": budgets.project.id, "start": budgets.start})
    used = PeriodUse(usage.credits, usage.held) if usage else PeriodUse()
    budget, limit = budgets.project.credit_budget, budgets.plan_credits
    if budget is not None:
        budget += usage.budget_granted if usage else 0
        if shortage := _short("project", amount, used, budget, budgets.end):
            return shortage
    if limit is None:
        return None
    allowed = limit + (usage.granted if usage else 0)
    left = allowed - used.credits - used.held
    if amount <= left:
        return None
    said = f"The {limit} credits of the plan do not allow for a step of up to {amount} any more."
    return Shortage("plan", said, amount, left, allowed, budgets.end, used.held)


def _short(owner: BudgetOwner, amount: int, used: PeriodUse, budget: int, end: datetime) -> Shortage | None:
    """Say why a step of up to `amount` is too dear for what is left of a budget, if it is."""
    left = budget - used.credits - used.held
    if amount <= left:
        return None
    # What is held for others may be given back: that is no budget that is spent.
    said = (SPENT if used.credits >= budget else SHORT)[owner]
    words = said.format(amount=amount, left=max(left, 0), budget=budget, end=f"{end:%Y-%m-%d}")
    return Shortage(owner, words, amount, left, budget, end, used.held)
