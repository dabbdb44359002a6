"""`heartbeat reconcile`: compare every schedule with its row now, without waiting for the Upkeep workflow."""

import asyncio
from contextlib import closing
from typing import NoReturn

import typer
from temporalio.client import Client
from temporalio.service import RPCError

from heartbeat.cli.database import opened_database
from heartbeat.cli.output import print_error
from heartbeat.domain.errors import Conflict
from heartbeat.settings import Settings
from heartbeat.store.database.clock import database_time
from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats.sync import everything
from heartbeat.store.runs.restored import Settled, settle_restored
from heartbeat.temporal.client import connect
from heartbeat.temporal.clock import temporal_time
from heartbeat.temporal.lost_runs import LostRuns
from heartbeat.temporal.process import leave
from heartbeat.temporal.reconcile import Reconciler, ScheduleDifference
from heartbeat.temporal.schedules import Schedules
from heartbeat.temporal.workers import workers_by_role

SAME_AGE = "give Temporal's server and all processes time zone data of the same age (the package tzdata)"
ACCESS = (
    "Everybody has to sign in again. Keys, members and invitations are those of the backup: revoke and remove once "
    "more what was revoked and removed since."
)
AT_WORK = "Stop all workers first and wait 40 seconds: what they do cannot be told from what was under way then."


def reconcile_all(settings: Settings, *, dry_run: bool, after_restore: bool) -> NoReturn:
    """Print each difference and how many there were, or that Temporal cannot be reached; ends the process.

    With `after_restore` the runs that were under way in the backup are closed first. Raises as `opened_database` does.
    """
    with closing(opened_database(settings)) as database:
        try:
            settled, differences = asyncio.run(_reconcile(settings, database, dry_run, after_restore))
        except Conflict as problem:
            print_error(str(problem))
            leave(1)
        except (RPCError, RuntimeError):
            print_error(f"Temporal cannot be reached at {settings.temporal_target()}; is it up?")
            leave(1)
    for line in unknown(settled) if settled else []:
        typer.echo(line)
    _print_differences(differences, dry_run)
    leave(0)


def _print_differences(differences: list[ScheduleDifference], dry_run: bool) -> None:
    for difference in differences:
        typer.echo(f"{difference.heartbeat_uuid}  {difference.what}: {difference.reason}")
    would = "would be put right (--dry-run)" if dry_run else "put right"
    wrong = [difference for difference in differences if difference.what != "differs"]
    if len(wrong) < len(differences):
        typer.echo(f"{len(differences) - len(wrong)} differ; {SAME_AGE}.")
    typer.echo(f"{len(wrong)} {would}." if wrong else "Every schedule stands as its row says.")


async def _reconcile(
    settings: Settings, database: Database, dry_run: bool, after_restore: bool
) -> tuple[Settled | None, list[ScheduleDifference]]:
    client = await connect(settings, lazy=False)
    settled = await _settle(settings, client, database) if after_restore and not dry_run else None
    reconciler = Reconciler(client, database, Schedules(client, database, settings), dry_run=dry_run)
    lost_runs = LostRuns(client, database, settings.task_queue, dry_run=dry_run)
    differences = await reconciler.compare(await database.read(everything)) + await reconciler.orphans()
    return settled, differences + await lost_runs.end(workers_stopped=settled is not None)


async def _settle(settings: Settings, client: Client, database: Database) -> Settled:
    """Close what was under way in a backup that was put back. Raises `Conflict` while a worker lives."""
    workers = await workers_by_role(client, settings, await temporal_time(client))
    if any(of_role.living for of_role in workers.values()):
        raise Conflict("workers_at_work", AT_WORK)
    return await database.write(settle_restored, await database.read(database_time))


def unknown(settled: Settled) -> list[str]:
    """Say what nobody can know after the database went back."""
    lines = ["What was changed, run and charged since the backup is lost, and nobody can know what it was.", ACCESS]
    if settled.closed:
        lines.append(
            f"Runs that were under way: {settled.closed}. They are closed as errors; their calls may have been made."
        )
    if settled.waiting:
        lines.append(
            f"Runs that wait for a person: {settled.waiting}. They go on waiting, though some may have been answered."
        )
    if settled.undelivered:
        lines.append(
            f"Messages that were on their way: {settled.undelivered}. They are sent, perhaps for a second time."
        )
    return lines
