"""The charge transaction as it is usually written: AsyncSession on aiosqlite, objects loaded, changed and flushed."""

from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from heartbeat.domain import credits
from heartbeat.store.runs.steps import NewStep
from heartbeat.store.tables.credits import Entry, Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Attempt, Run, Step


class Orm:
    """Does what `settle_step` does, on a SQLite file with the same pragmas and the same BEGIN IMMEDIATE."""

    def __init__(self, url: str) -> None:
        self._engine = create_async_engine(url.replace("sqlite:", "sqlite+aiosqlite:"))
        event.listen(self._engine.sync_engine, "connect", _configure)
        event.listen(self._engine.sync_engine, "begin", _begin)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._engine.dispose()

    async def settle(self, run_uuid: str, step: NewStep) -> Step:
        """Write a step and charge it, once."""
        now = datetime.now(UTC)
        async with AsyncSession(self._engine, expire_on_commit=False) as session, session.begin():
            run = (await session.exec(select(Run).where(Run.uuid == run_uuid))).one()
            known = await session.exec(select(Step).where(Step.run_id == run.id, Step.number == step.number))
            if (stored := known.first()) is not None:
                return stored
            fields = vars(step).items()
            columns = {name: value for name, value in fields if name in Step.model_fields}
            stored = Step(**columns, kind="model", final=True, run_id=run.id, created_at=now)
            session.add(stored)
            used = {name: value for name, value in fields if name in Attempt.model_fields}
            session.add(Attempt(**used, run_id=run.id, step=step.number, outcome="answered", created_at=now))
            await self._charge(session, run, step, now)
            return stored

    async def _charge(self, session: AsyncSession, run: Run, step: NewStep, now: datetime) -> None:
        project = await session.get_one(Project, run.project_id)
        heartbeat = await session.get_one(Heartbeat, run.heartbeat_id)
        start, _ = credits.period(now, project.period_anchor_day)
        amount = credits.cost(step.usage.tokens, 1)
        session.add(
            Entry(
                project_id=run.project_id,
                heartbeat_id=run.heartbeat_id,
                run_id=run.id,
                step=step.number,
                kind="settle",
                credits=amount,
                tokens=step.usage.tokens,
                period_start=start,
                created_at=now,
            )
        )
        run.tokens_used += step.usage.tokens
        run.credits_charged += amount
        run.cost_nano_usd += step.cost_nano_usd
        heartbeat.period_credits = amount + (heartbeat.period_credits if heartbeat.period_start == start else 0)
        heartbeat.period_start = start
        usage = await session.get(Usage, (run.project_id, start))
        if usage is None:
            session.add(Usage(project_id=run.project_id, period_start=start, credits=amount))
        else:
            usage.credits += amount


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _configure(connection: Any, _: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=wal", "synchronous=normal", "busy_timeout=10000", "foreign_keys=on"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
