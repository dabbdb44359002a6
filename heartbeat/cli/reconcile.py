"""`heartbeat reconcile`: compare every schedule with its row now, without waiting for the Upkeep workflow."""

import asyncio
from contextlib import closing
from typing import NoReturn

import typer
from temporalio.service import RPCError

from heartbeat.cli.database import opened_database
from heartbeat.cli.output import print_error
from heartbeat.settings import Settings
from heartbeat.store.heartbeats.sync import everything
from heartbeat.temporal.client import connect
from heartbeat.temporal.process import leave
from heartbeat.temporal.reconcile import Reconciler, ScheduleDifference
from heartbeat.temporal.schedules import Schedules

SAME_AGE = "give Temporal's server and all processes time zone data of the same age (the package tzdata)"


def reconcile_schedules(settings: Settings, dry_run: bool) -> NoReturn:
    """Print each difference and how many there were, or that Temporal cannot be reached; ends the process."""
    try:
        differences = asyncio.run(_reconcile(settings, dry_run))
    except (RPCError, RuntimeError):
        print_error(f"Temporal cannot be reached at {settings.temporal_target()}; is it up?")
        leave(1)
    for difference in differences:
        typer.echo(f"{difference.heartbeat_uuid}  {difference.what}: {difference.reason}")
    would = "would be put right (--dry-run)" if dry_run else "put right"
    wrong = [difference for difference in differences if difference.what != "differs"]
    if len(wrong) < len(differences):
        typer.echo(f"{len(differences) - len(wrong)} differ; {SAME_AGE}.")
    typer.echo(f"{len(wrong)} {would}." if wrong else "Every schedule stands as its row says.")
    leave(0)


async def _reconcile(settings: Settings, dry_run: bool) -> list[ScheduleDifference]:
    with closing(opened_database(settings)) as database:
        client = await connect(settings, lazy=False)
        reconciler = Reconciler(client, database, Schedules(client, database, settings), dry_run=dry_run)
        return await reconciler.compare(await database.read(everything)) + await reconciler.orphans()
