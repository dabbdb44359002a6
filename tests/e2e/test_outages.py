"""Everything killed in turn while heartbeats fire each minute: afterwards ticks = logs, none twice, none charged twice.

It takes six minutes of real clock, so it runs on its own: `make test-outages`.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from heartbeat.settings import Settings
from heartbeat.store import migrate
from heartbeat.store.accounting import cadence_of
from heartbeat.store.audit import audit
from heartbeat.store.database import Database, columns, many
from heartbeat.store.projects import create_key, create_project
from heartbeat.store.records import Entry, Run
from heartbeat.store.tables import Heartbeat
from heartbeat.up import temporal_server
from tests.e2e.embedded import OWN
from tests.models import ModelServer, says
from tests.ports import free_ports

pytestmark = pytest.mark.outage
BIN = Path(sys.executable).parent
HEARTBEATS = 5
MINUTE = timedelta(minutes=1)


class Process:
    """One process of the stack, killed without a word and started again."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._start = lambda: subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self.process = self._start()

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def start(self) -> None:
        self.process = self._start()

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()


class Site:
    """Temporal, API and worker as processes of their own, on one SQLite store."""

    def __init__(self, home: Path, model: ModelServer) -> None:
        self.port, temporal_port, ui_port = free_ports(3)
        self.database_url = f"sqlite:///{home / 'heartbeat.db'}"
        migrate.upgrade(self.database_url)
        self.database = Database(self.database_url)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(OWN)} | {
            "HEARTBEAT_DATABASE_URL": self.database_url,
            "HEARTBEAT_PORT": str(self.port),
            "TEMPORAL_ADDRESS": f"127.0.0.1:{temporal_port}",
            "OPENAI_BASE_URL": model.base_url,
            "HEARTBEAT_DEFAULT_MODEL": "openai:scripted",
        }
        settings = Settings(_env_file=None, data_dir=home, temporal_port=temporal_port, temporal_ui_port=ui_port)
        self.temporal = Process(temporal_server.command(settings), environment)
        self.api = Process([str(BIN / "heartbeat"), "api"], environment)
        self.worker = Process([str(BIN / "heartbeat"), "worker"], environment)
        project = self.database.write_now(lambda c: create_project(c, "Outages", datetime.now(UTC)))
        key = self.database.write_now(lambda c: create_key(c, project, "key", datetime.now(UTC))).secret
        self.project = project.uuid
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
            timeout=20,
        )

    def post(self, call: str, **body: Any) -> httpx.Response:
        return self.http.post(f"/v1/bot/{call}", json={"project_id": self.project, **body})

    def ready(self) -> bool:
        try:
            return self.http.get("/readyz").is_success
        except httpx.HTTPError:
            return False

    def close(self) -> None:
        self.http.close()
        for process in (self.api, self.worker, self.temporal):
            process.close()
        self.database.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as running:
        model = running.enter_context(closing(ModelServer()))
        model.script(says("Fine.", 900, 50))
        yield running.enter_context(closing(Site(tmp_path, model)))


def until(what: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def wait_for_second(second: int) -> None:
    """Until the clock's next such second: an outage is aimed at a tick."""
    now = datetime.now(UTC)
    time.sleep((second - now.second - now.microsecond / 1e6) % 60)


def rows(site: Site, table: type) -> list[Any]:
    return site.database.read_now(lambda c: many(c, table, select(columns(table))))


def test_everything_is_killed_in_turn(site: Site) -> None:
    until(site.ready, 60)
    bot = site.post("create", name="Outages", heartbeat=1).json()["bot"]["uuid"]
    for number in range(HEARTBEATS):
        asked = {"bot_id": bot, "prompt": f"Watch {number}", "cron_pattern": "* * * * *", "enabled": True}
        assert site.post("heartbeat/configure", **asked).is_success
    wait_for_second(50)

    site.temporal.kill()
    time.sleep(40)
    site.temporal.start()
    until(site.ready, 60)
    wait_for_second(50)

    site.worker.kill()
    time.sleep(180)
    site.worker.start()
    until(site.ready, 60)
    wait_for_second(50)

    killed_during_configure(site, bot)
    wait_for_second(30)
    began = datetime.now(UTC)
    until(lambda: all_accounted_for(site, began), 240)
    check(site, began)


def killed_during_configure(site: Site, bot: str) -> None:
    """The API dies while a configure is on its way; asked again with the same key afterwards, it is there once."""
    asked = {"bot_id": bot, "prompt": "Watch more", "cron_pattern": "* * * * *", "enabled": True, "external_id": "more"}
    killer = subprocess.Popen(["sh", "-c", f"sleep 0.02; kill -9 -{site.api.process.pid}"])
    with suppress(httpx.HTTPError):
        site.post("heartbeat/configure", **asked)
    killer.wait()
    site.api.process.wait()
    site.api.start()
    until(site.ready, 60)
    assert site.post("heartbeat/configure", **asked).is_success
    assert len(rows(site, Heartbeat)) == HEARTBEATS + 1


def all_accounted_for(site: Site, until_: datetime) -> bool:
    running = [run for run in rows(site, Run) if run.status == "running"]
    return not running and all(row.accounted_until > until_ - MINUTE for row in rows(site, Heartbeat))


def check(site: Site, until_: datetime) -> None:
    runs, entries = rows(site, Run), rows(site, Entry)
    for heartbeat in rows(site, Heartbeat):
        mine = [run.scheduled_for for run in runs if run.heartbeat_id == heartbeat.id]
        assert [tick for tick, count in Counter(mine).items() if count > 1] == []
        due = cadence_of(heartbeat).between(heartbeat.created_at, until_ - MINUTE)
        assert [tick for tick in due if tick not in mine] == []
        assert heartbeat.period_credits == sum(e.credits for e in entries if e.heartbeat_id == heartbeat.id)
    executed = [run for run in runs if run.status in ("success", "error")]
    settled = Counter(entry.run_id for entry in entries if entry.kind == "settle")
    assert settled == Counter(run.id for run in executed if run.tokens_used)
    assert site.database.read_now(audit) == []
    assert {run.status for run in runs} <= {"success", "skipped"}
    print(Counter((run.status, run.skip_reason) for run in runs))
