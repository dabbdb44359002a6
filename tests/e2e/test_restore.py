"""The data directory is lost under load, and put back from a backup that was made while everything ran.

It needs minutes of real clock for its ticks, so it runs on its own: `make test-outages`.
"""

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from heartbeat.store.credits.audit import audit
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, many
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from tests.support.embedded import Embedded
from tests.support.model_server import ModelServer, says
from tests.support.patience import PATIENCE, wait_until
from tests.support.processes import run_command

pytestmark = pytest.mark.outage
HEARTBEATS = 4
MINUTE = timedelta(minutes=1)
PROJECT, KEY = "proj_mine", "a-key-of-my-own"


class Load:
    """Somebody who triggers a heartbeat after the other, whatever becomes of it."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False, timeout=PATIENCE
        )
        self.bot = self.post("create", name="Night watch", model="openai:scripted", heartbeat=1).json()["bot"]["uuid"]
        self.heartbeats = [self._heartbeat(number) for number in range(HEARTBEATS)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go_on)
        self._thread.start()

    def post(self, call: str, **body: Any) -> httpx.Response:
        return self.http.post(f"/v1/bot/{call}", json={"project_id": PROJECT, **body})

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.http.close()

    def _heartbeat(self, number: int) -> str:
        fields = {"bot_id": self.bot, "prompt": f"Watch {number}", "cron_pattern": "* * * * *", "enabled": True}
        uuid: str = self.post("heartbeat/configure", **fields).json()["heartbeat"]["uuid"]
        return uuid

    def _go_on(self) -> None:
        while not self._stop.wait(0.02):
            for heartbeat in self.heartbeats:
                with suppress(httpx.HTTPError):
                    self.post("heartbeat/trigger", bot_id=self.bot, heartbeat_id=heartbeat)


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with closing(ModelServer()) as server:
        server.script(says("Fine.", 900, 50))
        yield server


def rows(database: Database, table: type) -> list[Any]:
    return database.read_now(lambda c: many(c, table, select(columns(table)).order_by(columns(table).c.id)))


def test_a_data_directory_that_was_destroyed_is_put_back(model: ModelServer, tmp_path: Path) -> None:
    data, file, passphrase = tmp_path / "data", tmp_path / "backup", tmp_path / "passphrase"
    passphrase.write_text("correct horse battery")
    variables = {"OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "sk"}
    variables |= {"HEARTBEAT_PROJECT_ID": PROJECT, "HEARTBEAT_API_KEY": KEY}
    own, sealed = {"HEARTBEAT_DATA_DIR": str(data)}, f"--passphrase-file={passphrase}"
    with ExitStack() as running:
        stack = running.enter_context(closing(Embedded(data, **variables))).wait_ready()
        with closing(Load(stack.url)) as load:
            wait_until(lambda: len(model.requests) > 100)
            for _ in range(3):
                assert run_command("backup", str(file), sealed, **own).code == 0
            taken = datetime.now(UTC)
            more = len(model.requests) + 100
            wait_until(lambda: len(model.requests) > more)
            stack.process.kill()
            stack.process.wait()
        shutil.rmtree(data)

        restored = run_command("restore", str(file), sealed, **own)
        assert (restored.code, restored.err) == (0, ""), restored
        print(restored.out)
        stack = running.enter_context(closing(Embedded(data, **variables))).wait_ready()
        ports = {"HEARTBEAT_TEMPORAL_PORT": str(stack.temporal_port)}
        assert run_command("reconcile", **own, **ports).code == 0
        began = datetime.now(UTC)
        wait_until(lambda: all_accounted_for(data, began), seconds=240)
        again = httpx.post(
            f"{stack.url}/v1/bot/heartbeat/trigger",
            json={"project_id": PROJECT, "bot_id": load.bot, "heartbeat_id": load.heartbeats[0]},
            headers={"Authorization": f"Bearer {KEY}"},
            trust_env=False,
            timeout=PATIENCE,
        )
        assert again.json()["result"]["status"] == "success"
        stack.stop()
    check(data, taken, began)


def all_accounted_for(data: Path, began: datetime) -> bool:
    with closing(Database(f"sqlite:///{data / 'heartbeat.db'}")) as database:
        running = [run for run in rows(database, Run) if run.status == "running"]
        return not running and all(row.accounted_until > began + MINUTE for row in rows(database, Heartbeat))


def check(data: Path, taken: datetime, until: datetime) -> None:
    with closing(Database(f"sqlite:///{data / 'heartbeat.db'}")) as database:
        runs, heartbeats, entries = rows(database, Run), rows(database, Heartbeat), rows(database, Entry)
        assert database.read_now(audit) == []
    for heartbeat in heartbeats:
        ticks = [run.scheduled_for for run in runs if run.heartbeat_id == heartbeat.id and run.scheduled_for]
        assert [tick for tick, count in Counter(ticks).items() if count > 1] == []
        due = cadence_of(heartbeat).between(heartbeat.created_at, until)
        assert [tick for tick in due if tick not in ticks] == []
        assert heartbeat.restored_at is not None
    assert {run.credits_held for run in runs} == {0}
    assert {run.error_code for run in runs if run.status == "error"} <= {"restored"}
    settled = Counter(entry.run_id for entry in entries if entry.kind == "settle")
    assert [run for run, count in settled.items() if count > 1] == []
    print(Counter((run.status, run.skip_reason, run.error_code) for run in runs), "until", taken)
