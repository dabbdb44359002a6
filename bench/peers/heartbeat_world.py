"""The world of Heartbeat: what `heartbeat up` starts, on SQLite or PostgreSQL, with real schedules."""

import asyncio
import re
from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta
from time import time
from typing import Any

from sqlalchemy import Connection, Executable, Row, Select, func, select, text
from temporalio.client import Client, ScheduleBackfill, ScheduleOverlapPolicy

from bench.peers.world import Place, World, file_bytes, midnight, postgresql, temporal_server
from bench.processes import PYTHON, free_ports
from bench.tenant import seed
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.migrations import migrate
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.client import connect
from heartbeat.temporal.schedules import Schedules
from heartbeat.up.temporal_server import DATABASE, command

RUN, ENTRY = columns(Run), columns(Entry)
KEY = "bench"
# A thousand of them at once take a server longer than a request may by default.
PATIENCE = timedelta(seconds=60)
JOB = re.compile(r"agent-[a-z0-9]+-\d+")
DONE = select(RUN.c.prompt).where(RUN.c.status == "success")
CHARGED = select(RUN.c.prompt).join(ENTRY, ENTRY.c.run_id == RUN.c.id).where(ENTRY.c.credits > 0)


class HeartbeatWorld(World):
    """Temporal, the API and a worker; Temporal is the clock."""

    clock = "Temporal"

    def __init__(self, place: Place, exits: ExitStack, on_postgresql: bool) -> None:
        super().__init__(place, exits)
        self._on_postgresql = on_postgresql
        self._ticks = 0

    def set_up(self, jobs: int, agents: int) -> None:
        place = self.place
        url = postgresql(place, self.processes, self._exits) if self._on_postgresql else None
        port, temporal_port, ui_port = free_ports(3)
        self._settings = Settings(
            _env_file=None,
            data_dir=place.home,
            database_url=url,
            port=port,
            temporal_port=temporal_port,
            temporal_ui_port=ui_port,
            openai_base_url=place.model_url,
            openai_api_key=KEY,
        )
        migrate.upgrade(self._settings.store_url())
        self._database = Database(self._settings.store_url())
        self._exits.callback(self._database.close)
        name, cron = ("clock", "* * * * *") if agents else (place.name, "0 0 * * *")
        prompt = f"You are agent-{name}-{{}}."
        self._tenant = self._database.write_now(seed, agents or jobs, prompt, cron)
        self.start_clock()
        asyncio.run(self._create_schedules())
        self.processes.start("API", [*PYTHON, "api"], self._variables(), port)

    def start_worker(self) -> None:
        self.processes.start("worker", [*PYTHON, "worker"], self._variables())

    def start_clock(self) -> None:
        temporal_server(self.processes, command(self._settings), self._settings.temporal_port)

    def start_jobs(self, jobs: int) -> float:
        self._ticks += 1
        return asyncio.run(self._backfill(jobs))

    def results(self) -> Counter[str]:
        return self._count(DONE)

    def charges(self) -> Counter[str]:
        return self._count(CHARGED)

    def finished_at(self) -> float:
        return max((row[0].timestamp() for row in self._rows(select(RUN.c.finished_at)) if row[0]), default=0.0)

    def accounted(self, since: datetime, until: datetime) -> int:
        """Count the ticks that have a log although they did not run."""
        ticks = select(func.count()).where(
            RUN.c.scheduled_for > since, RUN.c.scheduled_for < until, RUN.c.status != "success"
        )
        return int(self._rows(ticks)[0][0])

    def database_bytes(self) -> dict[str, int]:
        sizes = {"Temporal": file_bytes(self.place.home / DATABASE)}
        if self._on_postgresql:
            size = self._rows(text("SELECT pg_database_size(current_database())"))
            return sizes | {"PostgreSQL": int(size[0][0])}
        return sizes | {"SQLite": file_bytes(self.place.home / "heartbeat.db")}

    def _count(self, prompts: Select[tuple[str]]) -> Counter[str]:
        return Counter(match[0] for [prompt] in self._rows(prompts) if (match := JOB.search(prompt)))

    def _rows(self, statement: Executable) -> list[Row[Any]]:
        def read(connection: Connection) -> list[Row[Any]]:
            return list(connection.execute(statement))

        return self._database.read_now(read)

    def _variables(self) -> dict[str, str]:
        settings = self._settings
        return {
            "HEARTBEAT_DATA_DIR": str(settings.data_dir),
            "HEARTBEAT_DATABASE_URL": settings.database_url or "",
            "HEARTBEAT_PORT": str(settings.port),
            "HEARTBEAT_TEMPORAL_PORT": str(settings.temporal_port),
            "HEARTBEAT_TEMPORAL_UI_PORT": str(settings.temporal_ui_port),
            "OPENAI_BASE_URL": self.place.model_url,
            "OPENAI_API_KEY": KEY,
        }

    async def _create_schedules(self) -> None:
        client = await connect(self._settings, lazy=False)
        schedules = Schedules(client, self._database, self._settings)
        limit = asyncio.Semaphore(10)

        async def create(heartbeat_uuid: str) -> None:
            async with limit:
                assert await schedules.sync(heartbeat_uuid)

        await asyncio.gather(*(create(heartbeat.uuid) for heartbeat in self._tenant.heartbeats))

    async def _backfill(self, jobs: int) -> float:
        """Tell schedules to start a midnight of the last days, which the server treats as a tick that is due."""
        client: Client = await connect(self._settings, lazy=False)
        tick = midnight(self._ticks)
        backfill = ScheduleBackfill(start_at=tick, end_at=tick, overlap=ScheduleOverlapPolicy.ALLOW_ALL)
        handles = [client.get_schedule_handle(heartbeat.uuid) for heartbeat in self._tenant.heartbeats[:jobs]]
        due = time()
        await asyncio.gather(*(handle.backfill(backfill, rpc_timeout=PATIENCE) for handle in handles))
        return due
