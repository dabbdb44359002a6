"""One heartbeat with a webhook target, a receiver on loopback, and runs that end as a test wants."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, update
from temporalio.testing import ActivityEnvironment

from activities.notifications import NotificationActivities
from heartbeat.domain.contracts import CloseRunResult, DeliveryResult
from heartbeat.domain.failure_policy import Ending
from heartbeat.domain.ids import new_id
from heartbeat.domain.plans import Plan
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, many
from heartbeat.store.notifications.outbox import DeliveryState, OutgoingMessage, begin_delivery
from heartbeat.store.notifications.targets import create_target
from heartbeat.store.projects.access import Access
from heartbeat.store.runs.candidates import TickClaim
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.opening import open_run
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Notification, Target
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run
from tests.support.runs import LIMITS
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project

SECRET = "whsec_" + "c2VjcmV0" * 4
LATER = timedelta(minutes=1)


@dataclass
class StoreWorld:
    """A project with one heartbeat, whose ticks come a minute apart."""

    database: Database
    settings: Settings
    project: Project
    heartbeat: Heartbeat
    now: datetime = NOW

    def target(self, url: str = "http://127.0.0.1:9/", **fields: Any) -> Target:
        row = {
            "uuid": new_id("tgt"),
            "channel": "webhook",
            "name": "On call",
            "config": {"url": url, "secret": SECRET},
            "cooldown_seconds": 0,
            "is_enabled": True,
            **fields,
        }
        return self.database.write_now(lambda c: create_target(c, Access(self.project, Plan()), row, self.now)).target

    def run(self, ending: Ending = Ending("success"), **fields: Any) -> CloseRunResult:  # noqa: B008
        """The next tick's run, ended so; `fields` are columns of its row."""
        self.now += LATER
        trigger = fields.pop("trigger", "schedule")
        log, tick = new_id("log"), self.now.replace(second=0) if trigger == "schedule" else None
        claim = TickClaim(self.heartbeat.uuid, trigger, log, log, "run-1", tick)

        def work(connection: Connection) -> CloseRunResult:
            assert open_run(connection, claim, LIMITS, self.now).run is not None
            if fields:
                connection.execute(update(columns(Run)).where(columns(Run).c.uuid == log).values(fields))
            return close_run(connection, log, ending, self.now)

        return self.database.write_now(work)

    def fails(self, message: str = "No key.", **fields: Any) -> CloseRunResult:
        return self.run(Ending("error", "key_rejected", message), **fields)

    def reports(self, *findings: dict[str, Any], outcome: str = "ok", **fields: Any) -> CloseRunResult:
        report = {"outcome": outcome, "summary": "Looked at everything.", "findings": list(findings)}
        return self.run(report=report, **fields)

    def change(self, table: type, **values: Any) -> None:
        self.database.write_now(lambda c: c.execute(update(columns(table)).values(values)))

    def rows(self, table: type) -> list[Any]:
        return self.database.read_now(lambda c: many(c, table, select(columns(table)).order_by(columns(table).c.id)))

    def kinds(self) -> list[str]:
        return [event.kind for event in self.rows(Event)]

    def notifications(self) -> list[Notification]:
        return self.rows(Notification)

    def statuses(self) -> list[str]:
        return [row.status for row in self.notifications()]

    def several(self, count: int) -> list[str]:
        """The notifications of so many runs, which fail and recover in turn."""
        runs = [self.run() if number % 2 else self.fails() for number in range(count)]
        return [uuid for run in runs for uuid in run.notification_uuids]

    def cut_off(self, uuid: str) -> OutgoingMessage | DeliveryState:
        """An attempt that begins, and whose worker dies before it writes down how it went."""
        self.now += timedelta(seconds=8)
        return self.database.write_now(lambda c: begin_delivery(c, uuid, self.now))

    async def deliver(self, uuid: str, after: timedelta = timedelta()) -> DeliveryResult:
        """One attempt, `after` the last thing that happened."""
        self.now += after
        activities = NotificationActivities(self.database, self.settings, lambda: self.now)
        return await ActivityEnvironment().run(activities.deliver, uuid)


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(_env_file=None, database_url=database_url, egress_allow=["127.0.0.1"])


@pytest.fixture
def world(database: Database, settings: Settings) -> StoreWorld:
    def seed(connection: Connection) -> tuple[Project, Heartbeat]:
        project = a_project(connection)
        bot = a_bot(connection, project)
        return project, a_heartbeat(connection, bot, label="Disks", max_consecutive_errors=3)

    return StoreWorld(database, settings, *database.write_now(seed))
