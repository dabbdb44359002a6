"""Temporal, API and worker as processes of their own, each killed without a word and started again."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from heartbeat.settings import Settings
from heartbeat.store import migrate
from heartbeat.store.database import Database
from heartbeat.store.projects.projects import create_key, create_project
from heartbeat.store.rows import columns, many
from heartbeat.up import temporal_server
from tests.support.embedded import OWN, listens
from tests.support.model_server import ModelServer
from tests.support.patience import PATIENCE, wait_until
from tests.support.ports import free_ports

HEARTBEAT = str(Path(sys.executable).with_name("heartbeat"))
WORKER = (HEARTBEAT, "worker")


class Process:
    """One process of the stack, with whatever it started itself."""

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

    def stands_still(self) -> bool:
        """Whether it was stopped (SIGSTOP) and waits to be continued."""
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(self.process.pid)], capture_output=True, text=True)
        return state.stdout.startswith("T")

    def go_on(self) -> None:
        os.killpg(self.process.pid, signal.SIGCONT)

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()


class Site:
    """The stack on one SQLite store, with a project, a key and a client; `variables` are further settings of all."""

    def __init__(self, home: Path, model: ModelServer, worker: tuple[str, ...] = WORKER, **variables: str) -> None:
        self.port, self.temporal_port, ui_port = free_ports(3)
        self.database_url = f"sqlite:///{home / 'heartbeat.db'}"
        migrate.upgrade(self.database_url)
        self.database = Database(self.database_url)
        self.url = f"http://127.0.0.1:{self.port}"
        project = self.database.write_now(lambda c: create_project(c, "Site", datetime.now(UTC)))
        key = self.database.write_now(lambda c: create_key(c, project, "key", datetime.now(UTC))).secret
        self.project = project.uuid
        self.http = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=PATIENCE
        )
        own = {
            "HEARTBEAT_DATABASE_URL": self.database_url,
            "HEARTBEAT_PORT": str(self.port),
            "HEARTBEAT_PUBLIC_URL": self.url,
            "TEMPORAL_ADDRESS": f"127.0.0.1:{self.temporal_port}",
            "OPENAI_BASE_URL": model.base_url,
            "HEARTBEAT_DEFAULT_MODEL": "openai:scripted",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
        environment = inherited | own | variables
        settings = Settings(_env_file=None, data_dir=home, temporal_port=self.temporal_port, temporal_ui_port=ui_port)
        self.temporal = Process(temporal_server.command(settings), environment)
        self.api = Process([HEARTBEAT, "api"], environment)
        self.worker = Process(list(worker), environment)

    def post(self, call: str, **body: Any) -> httpx.Response:
        return self.http.post(f"/v1/bot/{call}", json={"project_id": self.project, **body})

    def rows(self, table: type) -> list[Any]:
        return self.database.read_now(lambda c: many(c, table, select(columns(table)).order_by(columns(table).c.id)))

    def ready(self) -> bool:
        try:
            return self.http.get("/readyz").is_success
        except httpx.HTTPError:
            return False

    def restart(self, *killed: Process) -> None:
        """Start again what was killed, Temporal first, and wait until all is ready."""
        for process in sorted(killed, key=lambda one: one is not self.temporal):
            process.start()
            if process is self.temporal:
                wait_until(lambda: listens(self.temporal_port))
        wait_until(self.ready)

    def close(self) -> None:
        self.http.close()
        for process in (self.api, self.worker, self.temporal):
            process.close()
        self.database.close()
