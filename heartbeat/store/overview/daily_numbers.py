"""The numbers of each day, of a project, a bot or a heartbeat: read from the daily numbers, never from runs."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, cast, func, select

from heartbeat.store.bots.bots import BOT
from heartbeat.store.credits.rollup import HEARTBEAT_DAY, ROLLUP, SUMS
from heartbeat.store.database.rows import built
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import RunSums
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.types import BIG

COUNTED = ("success", "error", "skipped", "cancelled")


@dataclass
class DayNumbers:
    """What the logs of some time come to, and how long its runs took, as `heartbeat.domain.durations` counts it."""

    sums: RunSums = field(default_factory=RunSums)
    durations: Counter[int] = field(default_factory=Counter)

    def add(self, numbers: "DayNumbers") -> None:
        self.sums.add(numbers.sums)
        self.durations.update(numbers.durations)


Days = dict[date, DayNumbers]


def _by_day(table: Table) -> Select[Any]:
    # PostgreSQL makes a decimal number of a sum of large ones.
    sums = (cast(func.sum(table.c[name]), BIG) for name in SUMS)
    durations = func.aggregate_strings(table.c.durations, ",")
    return select(table.c.day, durations, *sums).where(table.c.day >= bindparam("since")).group_by(table.c.day)


_IN_PROJECT = (ROLLUP.c.bot_id == BOT.c.id) & (BOT.c.project_id == bindparam("project"))
OF_PROJECT = _by_day(ROLLUP).where(_IN_PROJECT)
# Without the histograms, which have to be added up one by one.
RUNS_OF_PROJECT = (
    select(ROLLUP.c.day, *(func.sum(ROLLUP.c[name]) for name in COUNTED))
    .where(_IN_PROJECT, ROLLUP.c.day >= bindparam("since"))
    .group_by(ROLLUP.c.day)
)
OF_BOT = _by_day(ROLLUP).where(ROLLUP.c.bot_id == bindparam("bot"))
OF_HEARTBEAT = _by_day(HEARTBEAT_DAY).where(HEARTBEAT_DAY.c.heartbeat_id == bindparam("heartbeat"))


def days_of_project(connection: Connection, project: Project, today: date, count: int) -> Days:
    """Sum the last `count` days (UTC) of a project, today included, over all bots, deleted ones too."""
    return _days(connection, OF_PROJECT, {"project": project.id}, today, count)


def runs_of_project(connection: Connection, project: Project, today: date, count: int) -> dict[date, RunSums]:
    """`days_of_project`, of which nothing but how many logs there are by status."""
    since = today - timedelta(days=count - 1)
    days = {since + timedelta(days=number): RunSums() for number in range(count)}
    for day, *numbers in connection.execute(RUNS_OF_PROJECT, {"project": project.id, "since": since.isoformat()}):
        if (key := date.fromisoformat(day)) in days:
            days[key] = RunSums(**dict(zip(COUNTED, map(int, numbers), strict=True)))
    return days


def days_of_bot(connection: Connection, bot: Bot, today: date, count: int) -> Days:
    """Sum the last `count` days (UTC) of a bot, today included."""
    return _days(connection, OF_BOT, {"bot": bot.id}, today, count)


def days_of_heartbeat(connection: Connection, heartbeat: Heartbeat, today: date, count: int) -> Days:
    """Sum the last `count` days (UTC) of a heartbeat or a task, today included."""
    return _days(connection, OF_HEARTBEAT, {"heartbeat": heartbeat.id}, today, count)


def _days(connection: Connection, statement: Select[Any], of: dict[str, int], today: date, count: int) -> Days:
    since = today - timedelta(days=count - 1)
    days = {since + timedelta(days=number): DayNumbers() for number in range(count)}
    for day, durations, *numbers in connection.execute(statement, {**of, "since": since.isoformat()}):
        # A day after today comes from a process whose clock is ahead of this one.
        if (key := date.fromisoformat(day)) in days:
            days[key] = DayNumbers(built(RunSums, SUMS, numbers), Counter(_added(durations)))
    return days


# Of days that are over they stay as they are, and whoever looks at charts looks at them again.
@lru_cache(maxsize=400)
def _added(durations: str) -> Mapping[int, int]:
    """Add up histograms that stand beside each other."""
    histogram: defaultdict[str, int] = defaultdict(int)
    for one in json.loads(f"[{durations}]"):
        for number, runs in one.items():
            histogram[number] += runs
    return {int(number): runs for number, runs in histogram.items()}
