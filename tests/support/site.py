"""Temporal, API and worker as processes of their own, each killed without a word and started again."""

import asyncio
import os
import signal
import subprocess
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.service import RPCError

from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, many
from heartbeat.store.migrations import migrate
from heartbeat.store.projects.projects import create_key, create_project
from heartbeat.temporal.client import connect
from heartbeat.up import temporal_server
from tests.support.model_server import ModelServer
from tests.support.patience import PATIENCE, wait_until
from tests.support.ports import free_ports
from tests.support.processes import start


class Temporal:
    """The server on a file of the site's."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers: a fork asks it at once, and a worker ends when nobody answers."""
        command = temporal_server.command(self._settings)
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: asyncio.run(self._answers()))

    async def _answers(self) -> bool:
        try:
            client = await connect(self._settings, lazy=False)
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
        except (RuntimeError, RPCError):
            return False
        return True

    @property
    def pids(self) -> list[int]:
        return [self._process.pid]

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself, or was killed."""
        return self._process.poll() is not None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Fork:
    """One process of the product: `main()` of a module, on these variables."""

    def __init__(self, module: str, output: Path, variables: dict[str, str]) -> None:
        output.mkdir()
        self._start = partial(start, module, output=output, **variables)
        self.start()

    def start(self) -> None:
        self._process = self._start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()
        self.wait()

    def wait(self) -> None:
        self._process.join()

    @property
    def pids(self) -> list[int]:
        return [self.pid]

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself, or was killed."""
        return self._process.exitcode is not None

    def stands_still(self) -> bool:
        """Whether it was stopped (SIGSTOP) and waits to be continued."""
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(self.pid)], capture_output=True, text=True)
        return state.stdout.startswith("T")

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


class Site:
    """The stack on one SQLite store, with a project, a key and a client; `variables` are further settings of all."""

    def __init__(self, home: Path, model: ModelServer, worker: str = "worker", **variables: str) -> None:
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
        settings = Settings(_env_file=None, data_dir=home, temporal_port=self.temporal_port, temporal_ui_port=ui_port)
        self.temporal = Temporal(settings)
        self.api = Fork("api.__main__", home / "api", own | variables)
        self.worker = Fork(worker, home / "worker", own | variables)

    def post(self, call: str, **body: Any) -> httpx.Response:
        return self.http.post(f"/v1/bot/{call}", json={"project_id": self.project, **body})

    def rows(self, table: type) -> list[Any]:
        return self.database.read_now(lambda c: many(c, table, select(columns(table)).order_by(columns(table).c.id)))

    def ready(self) -> bool:
        try:
            return self.http.get("/readyz").is_success
        except httpx.HTTPError:
            return False

    def restart(self, *killed: Temporal | Fork) -> None:
        """Start again what was killed, Temporal first, and wait until all is ready."""
        for process in sorted(killed, key=lambda one: one is not self.temporal):
            process.start()
        wait_until(self.ready)

    def close(self) -> None:
        self.http.close()
        for process in (self.api, self.worker, self.temporal):
            process.kill()
        self.database.close()
