"""`heartbeat reconcile`: compare every schedule with its row now, instead of waiting for Upkeep to come by."""

import asyncio
from contextlib import closing
from typing import NoReturn

import typer
from temporalio.service import RPCError

from heartbeat.cli.process import leave
from heartbeat.settings import Settings
from heartbeat.store.database import Database
from heartbeat.store.heartbeats.sync import everything
from heartbeat.temporal.client import connect
from heartbeat.temporal.reconcile import Reconciler, ScheduleDifference
from heartbeat.temporal.schedules import Schedules


def run(settings: Settings, dry_run: bool) -> NoReturn:
    """Print each difference and how many there were, or that Temporal cannot be reached; ends the process."""
    try:
        found = asyncio.run(_reconcile(settings, dry_run))
    except (RPCError, RuntimeError):
        typer.echo(f"heartbeat: Temporal cannot be reached at {settings.temporal_target()}; is it up?", err=True)
        leave(1)
    for difference in found:
        typer.echo(f"{difference.heartbeat}  {difference.what}: {difference.why}")
    would = "would be put right (--dry-run)" if dry_run else "put right"
    typer.echo(f"{len(found)} {would}." if found else "Every schedule stands as its row says.")
    leave(0)


async def _reconcile(settings: Settings, dry_run: bool) -> list[ScheduleDifference]:
    client = await connect(settings, lazy=False)
    with closing(Database(settings.store_url())) as database:
        reconciler = Reconciler(client, database, Schedules(client, database, settings), dry_run=dry_run)
        return await reconciler.compare(await database.read(everything)) + await reconciler.orphans()
