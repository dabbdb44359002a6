"""Budgets: what a heartbeat, its bot and its project may use in a billing period, beside what the plan allows for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, bindparam, func, select

from heartbeat.store.credits.ledger import (
    THIS_PERIOD,
    ProjectLimits,
    ProjectPeriod,
    hold_on_project,
    release_on_project,
)
from heartbeat.store.rows import columns, exactly_one
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project

HEARTBEAT, USAGE = columns(Heartbeat), columns(Usage)

BudgetOwner = Literal["heartbeat", "bot", "project", "plan"]

# Built once: putting such a statement together costs more than running it. Deleted heartbeats as well: what they used
# is used.
OF_BOT = select(
    func.coalesce(func.sum(HEARTBEAT.c.period_credits), 0).label("credits"),
    func.coalesce(func.sum(HEARTBEAT.c.period_held), 0).label("held"),
).where(HEARTBEAT.c.bot_id == bindparam("bot"), THIS_PERIOD)
OF_PROJECT = select(USAGE).where(USAGE.c.project_id == bindparam("project"), USAGE.c.period_start == bindparam("start"))

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

    `start` (inclusive) and `end` (exclusive) are those of the project's billing period.
    """

    heartbeat: Heartbeat
    bot: Bot
    project: Project
    plan_credits: int | None
    start: datetime
    end: datetime

    @property
    def period(self) -> ProjectPeriod:
        return ProjectPeriod(project_id=self.project.id, period_start=self.start)


@dataclass(frozen=True)
class Shortage:
    """A step that cannot be paid for: whose credits do not do, why in words for the owner, and when there are more."""

    owner: BudgetOwner
    sentence: str
    until: datetime


def reserve(connection: Connection, budgets: Budgets, amount: int, now: datetime) -> Shortage | None:
    """Hold `amount` on the project for a step, unless a budget or the plan does not allow for it: then say which.

    `enter_hold`, which needs the run, or `release_on_project` must follow.
    """
    if shortage := _short_of_heartbeat(budgets, amount):
        return shortage
    limits = ProjectLimits(budgets.plan_credits, budgets.project.credit_budget)
    if not hold_on_project(connection, budgets.period, amount, limits, now):
        return _short_of_project(connection, budgets, amount)
    budget = budgets.bot.credit_budget
    if budget is None:
        return None
    # Whoever else reserves for the bot waits for the project's sums, which the hold has locked.
    sums = connection.execute(OF_BOT, {"bot": budgets.bot.id, "start": budgets.start}).one()
    left = budget - sums.credits - sums.held
    if amount <= left:
        return None
    release_on_project(connection, budgets.period, amount)
    return Shortage("bot", _short("bot", amount, left, budget, budgets.end), budgets.end)


def _short_of_heartbeat(budgets: Budgets, amount: int) -> Shortage | None:
    heartbeat, budget = budgets.heartbeat, budgets.heartbeat.credit_budget
    if budget is None:
        return None
    same = heartbeat.period_start == budgets.start
    left = budget - (heartbeat.period_credits + heartbeat.period_held if same else 0)
    if amount <= left:
        return None
    return Shortage("heartbeat", _short("heartbeat", amount, left, budget, budgets.end), budgets.end)


def _short_of_project(connection: Connection, budgets: Budgets, amount: int) -> Shortage:
    """Which limit of the project it was. One that has given way since is still the answer."""
    usage = exactly_one(connection, Usage, OF_PROJECT, {"project": budgets.project.id, "start": budgets.start})
    budget, limit = budgets.project.credit_budget, budgets.plan_credits
    if budget is not None:
        left = budget - usage.credits - usage.held
        if amount > left or limit is None:
            return Shortage("project", _short("project", amount, left, budget, budgets.end), budgets.end)
    said = f"The {limit} credits of the plan do not allow for a step of up to {amount} any more."
    return Shortage("plan", said, budgets.end)


def _short(owner: BudgetOwner, amount: int, left: int, budget: int, end: datetime) -> str:
    """Say why a step of up to `amount` is too dear for the `left` credits of a budget."""
    if left <= 0:
        return SPENT[owner].format(budget=budget, end=f"{end:%Y-%m-%d}")
    return SHORT[owner].format(amount=amount, left=left, budget=budget, end=f"{end:%Y-%m-%d}")
