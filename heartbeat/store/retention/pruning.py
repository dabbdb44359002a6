"""Pruning, a bounded amount at a time: many short transactions, each of which leaves everything right.

Whoever is interrupted begins again where the rows say: what is gone is gone, and what is left is found again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from sqlalchemy import Connection, bindparam, select, update

from heartbeat.settings import Plan
from heartbeat.store.database import Database
from heartbeat.store.retention.aged import BATCH_SIZE, OF_ALL, prune_aged, prune_deleted, prune_events, prune_of_bot
from heartbeat.store.retention.ledger import fold_deleted, fold_entries, projects_to_fold
from heartbeat.store.retention.logs import LogBatch, empty_logs, prune_logs
from heartbeat.store.retention.vacuum import give_back
from heartbeat.store.rows import columns
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.notifications import Target
from heartbeat.store.tables.projects import Project

BOT, PROJECT = columns(Bot), columns(Project)

# Each bot is looked through so often, these of them at a time.
EVERY = timedelta(hours=6)
BOTS = 100
# What is removed by its age alone is looked for at this minute of every hour.
MINUTE = 17
DUE = (
    select(BOT.c.id, PROJECT.c.plan, BOT.c.emptied_run_id)
    .join(PROJECT, PROJECT.c.id == BOT.c.project_id)
    .where(BOT.c.pruned_at <= bindparam("last", type_=BOT.c.pruned_at.type))
    .order_by(BOT.c.pruned_at, BOT.c.id)
    .limit(BOTS)
)


@dataclass(frozen=True)
class DueBot:
    """A bot that was not looked through for a while; `emptied_run_id`: all its runs up to that are empty."""

    id: int
    plan: str
    emptied_run_id: int


class Pruning:
    """Removes what its rule does not keep any longer, until `seconds` have passed; the rest is left for later."""

    def __init__(self, database: Database, plans: Mapping[str, Plan], now: datetime, seconds: float) -> None:
        self._database = database
        self._plans = plans
        self._now = now
        self._ends = monotonic() + seconds

    async def run(self) -> int:
        """Look through the bots that are due, and once an hour through what no bot owns; returns how many rows went."""
        pruned = 0
        for bot in await self._database.read(due_bots, self._now):
            pruned += await self._look_through(bot)
        pruned += await self._everything_else() if self._now.minute == MINUTE else 0
        while not self._is_over() and (await self._database.write(give_back)) > 0:
            pass
        return pruned

    async def _look_through(self, bot: DueBot) -> int:
        plan = self._plans.get(bot.plan)
        pruned = 0
        if plan is not None and plan.logs_days is not None:
            pruned += await self._batches(0, prune_logs, bot.id, self._days_ago(plan.logs_days))
        if plan is not None and plan.prompts_days is not None:
            before = self._days_ago(plan.prompts_days)
            pruned += await self._batches(bot.emptied_run_id, empty_logs, bot.id, before, now=self._now)
        pruned += await self._all(prune_of_bot, bot.id, self._now)
        if not self._is_over():
            await self._database.write(mark_pruned, bot.id, self._now)
        return pruned

    async def _batches(
        self, after: int, change: Callable[..., LogBatch], bot_id: int, before: datetime, **more: datetime
    ) -> int:
        changed = 0
        while not self._is_over():
            batch = await self._database.write(change, bot_id, before, after=after, **more)
            changed += batch.changed
            if batch.last_run_id is None:
                break
            after = batch.last_run_id
        return changed

    async def _everything_else(self) -> int:
        return (
            sum([await self._all(prune_aged, table, self._now) for table in OF_ALL])
            + await self._all(prune_events, self._now)
            + await self._all(prune_deleted, Target, self._now)
            + await self._fold()
        )

    async def _fold(self) -> int:
        folded = 0
        for project in await self._database.read(projects_to_fold, self._now):
            for change in (fold_entries, fold_deleted):
                while not self._is_over() and (batch := await self._database.write(change, project, self._now)):
                    folded += batch
        return folded

    async def _all(self, change: Callable[..., int], *args: object) -> int:
        pruned = 0
        while not self._is_over():
            batch = await self._database.write(change, *args)
            pruned += batch
            if batch < BATCH_SIZE:
                break
        return pruned

    def _days_ago(self, days: int) -> datetime:
        return self._now - timedelta(days=days)

    def _is_over(self) -> bool:
        return monotonic() > self._ends


def due_bots(connection: Connection, now: datetime) -> list[DueBot]:
    """The bots that were not looked through for the longest time, with the names of their projects' plans."""
    return [DueBot(*row) for row in connection.execute(DUE, {"last": now - EVERY})]


def mark_pruned(connection: Connection, bot_id: int, now: datetime) -> None:
    """Note that a bot was looked through."""
    connection.execute(update(BOT).where(BOT.c.id == bot_id).values(pruned_at=now))
