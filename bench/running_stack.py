"""The product as `heartbeat up` starts it, with an instant model, and a bare worker on the same server."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import httpx
from temporalio.client import Client

from bench.processes import BENCH, PYTHON, Process, free_ports, running
from bench.tenant import Tenant, seed
from heartbeat.settings import Settings
from heartbeat.store import migrate
from heartbeat.store.database import Database
from heartbeat.temporal import client as temporal
from heartbeat.temporal.schedules import Schedules
from heartbeat.up import temporal_server

KEY = "bench"
READY_WITHIN = 60.0


@dataclass(frozen=True)
class RunningStack:
    """What runs, and how to reach it. `home` is the directory of its files and logs."""

    home: Path
    settings: Settings
    database: Database
    tenant: Tenant
    worker: Process
    api: Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    async def client(self) -> Client:
        """A client of the embedded server."""
        return await temporal.connect(self.settings, lazy=False)

    async def follow(self) -> None:
        """Give every heartbeat its schedule; Upkeep would, in the middle of a measurement."""
        schedules = Schedules(await self.client(), self.database, self.settings)
        for row in self.tenant.heartbeats:
            assert await schedules.sync(row.uuid)


@contextmanager
def house() -> Iterator[RunningStack]:
    """Temporal, the instant model, a bare worker, and the product's worker and API, ready."""
    with tempfile.TemporaryDirectory(prefix="heartbeat-bench-") as directory, ExitStack() as stack:
        home = Path(directory)
        model, *ports = free_ports(4)
        settings = _settings(home, model, *ports)
        migrate.upgrade(settings.store_url())
        database = Database(settings.store_url())
        stack.callback(database.close)
        tenant = database.write_now(seed, heartbeats=100)

        def start(name: str, command: list[str], port: int | None = None) -> Process:
            return stack.enter_context(running(command, home / f"{name}.log", _variables(settings), port))

        start("temporal", temporal_server.command(settings), settings.temporal_port)
        start("model", [*BENCH, "bench.provider", str(model)], model)
        start("bare", [*BENCH, "bench.bare_worker", settings.temporal_target()])
        worker = start("worker", [*PYTHON, "worker"])
        opened = RunningStack(home, settings, database, tenant, worker, start("api", [*PYTHON, "api"], settings.port))
        _wait_until_ready(opened)
        yield opened


def _settings(home: Path, model: int, port: int, temporal_port: int, ui_port: int) -> Settings:
    return Settings(
        _env_file=None,
        data_dir=home,
        port=port,
        temporal_port=temporal_port,
        temporal_ui_port=ui_port,
        openai_base_url=f"http://127.0.0.1:{model}/v1",
        openai_api_key=KEY,
    )


def _variables(settings: Settings) -> dict[str, str]:
    """The settings as the processes read them."""
    return {
        "HEARTBEAT_DATA_DIR": str(settings.data_dir),
        "HEARTBEAT_PORT": str(settings.port),
        "HEARTBEAT_TEMPORAL_PORT": str(settings.temporal_port),
        "HEARTBEAT_TEMPORAL_UI_PORT": str(settings.temporal_ui_port),
        "OPENAI_BASE_URL": settings.openai_base_url or "",
        "OPENAI_API_KEY": KEY,
    }


def _wait_until_ready(opened: RunningStack) -> None:
    deadline = monotonic() + READY_WITHIN
    while not (answer := httpx.get(f"{opened.url}/readyz", trust_env=False)).is_success:
        if monotonic() > deadline:
            raise RuntimeError(f"the product is not ready: {answer.text}")
        sleep(0.1)
