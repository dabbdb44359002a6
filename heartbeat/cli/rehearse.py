"""`heartbeat rehearse`: a run that thinks but does nothing, and a report of what it would have done."""

import asyncio
import json
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any, NoReturn

import typer
from sqlalchemy import Connection

from heartbeat.cli.database import opened_database, shell_actor
from heartbeat.cli.output import print_error
from heartbeat.cli.projects import named_or_only_project
from heartbeat.domain.errors import ProductError, Unavailable
from heartbeat.domain.forecast import runs_per_month
from heartbeat.domain.ids import new_id
from heartbeat.domain.money import dollars
from heartbeat.settings import Settings
from heartbeat.store.database.acting import speak_for
from heartbeat.store.database.clock import database_time
from heartbeat.store.heartbeats.project_holds import require_no_hold
from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.overview.projects import heartbeat_and_bot
from heartbeat.store.runs.rehearsals import Rehearsal, rehearsal
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.client import connect
from heartbeat.temporal.process import leave
from heartbeat.temporal.runs import run_uuid_of, start_manual_run
from heartbeat.temporal.workers import pollers

AFTER_APPROVAL = " (after a person's yes)"
CHARGED = "The model was really asked, and is charged as for any run; nothing else was done or counted."
NO_WORKER = "Temporal or a worker is not there: nothing would run this. Start them, then try again."


@dataclass(frozen=True)
class RehearsalReport:
    """A rehearsal that has ended. `runs_per_month` is how often its heartbeat's cadence comes due.

    `price` is what its credits cost the owner, and `price_per_month` what a month's do, if the operator has set what
    one costs.
    """

    run: Run
    rehearsal: Rehearsal
    runs_per_month: float
    price: str | None = None
    price_per_month: str | None = None

    @property
    def cost_usd(self) -> str:
        return dollars(self.run.cost_nano_usd)

    @property
    def credits_per_month(self) -> float:
        return round(self.runs_per_month * self.run.credits_charged, 1)

    def as_json(self) -> dict[str, Any]:
        """Build what `--json` prints."""
        names = ("status", "skip_reason", "error_code", "error_message", "response", "report", "model", "tokens_used")
        return {
            "log_id": self.run.uuid,
            **{name: getattr(self.run, name) for name in (*names, "credits_charged", "duration_ms")},
            "price": self.price,
            "cost_usd": self.cost_usd,
            "would_have_called": [asdict(call) for call in self.rehearsal.calls],
            "would_have_told": [asdict(event) for event in self.rehearsal.events],
            "runs_per_month": round(self.runs_per_month, 1),
            "credits_per_month": self.credits_per_month,
            "price_per_month": self.price_per_month,
        }

    def as_text(self) -> str:
        """Write the report for people."""
        run = self.run
        reason = run.error_message or run.skip_reason
        lines = [f"{run.uuid}  {run.status}{f': {reason}' if reason else ''}"]
        if run.response:
            lines.append(run.response)
        lines += ["", *self._effects()]
        worth, worth_a_month = (f", {price}" if price else "" for price in (self.price, self.price_per_month))
        lines.append(
            f"It cost {run.credits_charged} credits{worth} ({run.tokens_used} tokens, {self.cost_usd} US dollars); "
            f"{round(self.runs_per_month, 1)} runs a month would cost {self.credits_per_month}{worth_a_month}."
        )
        return "\n".join([*lines, CHARGED])

    def _effects(self) -> list[str]:
        calls = [
            f"  {call.tool} {json.dumps(call.arguments, ensure_ascii=False)}"
            f"{AFTER_APPROVAL if call.needs_approval else ''}"
            for call in self.rehearsal.calls
        ]
        events = [f"  {event.channel} {event.name}: {event.event}" for event in self.rehearsal.events]
        return [
            *(["It would have called", *calls] if calls else ["It would have called nothing that acts."]),
            *(["It would have told", *events] if events else ["It would have told nobody."]),
        ]


def rehearse_heartbeat(settings: Settings, heartbeat_uuid: str, project_uuid: str | None, as_json: bool) -> NoReturn:
    """Rehearse a heartbeat and print the report; ends the process, with 1 when the rehearsal did not succeed."""
    try:
        report = asyncio.run(_rehearse(settings, heartbeat_uuid, project_uuid))
    except ProductError as problem:
        print_error(str(problem))
        leave(1)
    prices = settings.price(report.run.credits_charged), settings.price(report.credits_per_month)
    report = replace(report, price=prices[0], price_per_month=prices[1])
    typer.echo(json.dumps(report.as_json()) if as_json else report.as_text())
    leave(0 if report.run.status == "success" else 1)


async def _rehearse(settings: Settings, heartbeat_uuid: str, project_uuid: str | None) -> RehearsalReport:
    with closing(opened_database(settings)) as database:
        row = await database.read(_rehearsed, heartbeat_uuid, project_uuid)
        client = await connect(settings)
        if not await pollers(client, settings.task_queue):
            raise Unavailable("no_worker", NO_WORKER)
        speak_for(shell_actor())
        handle = await start_manual_run(client, settings, row, new_id("log"), dry_run=True)
        return await database.read(_report, row.heartbeat, await run_uuid_of(handle))


def _rehearsed(connection: Connection, heartbeat_uuid: str, project_uuid: str | None) -> ScheduledRow:
    project = named_or_only_project(connection, project_uuid)
    require_no_hold(connection, project, database_time(connection))
    heartbeat, bot = heartbeat_and_bot(connection, project, heartbeat_uuid)
    return ScheduledRow(heartbeat, bot.name, project.plan)


def _report(connection: Connection, heartbeat: Heartbeat, run_uuid: str) -> RehearsalReport:
    run = run_by_uuid(connection, run_uuid)
    return RehearsalReport(run, rehearsal(connection, run), runs_per_month(cadence_of(heartbeat), run.started_at))
