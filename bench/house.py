"""The product as `heartbeat up` starts it, with an instant model, and a bare worker on the same server."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from bench.processes import PYTHON, free_ports, running, wait_for_port
from heartbeat.settings import Plan, Settings
from heartbeat.store import migrate
from heartbeat.store.access import access
from heartbeat.store.bots import create_bot
from heartbeat.store.configure import Wish, configure
from heartbeat.store.database import Database
from heartbeat.store.projects import create_key, create_project
from heartbeat.store.tables import Bot, Heartbeat, Project
from heartbeat.up import temporal_server

Process = subprocess.Popen[bytes]
HERD = 100


@dataclass(frozen=True)
class Tenant:
    """One project with its key, one bot and its heartbeats."""

    project: Project
    key: str
    bot: Bot
    heartbeats: list[Heartbeat]


@dataclass(frozen=True)
class House:
    """What runs, and how to reach it."""

    settings: Settings
    database: Database
    tenant: Tenant
    worker: Process
    api: Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}/v1/bot/heartbeat"


@contextmanager
def house() -> Iterator[House]:
    """Temporal, the instant model, a bare worker, and the product's worker and API, in a directory of their own."""
    with tempfile.TemporaryDirectory(prefix="heartbeat-bench-") as directory, ExitStack() as open_here:
        home = Path(directory)
        model, *ports = free_ports(4)
        settings = _settings(home, model, *ports)
        migrate.upgrade(settings.store_url())
        database = Database(settings.store_url())
        open_here.callback(database.close)
        tenant = database.write_now(lambda connection: seed(connection, HERD))

        def start(name: str, command: list[str], port: int | None = None) -> Process:
            process = open_here.enter_context(running(command, home / f"{name}.log", _variables(settings)))
            if port:
                wait_for_port(process, port, home / f"{name}.log")
            return process

        start("temporal", temporal_server.command(settings), settings.temporal_port)
        start("model", [sys.executable, "-m", "bench.provider", str(model)], model)
        start("bare", [sys.executable, "-m", "bench.bare", settings.temporal_target()])
        worker = start("worker", [*PYTHON, "worker"])
        api = start("api", [*PYTHON, "api"], settings.port)
        yield House(settings, database, tenant, worker, api)


def _settings(home: Path, model: int, port: int, temporal_port: int, ui_port: int) -> Settings:
    return Settings(
        _env_file=None,
        data_dir=home,
        port=port,
        temporal_port=temporal_port,
        temporal_ui_port=ui_port,
        openai_base_url=f"http://127.0.0.1:{model}/v1",
        openai_api_key="bench",
    )


def _variables(settings: Settings) -> dict[str, str]:
    """The settings as the processes read them."""
    return {
        "HEARTBEAT_DATA_DIR": str(settings.data_dir),
        "HEARTBEAT_PORT": str(settings.port),
        "HEARTBEAT_TEMPORAL_PORT": str(settings.temporal_port),
        "HEARTBEAT_TEMPORAL_UI_PORT": str(settings.temporal_ui_port),
        "OPENAI_BASE_URL": settings.openai_base_url or "",
        "OPENAI_API_KEY": "bench",
    }


def seed(connection: Connection, heartbeats: int) -> Tenant:
    """A project as its owner would have made it; every heartbeat is due each minute."""
    now = datetime.now(UTC)
    project = create_project(connection, "Bench", now)
    key = create_key(connection, project, "bench", now).secret
    fields = {"name": "Bench", "model": "openai:instant", "instruction": "Be brief.", "heartbeat": True}
    bot = create_bot(connection, project, fields, now)
    opened = access(connection, key, bot.uuid)
    assert opened is not None
    wishes = [
        Wish({"prompt": f"Check queue {number}.", "cron_pattern": "* * * * *"}, enabled=True)
        for number in range(heartbeats)
    ]
    return Tenant(project, key, bot, [configure(connection, opened, Plan(), wish, now) for wish in wishes])
