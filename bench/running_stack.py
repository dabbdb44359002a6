"""The product as `heartbeat up` starts it, with an instant model, and a bare worker on the same server."""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
from temporalio.client import Client

from bench.processes import BENCH, PYTHON, Process, free_ports, running
from bench.tenant import Tenant, seed
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.migrations import migrate
from heartbeat.temporal.client import connect
from heartbeat.temporal.schedules import Schedules
from heartbeat.up import temporal_server

KEY = "bench"
READY_SECONDS = 60.0
# Schedules that are created side by side.
AT_ONCE = 20


@dataclass(frozen=True)
class RunningStack:
    """The processes, and how to reach them. `home` is the directory of their files and logs."""

    home: Path
    settings: Settings
    database: Database
    tenant: Tenant
    worker: Process
    api: Process
    temporal: Process
    bare: Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    async def client(self) -> Client:
        return await connect(self.settings, lazy=False)

    async def create_schedules(self) -> None:
        """Give every heartbeat its schedule, else Upkeep would, in the middle of a measurement."""
        schedules = Schedules(await self.client(), self.database, self.settings)
        missing = [heartbeat.uuid for heartbeat in self.tenant.heartbeats]
        while missing:
            batch, missing = missing[:AT_ONCE], missing[AT_ONCE:]
            taken = await asyncio.gather(*(schedules.sync(uuid) for uuid in batch))
            missing += [uuid for uuid, is_there in zip(batch, taken, strict=True) if not is_there]


@contextmanager
def running_stack(
    heartbeats: int = 100,
    cron: str = "0 0 * * *",
    database_url: str | None = None,
    model_seconds: float = 0.0,
    plans: dict[str, dict[str, int]] | None = None,
) -> Iterator[RunningStack]:
    """Run Temporal, the instant model, a bare worker, and the product's worker and API; wait until all is ready.

    Without a `database_url` its store is SQLite. The model takes `model_seconds`; `plans` is as in `HEARTBEAT_PLANS`.
    """
    with tempfile.TemporaryDirectory(prefix="heartbeat-bench-") as directory, ExitStack() as exits:
        home = Path(directory)
        model_port, *ports = free_ports(4)
        settings = _settings(home, model_port, *ports, database_url=database_url, plans=plans or {})
        migrate.upgrade(settings.store_url())
        database = Database(settings.store_url())
        exits.callback(database.close)
        tenant = database.write_now(seed, heartbeats, cron=cron)
        commands = {
            "temporal": (temporal_server.command(settings), settings.temporal_port),
            "model": ([*BENCH, "bench.provider", str(model_port), str(model_seconds)], model_port),
            "bare": ([*BENCH, "bench.bare_worker", settings.temporal_target()], None),
            "worker": ([*PYTHON, "worker"], None),
            "api": ([*PYTHON, "api"], settings.port),
        }
        processes = {
            name: exits.enter_context(running(command, home / f"{name}.log", variables(settings), port))
            for name, (command, port) in commands.items()
        }
        named = {name: processes[name] for name in ("worker", "api", "temporal", "bare")}
        stack = RunningStack(home, settings, database, tenant, **named)
        _wait_until_ready(stack)
        yield stack


def _settings(home: Path, model_port: int, port: int, temporal_port: int, ui_port: int, **others: Any) -> Settings:
    return Settings(
        _env_file=None,
        data_dir=home,
        port=port,
        temporal_port=temporal_port,
        temporal_ui_port=ui_port,
        openai_base_url=f"http://127.0.0.1:{model_port}/v1",
        openai_api_key=KEY,
        # The gates that are measured look at this machine.
        egress_allow=["127.0.0.1"],
        **others,
    )


def variables(settings: Settings) -> dict[str, str]:
    """Write the settings as the environment variables of the processes."""
    store = {"HEARTBEAT_DATABASE_URL": settings.database_url} if settings.database_url else {}
    return store | {
        "HEARTBEAT_DATA_DIR": str(settings.data_dir),
        "HEARTBEAT_PORT": str(settings.port),
        "HEARTBEAT_TEMPORAL_PORT": str(settings.temporal_port),
        "HEARTBEAT_TEMPORAL_UI_PORT": str(settings.temporal_ui_port),
        "OPENAI_BASE_URL": settings.openai_base_url or "",
        "OPENAI_API_KEY": KEY,
        "HEARTBEAT_EGRESS_ALLOW": json.dumps(settings.egress_allow),
        "HEARTBEAT_PLANS": json.dumps({name: plan.model_dump() for name, plan in settings.plans.items()}),
    }


def _wait_until_ready(stack: RunningStack) -> None:
    deadline = monotonic() + READY_SECONDS
    while not (response := httpx.get(f"{stack.url}/readyz", trust_env=False)).is_success:
        if monotonic() > deadline:
            raise RuntimeError(f"the product is not ready: {response.text}")
        sleep(0.1)
