"""The runs of a heartbeat or a task as its page lists them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from api.dashboard.views import runs
from api.schemas.logs import temporal_url
from heartbeat.settings import Settings
from heartbeat.store.database.pages import Page
from heartbeat.store.overview.waiting import approvals_of_heartbeat
from heartbeat.store.runs.logs import LogFilter, executed_logs, logs
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run


@dataclass(frozen=True)
class RunList:
    """One page of runs, newest first; the first page begins with those still going.

    `total` counts those that have ended; `left_out` says that these are without skipped ticks. `waits` holds the log
    ids of those that wait for a person's yes.
    """

    going: list[Row[Any]]
    ended: list[Row[Any]]
    total: int
    waits: set[str]
    number: int
    left_out: bool

    def lines(self, zone: str, now: datetime, settings: Settings) -> list[runs.RunLine]:
        """Show each as a line, with times in `zone`."""
        runs_in_order = [*(self.going if self.number == 1 else []), *self.ended]
        return [run_line(run, zone, now, settings) for run in runs_in_order]


def runs_of(connection: Connection, heartbeat: Heartbeat, page: Page, now: datetime) -> RunList:
    """Read one page of a heartbeat's runs; rehearsals are logged apart."""
    going, _ = logs(connection, LogFilter(heartbeat.bot_id, heartbeat.id, status="running"), Page(1, page.size))
    # Ticks without news would be all that is seen.
    left_out = heartbeat.unchanged_count > 0
    wanted = LogFilter(heartbeat.bot_id, heartbeat.id)
    ended, total = executed_logs(connection, heartbeat, page) if left_out else logs(connection, wanted, page)
    waits = {approval.run_uuid for approval in approvals_of_heartbeat(connection, heartbeat, now)} if going else set()
    return RunList(going, ended, total, waits, page.number, left_out)


def run_line(run: Run | Row[Any], zone: str, now: datetime, settings: Settings) -> runs.RunLine:
    """Show a run as a line of a list, with its link to Temporal's UI."""
    return runs.line(run, zone, now, temporal_url(run.workflow_id, run.workflow_run_id, settings))
