"""Pruning, a bounded amount at a time: many short transactions, each of which leaves everything right.

Whoever is interrupted begins again where the rows say: what is gone is gone, and what is left is found again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from sqlalchemy import Connection, bindparam, select, update

from heartbeat.domain.plans import Plan
from heartbeat.store.audit.pruning import audited_projects, prune_audit
from heartbeat.store.credits.past_periods import add_up, keep_spenders, unsummed_periods
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.notifications.messages import fill_kinds
from heartbeat.store.retention.aged import OF_ALL, prune_aged, prune_deleted, prune_events, prune_of_bot
from heartbeat.store.retention.ledger import FIRST_ENTRY, FoldedProject, fold_deleted, fold_entries, projects_to_fold
from heartbeat.store.retention.logs import LogBatch, empty_logs, prune_logs
from heartbeat.store.retention.vacuum import give_back
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.notifications import Target
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.types import LONG_AGO

BOT, PROJECT = columns(Bot), columns(Project)

# Each bot is looked through so often, these of them at a time.
EVERY = timedelta(hours=6)
BOTS = 100
# What is removed by its age alone is looked for so often, and has this share of the time.
HOUR = timedelta(hours=1)
SHARE = 0.25
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
    """Removes what its rule does not keep any longer, a bounded amount at a time. A process has one."""

    def __init__(self, database: Database, plans: Mapping[str, Plan]) -> None:
        self._database = database
        self._plans = plans
        # When everything that is removed by its age alone was gone last.
        self._aged_at = LONG_AGO

    async def run(self, now: datetime, seconds: float) -> int:
        """Look through the bots that are due, and once an hour for what is removed by its age alone.

        The latter comes first, with a share of the time, and until it is done again the next minute: bots can have more
        to be removed than there is time for. Before either, what workers of the version before leave out is filled in.
        Returns how many rows went.
        """
        pruned, turn = 0, PruningTurn(self._database, now, seconds)
        await PruningTurn(self._database, now, seconds * SHARE).fill_kinds()
        if now - self._aged_at >= HOUR:
            first = PruningTurn(self._database, now, seconds * SHARE)
            await first.add_up_periods()
            pruned += await first.remove_aged() + await first.prune_audits(self._plans)
            if not first.is_over():
                self._aged_at = now
        pruned += await turn.look_through_bots(self._plans)
        await turn.give_back()
        return pruned


class PruningTurn:
    """Removes until `seconds` have passed; the rest is left for another turn."""

    def __init__(self, database: Database, now: datetime, seconds: float) -> None:
        self._database = database
        self._now = now
        self._ends = monotonic() + seconds

    def is_over(self) -> bool:
        """Whether its time has passed."""
        return monotonic() > self._ends

    async def look_through_bots(self, plans: Mapping[str, Plan]) -> int:
        """Remove what belongs to the bots that were not looked through for the longest time."""
        bots = await self._database.read(due_bots, self._now)
        return sum([await self._look_through(bot, plans.get(bot.plan)) for bot in bots])

    async def remove_aged(self) -> int:
        """Remove what goes by its age alone, and fold the ledger."""
        return (
            sum([await self._all(prune_aged, table, self._now) for table in OF_ALL])
            + await self._all(prune_events, self._now)
            + await self._all(prune_deleted, Target, self._now)
            + await self._fold()
        )

    async def fill_kinds(self) -> None:
        """Fill in what workers of the version before leave out."""
        await self._all(fill_kinds)

    async def add_up_periods(self) -> None:
        """Add up what each heartbeat used in the periods that are over."""
        for usage in await self._database.read(unsummed_periods, self._now):
            if self.is_over():
                break
            if spenders := await self._database.read(add_up, usage, self._now):
                await self._database.write(keep_spenders, spenders, self._now)

    async def prune_audits(self, plans: Mapping[str, Plan]) -> int:
        """Remove what the plans do not keep of the audit logs of projects."""
        pruned = 0
        for project in await self._database.read(audited_projects):
            plan = plans.get(project.plan)
            if plan is None or plan.audit_days is None:
                continue
            # Every change of the project waits for who prunes.
            if project.first_at < self._days_ago(plan.audit_days):
                pruned += await self._all(prune_audit, project.id, self._days_ago(plan.audit_days))
        return pruned

    async def give_back(self) -> None:
        """Give the room of what was removed back to the disk."""
        await self._all(give_back)

    async def _look_through(self, bot: DueBot, plan: Plan | None) -> int:
        pruned = 0
        if plan is not None and plan.logs_days is not None:
            pruned += await self._batches(0, prune_logs, bot.id, self._days_ago(plan.logs_days))
        if plan is not None and plan.prompts_days is not None:
            before = self._days_ago(plan.prompts_days)
            pruned += await self._batches(bot.emptied_run_id, empty_logs, bot.id, before, now=self._now)
        pruned += await self._all(prune_of_bot, bot.id, self._now)
        if not self.is_over():
            await self._database.write(mark_pruned, bot.id, self._now)
        return pruned

    async def _batches(
        self, after: int, change: Callable[..., LogBatch], bot_id: int, before: datetime, **more: datetime
    ) -> int:
        changed = 0
        while not self.is_over():
            batch = await self._database.write(change, bot_id, before, after=after, **more)
            changed += batch.changed
            if batch.last_run_id is None:
                break
            after = batch.last_run_id
        return changed

    async def _fold(self) -> int:
        folded = 0
        for project in await self._database.read(projects_to_fold, self._now):
            folded += await self._fold_entries(project) + await self._all(fold_deleted, project, self._now)
        return folded

    async def _fold_entries(self, project: FoldedProject) -> int:
        folded, after = 0, FIRST_ENTRY
        while not self.is_over():
            batch = await self._database.write(fold_entries, project, after, self._now)
            folded += batch.folded
            if batch.last is None:
                break
            after = batch.last
        return folded

    async def _all(self, change: Callable[..., int], *args: object) -> int:
        pruned = 0
        while not self.is_over() and (batch := await self._database.write(change, *args)):
            pruned += batch
        return pruned

    def _days_ago(self, days: int) -> datetime:
        return self._now - timedelta(days=days)


def due_bots(connection: Connection, now: datetime) -> list[DueBot]:
    """The bots that were not looked through for the longest time, with the names of their projects' plans."""
    return [DueBot(*row) for row in connection.execute(DUE, {"last": now - EVERY})]


def mark_pruned(connection: Connection, bot_id: int, now: datetime) -> None:
    """Note that a bot was looked through."""
    connection.execute(update(BOT).where(BOT.c.id == bot_id).values(pruned_at=now))
