"""What a project's credits went to in one billing period: read from running sums, never from runs or entries."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, cast, func, select

from heartbeat.store.rows import columns, first
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import DailyRollup, Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.types import BIG

BOT, HEARTBEAT, USAGE, ROLLUP = columns(Bot), columns(Heartbeat), columns(Usage), columns(DailyRollup)

MAX_ROWS = 100

_START = bindparam("start", type_=HEARTBEAT.c.period_start.type)
# Deleted ones as well: what they used is used.
_HEARTBEATS = (BOT.c.project_id == bindparam("project")) & (HEARTBEAT.c.bot_id == BOT.c.id)
_THIS_PERIOD = _HEARTBEATS & (HEARTBEAT.c.period_start == _START)
_OF_ROLLUP = (
    (BOT.c.project_id == bindparam("project")) & (ROLLUP.c.bot_id == BOT.c.id) & (ROLLUP.c.day >= bindparam("since"))
)
_RUNS = ROLLUP.c.success + ROLLUP.c.error + ROLLUP.c.skipped + ROLLUP.c.cancelled
_ADDED = (
    func.sum(_RUNS).label("count"),
    func.sum(ROLLUP.c.credits).label("credits"),
    # PostgreSQL makes a decimal number of such a sum.
    cast(func.sum(ROLLUP.c.tokens), BIG).label("tokens"),
    cast(func.sum(ROLLUP.c.cost_nano_usd), BIG).label("cost_nano_usd"),
)

USAGE_OF = select(USAGE).where(USAGE.c.project_id == bindparam("project"), USAGE.c.period_start == _START)
BY_BOT = (
    select(
        BOT.c.id,
        BOT.c.uuid,
        BOT.c.name,
        func.sum(HEARTBEAT.c.period_credits).label("used"),
        func.sum(HEARTBEAT.c.period_held).label("held"),
    )
    .where(_THIS_PERIOD)
    .group_by(BOT.c.id)
    .order_by(func.sum(HEARTBEAT.c.period_credits).desc(), BOT.c.id)
    .limit(MAX_ROWS)
)
BY_HEARTBEAT = (
    select(
        HEARTBEAT.c.uuid,
        HEARTBEAT.c.label,
        HEARTBEAT.c.bot_id,
        HEARTBEAT.c.credit_budget,
        HEARTBEAT.c.period_credits.label("used"),
        HEARTBEAT.c.period_held.label("held"),
    )
    .where(_THIS_PERIOD)
    .order_by(HEARTBEAT.c.period_credits.desc(), HEARTBEAT.c.id)
    .limit(MAX_ROWS)
)
BY_MODEL = (
    select(ROLLUP.c.model, *_ADDED)
    .where(_OF_ROLLUP)
    .group_by(ROLLUP.c.model)
    .order_by(func.sum(ROLLUP.c.credits).desc(), ROLLUP.c.model)
    .limit(MAX_ROWS)
)
BY_DAY = select(ROLLUP.c.day, *_ADDED).where(_OF_ROLLUP).group_by(ROLLUP.c.day).order_by(ROLLUP.c.day.desc())


@dataclass(frozen=True)
class CreditsUsage:
    """A period's sums. Bots and heartbeats come with what is used and held now, models and days with ended runs."""

    used: int
    held: int
    granted: int
    by_bot: list[Row[Any]]
    by_heartbeat: list[Row[Any]]
    by_model: list[Row[Any]]
    by_day: list[Row[Any]]


def spending(connection: Connection, project: Project, start: datetime) -> CreditsUsage:
    """What the period that began at `start` has come to; of each kind the `MAX_ROWS` largest, days newest first."""
    of_period = {"project": project.id, "start": start}
    since = {"project": project.id, "since": f"{start:%Y-%m-%d}"}

    def rows(statement: Select[Any], values: dict[str, Any]) -> list[Row[Any]]:
        return list(connection.execute(statement, values))

    usage = first(connection, Usage, USAGE_OF, of_period) or Usage(project_id=0, period_start=start)
    return CreditsUsage(
        usage.credits,
        usage.held,
        usage.granted,
        rows(BY_BOT, of_period),
        rows(BY_HEARTBEAT, of_period),
        rows(BY_MODEL, since),
        rows(BY_DAY, since),
    )
