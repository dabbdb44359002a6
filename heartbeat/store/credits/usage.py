"""What a project's credits went to in one billing period: read from running sums, never from runs or entries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, cast, func, literal, select

from heartbeat.store.credits.ledger import ProjectLimits
from heartbeat.store.credits.past_periods import KEPT, MOST, days_of
from heartbeat.store.credits.periods import BillingPeriod
from heartbeat.store.database.rows import columns, first
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import DailyRollup, Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.types import BIG

BOT, HEARTBEAT, USAGE, ROLLUP = columns(Bot), columns(Heartbeat), columns(Usage), columns(DailyRollup)

MAX_ROWS = 100
# Enough of a prompt to know a heartbeat by.
PROMPT_START = 200

_START = bindparam("start", type_=HEARTBEAT.c.period_start.type)
# Deleted ones as well: what they used is used. By their own column, which leads an index that has the sums on SQLite.
_THIS_PERIOD = (HEARTBEAT.c.project_id == bindparam("project")) & (HEARTBEAT.c.period_start == _START)
_OF_ROLLUP = (
    (BOT.c.project_id == bindparam("project"))
    & (ROLLUP.c.bot_id == BOT.c.id)
    & (ROLLUP.c.day >= bindparam("since"))
    & (ROLLUP.c.day < bindparam("until"))
)
_HEARTBEAT = (
    HEARTBEAT.c.uuid,
    HEARTBEAT.c.label,
    func.substr(HEARTBEAT.c.prompt, 1, PROMPT_START).label("prompt"),
    HEARTBEAT.c.type,
    HEARTBEAT.c.deleted_at,
    HEARTBEAT.c.ended_as,
    HEARTBEAT.c.bot_id,
    BOT.c.name.label("bot_name"),
)
_BOT = BOT.c.id, BOT.c.uuid, BOT.c.name, BOT.c.credit_budget
_RUNS = ROLLUP.c.success + ROLLUP.c.error + ROLLUP.c.skipped + ROLLUP.c.cancelled
_ADDED = (
    func.sum(_RUNS).label("count"),
    func.sum(ROLLUP.c.credits).label("credits"),
    # PostgreSQL makes a decimal number of such a sum.
    cast(func.sum(ROLLUP.c.tokens), BIG).label("tokens"),
    cast(func.sum(ROLLUP.c.cost_nano_usd), BIG).label("cost_nano_usd"),
)

USAGE_OF = select(USAGE).where(USAGE.c.project_id == bindparam("project"), USAGE.c.period_start == _START)
# The sums first, and then what bots and heartbeats are called, of those alone that are shown.
_BOT_SUMS = (
    select(
        HEARTBEAT.c.bot_id,
        func.sum(HEARTBEAT.c.period_credits).label("used"),
        func.sum(HEARTBEAT.c.period_held).label("held"),
    )
    .where(_THIS_PERIOD)
    .group_by(HEARTBEAT.c.bot_id)
    .order_by(func.sum(HEARTBEAT.c.period_credits).desc(), HEARTBEAT.c.bot_id)
    .limit(MAX_ROWS)
    .subquery()
)
BY_BOT = (
    select(*_BOT, _BOT_SUMS.c.used, _BOT_SUMS.c.held)
    .where(BOT.c.id == _BOT_SUMS.c.bot_id)
    .order_by(_BOT_SUMS.c.used.desc(), BOT.c.id)
)
PAST_BY_BOT = (
    select(*_BOT, func.sum(ROLLUP.c.credits).label("used"), literal(0).label("held"))
    .where(_OF_ROLLUP)
    .group_by(BOT.c.id)
    .order_by(func.sum(ROLLUP.c.credits).desc(), BOT.c.id)
    .limit(MAX_ROWS)
)
_LARGEST = (
    select(HEARTBEAT.c.id)
    .where(_THIS_PERIOD)
    .order_by(HEARTBEAT.c.period_credits.desc(), HEARTBEAT.c.id)
    .limit(MAX_ROWS)
    .subquery()
)
BY_HEARTBEAT = (
    select(
        *_HEARTBEAT,
        HEARTBEAT.c.credit_budget,
        HEARTBEAT.c.period_credits.label("used"),
        HEARTBEAT.c.period_held.label("held"),
    )
    .where(HEARTBEAT.c.id == _LARGEST.c.id, BOT.c.id == HEARTBEAT.c.bot_id)
    .order_by(HEARTBEAT.c.period_credits.desc(), HEARTBEAT.c.id)
)
_MOST, _KEPT = MOST.subquery(), KEPT.subquery()
PAST_BY_HEARTBEAT, KEPT_BY_HEARTBEAT = (
    select(*_HEARTBEAT, HEARTBEAT.c.credit_budget, sums.c.credits.label("used"), literal(0).label("held"))
    .where(HEARTBEAT.c.id == sums.c.heartbeat_id, BOT.c.id == HEARTBEAT.c.bot_id)
    .order_by(sums.c.credits.desc(), HEARTBEAT.c.id)
    for sums in (_MOST, _KEPT)
)
BY_DAY_AND_MODEL = (
    select(ROLLUP.c.day, ROLLUP.c.model, *_ADDED).where(_OF_ROLLUP).group_by(ROLLUP.c.day, ROLLUP.c.model)
)
_OF_MODEL = _OF_ROLLUP & (ROLLUP.c.model == bindparam("model"))
BOTS_OF_MODEL = select(ROLLUP.c.bot_id).where(_OF_MODEL).distinct()
MODELS = select(ROLLUP.c.model).where(_OF_ROLLUP, ROLLUP.c.model > "").distinct().order_by(ROLLUP.c.model)


@dataclass
class Spent:
    """What the ended runs of a `name`, a model or a day, came to."""

    name: str
    count: int = 0
    credits: int = 0
    tokens: int = 0
    cost_nano_usd: int = 0

    def add(self, sums: Mapping[Any, Any]) -> None:
        for name in ("count", "credits", "tokens", "cost_nano_usd"):
            setattr(self, name, getattr(self, name) + int(sums[name]))


@dataclass(frozen=True)
class CreditsUsage:
    """A period's sums. Bots and heartbeats come with what is used and held now, models and days with ended runs.

    Of a period that is over, bots and heartbeats come with ended runs, too.
    """

    used: int
    held: int
    granted: int
    budget_granted: int
    by_bot: list[Row[Any]]
    by_heartbeat: list[Row[Any]]
    by_model: list[Spent]
    by_day: list[Spent]

    def left(self, limits: ProjectLimits) -> int | None:
        """What may still be reserved of the plan or the budget, with grants, whichever is less; None: no limit."""
        plan = None if limits.plan is None else limits.plan + self.granted
        budget = None if limits.budget is None else limits.budget + self.budget_granted
        allowed = [limit for limit in (plan, budget) if limit is not None]
        return max(0, min(allowed) - self.used - self.held) if allowed else None


def spending(connection: Connection, project: Project, period: BillingPeriod) -> CreditsUsage:
    """What the period has come to; of each kind the `MAX_ROWS` largest, days newest first."""
    of_period = {"project": project.id, "start": period.start}
    days = days_of(project, period)

    def rows(statement: Select[Any], values: dict[str, Any]) -> list[Row[Any]]:
        return list(connection.execute(statement, values))

    # Together, for each walks through the days of every bot.
    by_day_and_model = rows(BY_DAY_AND_MODEL, days)
    by_model, by_day = (_added_up(by_day_and_model, noun) for noun in ("model", "day"))
    usage = first(connection, Usage, USAGE_OF, of_period) or Usage(project_id=0, period_start=period.start)
    is_over, is_kept = period.is_over, usage.summed_credits == sum(day.credits for day in by_day)
    past, past_values = (KEPT_BY_HEARTBEAT, of_period) if is_kept else (PAST_BY_HEARTBEAT, days)
    return CreditsUsage(
        usage.credits,
        usage.held,
        usage.granted,
        usage.budget_granted,
        rows(PAST_BY_BOT, days) if is_over else rows(BY_BOT, of_period),
        rows(past, past_values) if is_over else rows(BY_HEARTBEAT, of_period),
        sorted(by_model, key=lambda spent: (-spent.credits, spent.name))[:MAX_ROWS],
        sorted(by_day, key=lambda spent: spent.name, reverse=True),
    )


def _added_up(rows: list[Row[Any]], noun: str) -> list[Spent]:
    spent: dict[str, Spent] = {}
    for row in rows:
        sums = row._mapping
        spent.setdefault(sums[noun], Spent(sums[noun])).add(sums)
    return list(spent.values())


def models_used(connection: Connection, project: Project, period: BillingPeriod) -> list[str]:
    """List the models of the period's runs that ended."""
    return list(connection.execute(MODELS.limit(MAX_ROWS), days_of(project, period)).scalars())


def bots_that_used(connection: Connection, project: Project, period: BillingPeriod, model: str) -> tuple[int, ...]:
    """List the bots whose runs that ended in the period had this model."""
    rows = connection.execute(BOTS_OF_MODEL, {**days_of(project, period), "model": model})
    return tuple(sorted(rows.scalars()))
