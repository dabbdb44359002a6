"""Whatever is done in whatever order, with Temporal away now and then: at rest every schedule equals its row."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Connection
from temporalio.client import Client, ScheduleActionStartWorkflow
from temporalio.service import RPCError, RPCStatusCode

from heartbeat.domain.ids import new_id
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats import heartbeats as store
from heartbeat.store.heartbeats.configure import ConfigureRequest, configure
from heartbeat.store.heartbeats.sync import everything
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.temporal.converter import DATA_CONVERTER
from heartbeat.temporal.reconcile import Reconciler
from heartbeat.temporal.schedules import Schedules, note
from tests.support.seeds import a_bot, a_project, access_to, heartbeat_row

T = TypeVar("T")
PATTERNS = st.sampled_from(["0 9 * * 1-5", "*/15 * * * *", "30 2 * * *", "0 0 L * *", "0 9 1 * 1", "0 9 * * 1#2"])
ZONES = st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe"])


class Convergence(RuleBasedStateMachine):
    """One bot and its heartbeats; `target` of the schedules is the real server or a port where nobody listens."""

    heartbeats = Bundle("heartbeats")
    template: Path
    address: str

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.home = Path(tempfile.mkdtemp(prefix="converge"))
        self.database = Database(f"sqlite:///{shutil.copy(self.template, self.home / 'heartbeat.db')}")
        self.real = self.wait(Client.connect(self.address, data_converter=DATA_CONVERTER))
        self.dead = self.wait(Client.connect("127.0.0.1:1", lazy=True))
        self.settings = Settings(_env_file=None, database_url=self.database.url, task_queue=new_id("queue"))
        self.schedules = Schedules(self.real, self.database, self.settings)
        self.access = self.database.write_now(self.found)
        self.alive: set[str] = set()
        self.made: set[str] = set()

    def found(self, connection: Connection) -> Access:
        project = a_project(connection)
        bot = a_bot(connection, project)
        return access_to(connection, bot)

    def access_to(self, connection: Connection, uuid: str) -> Access:
        return self.access.narrowed(self.access.bot, heartbeat_row(connection, uuid))

    def wait(self, what: Awaitable[T]) -> T:
        return self.loop.run_until_complete(what)  # type: ignore[arg-type]

    def write(self, work: Callable[[Connection], Heartbeat | list[str]]) -> None:
        """A write of the owner's, and its schedule following if Temporal is there."""
        written = self.database.write_now(work)
        for uuid in written if isinstance(written, list) else [written.uuid]:
            self.wait(self.schedules.sync(uuid))

    @rule(target=heartbeats, pattern=PATTERNS, zone=ZONES, enabled=st.booleans())
    def configures_a_new_one(self, pattern: str, zone: str, enabled: bool) -> str:
        fields = {"prompt": new_id("prompt"), "cron_pattern": pattern, "timezone": zone}
        now = datetime.now(UTC)
        request = ConfigureRequest(fields, enabled=enabled)
        row = self.database.write_now(lambda c: configure(c, self.access, request, now))
        self.wait(self.schedules.sync(row.uuid))
        self.alive.add(row.uuid)
        self.made.add(row.uuid)
        return row.uuid

    @rule(uuid=heartbeats, pattern=PATTERNS)
    def changes_its_pattern(self, uuid: str, pattern: str) -> None:
        if uuid in self.alive:
            prompt = self.database.read_now(lambda c: heartbeat_row(c, uuid)).prompt
            request = ConfigureRequest({"prompt": prompt, "cron_pattern": pattern}, uuid=uuid)
            self.write(lambda c: configure(c, self.access, request, datetime.now(UTC)))

    @rule(uuid=heartbeats, on=st.booleans())
    def switches_it(self, uuid: str, on: bool) -> None:
        if uuid in self.alive:
            switch = store.enable if on else store.disable
            self.write(lambda c: switch(c, self.access_to(c, uuid), datetime.now(UTC)))

    @rule(uuid=heartbeats)
    def deletes_it(self, uuid: str) -> None:
        if uuid in self.alive:
            self.write(lambda c: store.delete_heartbeat(c, self.access_to(c, uuid), datetime.now(UTC)))
            self.alive.discard(uuid)

    @rule(away=st.booleans())
    def temporal_goes_or_comes(self, away: bool) -> None:
        self.schedules._client = self.dead if away else self.real

    @rule(uuid=heartbeats, pause=st.booleans())
    def an_operator_pauses_or_resumes_in_the_ui(self, uuid: str, pause: bool) -> None:
        handle = self.real.get_schedule_handle(uuid)
        with contextlib.suppress(RPCError):
            self.wait(handle.pause(note="by hand") if pause else handle.unpause(note="by hand"))

    @rule(uuid=heartbeats)
    def somebody_deletes_the_schedule(self, uuid: str) -> None:
        with contextlib.suppress(RPCError):
            self.wait(self.real.get_schedule_handle(uuid).delete())

    @rule()
    def upkeep_comes_by(self) -> None:
        self.reconcile()

    @invariant()
    def a_row_is_never_behind_what_its_schedule_was_put_from(self) -> None:
        for uuid in self.made:
            row = self.database.read_now(lambda c, uuid=uuid: heartbeat_row(c, uuid))
            assert row.synced_version <= row.version

    def reconcile(self) -> int:
        """What Upkeep does: follow what is pending, then compare everything."""
        with contextlib.suppress(RPCError, RuntimeError):
            for uuid in self.made:
                row = self.database.read_now(lambda c, uuid=uuid: heartbeat_row(c, uuid))
                if row.synced_version < row.version:
                    self.wait(self.schedules.sync(uuid))
            reconciler = Reconciler(self.schedules._client, self.database, self.schedules)
            return len(self.wait(reconciler.compare(self.database.read_now(everything))))
        return 0

    def teardown(self) -> None:
        try:
            self.schedules._client = self.real
            self.reconcile()
            assert self.reconcile() == 0
            for uuid in self.made:
                self.at_rest(uuid)
        finally:
            for uuid in self.made:
                self.wait(self.schedules.delete(uuid))
            self.database.close()
            self.loop.close()
            shutil.rmtree(self.home)

    def at_rest(self, uuid: str) -> None:
        """The schedule of this heartbeat, or its absence, is what its row says."""
        row = self.database.read_now(lambda c: heartbeat_row(c, uuid))
        assert row.synced_version == row.version
        if row.deleted_at is not None:
            with pytest.raises(RPCError) as gone:
                self.wait(self.schedules.describe(uuid))
            assert gone.value.status == RPCStatusCode.NOT_FOUND
            return
        schedule = self.wait(self.schedules.describe(uuid)).schedule
        assert schedule.state.paused == (not row.enabled)
        assert schedule.state.note == note(row)
        assert schedule.spec.time_zone_name == row.timezone
        assert isinstance(schedule.action, ScheduleActionStartWorkflow)
        assert schedule.action.id == uuid


def test_rows_and_schedules_converge(temporal: Client, sqlite_template: Path) -> None:
    Convergence.template, Convergence.address = sqlite_template, temporal.service_client.config.target_host
    machine = settings(
        max_examples=25, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    run_state_machine_as_test(Convergence, settings=machine)
