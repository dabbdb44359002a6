"""`heartbeat rehearse`: a run that thinks and does nothing, and what it would have done."""

import asyncio
import json
from contextlib import closing
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, NoReturn

import typer
from sqlalchemy import Connection

from heartbeat.cli.process import leave
from heartbeat.cli.projects import which_project
from heartbeat.domain.errors import ProductError, Unavailable
from heartbeat.domain.forecast import runs_per_month
from heartbeat.domain.ids import new_id
from heartbeat.settings import Settings
from heartbeat.store.database import Database
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.overview.projects import heartbeat_and_bot
from heartbeat.store.runs.rehearsals import Rehearsal, rehearsal
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.client import connect, pollers
from heartbeat.temporal.runs import log_of, start_manual_run

AFTER_A_YES = " (after a person's yes)"
CHARGED = "The model was really asked, and is charged as for any run; nothing else was done or counted."


@dataclass(frozen=True)
class RehearsalReport:
    """A rehearsal that has ended. `runs_per_month` is what its heartbeat's cadence comes to."""

    run: Run
    would: Rehearsal
    runs_per_month: float

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        names = ("status", "skip_reason", "error_code", "error_message", "response", "report", "model", "tokens_used")
        run = self.run
        return {
            "log_id": run.uuid,
            **{name: getattr(run, name) for name in (*names, "credits_charged", "duration_ms")},
            "cost_usd": f"{(Decimal(run.cost_nano_usd) / 10**9).normalize():f}",
            "would_have_called": [asdict(call) for call in self.would.calls],
            "would_have_told": [asdict(told) for told in self.would.told],
            "runs_per_month": round(self.runs_per_month, 1),
            "credits_per_month": round(self.runs_per_month * run.credits_charged, 1),
        }


def run(settings: Settings, uuid: str, project: str | None, as_json: bool) -> NoReturn:
    """Rehearse a heartbeat and print what it came to; exit code 1 when the rehearsal did not succeed."""
    try:
        done = asyncio.run(_rehearse(settings, uuid, project))
    except ProductError as problem:
        typer.echo(f"heartbeat: {problem}", err=True)
        leave(1)
    typer.echo(json.dumps(done.as_json()) if as_json else "\n".join(lines(done)))
    leave(0 if done.run.status == "success" else 1)


async def _rehearse(settings: Settings, uuid: str, project: str | None) -> RehearsalReport:
    with closing(Database(settings.store_url())) as database:

        def work(connection: Connection) -> tuple[Heartbeat, Bot]:
            return heartbeat_and_bot(connection, which_project(connection, project), uuid)

        heartbeat, bot = await database.read(work)
        client = await connect(settings)
        if not await pollers(client, settings.task_queue):
            raise Unavailable(
                "no_worker", "Temporal or a worker is not there: nothing would run this. Start them, then try again."
            )
        handle = await start_manual_run(client, settings, heartbeat, bot.name, new_id("log"), dry_run=True)
        log = await log_of(handle)
        return await database.read(_result, heartbeat, log)


def _result(connection: Connection, heartbeat: Heartbeat, log: str) -> RehearsalReport:
    found = run_by_uuid(connection, log)
    return RehearsalReport(found, rehearsal(connection, found), runs_per_month(cadence_of(heartbeat), found.started_at))


def lines(done: RehearsalReport) -> list[str]:
    """A rehearsal in words."""
    run, would, shown = done.run, done.would, done.as_json()
    ended = run.error_message or run.skip_reason or ""
    calls = [
        f"  {call.tool} {json.dumps(call.arguments, ensure_ascii=False)}{AFTER_A_YES if call.needs_approval else ''}"
        for call in would.calls
    ]
    told = [f"  {one.channel} {one.name}: {one.event}" for one in would.told]
    return [
        f"{run.uuid}  {run.status}{f': {ended}' if ended else ''}",
        *([run.response] if run.response else []),
        "",
        *(["It would have called", *calls] if calls else ["It would have called nothing that acts."]),
        *(["It would have told", *told] if told else ["It would have told nobody."]),
        f"It cost {run.credits_charged} credits ({run.tokens_used} tokens, {shown['cost_usd']} US dollars); "
        f"{shown['runs_per_month']} runs a month would cost {shown['credits_per_month']}.",
        CHARGED,
    ]
