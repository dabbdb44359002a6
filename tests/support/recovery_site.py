"""The stack on a PostgreSQL that archives, and on a Temporal with a file of its own, which goes back by itself."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from heartbeat.backups.archive import copy_database
from heartbeat.domain.secret_keys import new_key
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, many
from heartbeat.store.migrations import migrate
from heartbeat.store.projects.projects import create_key, create_project
from heartbeat.store.tables.runs import Run
from heartbeat.up.temporal_server import DATABASE
from tests.support.archived_postgres import ArchivedPostgres
from tests.support.commands import Outcome
from tests.support.model_server import ModelServer
from tests.support.patience import PATIENCE, wait_until
from tests.support.ports import free_ports
from tests.support.processes import run_command
from tests.support.site import Fork, Temporal


@dataclass(frozen=True)
class Moment:
    """A time at which Temporal's file was copied, with what had been accepted and had ended by then."""

    name: str
    time: datetime
    temporal: Path
    prompts: dict[str, int]
    ended: dict[str, tuple[str, int]]


@dataclass
class RecoverySite:
    """Its processes run inside of `running`."""

    home: Path
    model: ModelServer
    accepted: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.postgres = ArchivedPostgres(self.home)
        migrate.upgrade(self.postgres.url)
        with closing(Database(self.postgres.url)) as database:
            project = database.write_now(lambda c: create_project(c, "Recovery", datetime.now(UTC)))
            key = database.write_now(lambda c: create_key(c, project, "key", datetime.now(UTC))).secret
        port, temporal_port, ui_port = free_ports(3)
        self.project, self._starts, self.url = project.uuid, count(1), f"http://127.0.0.1:{port}"
        self._temporal = Settings(
            _env_file=None, data_dir=self.home, temporal_port=temporal_port, temporal_ui_port=ui_port
        )
        self.http = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=PATIENCE
        )
        self._own = {
            "HEARTBEAT_DATABASE_URL": self.postgres.url,
            "HEARTBEAT_PORT": str(port),
            "HEARTBEAT_PUBLIC_URL": self.url,
            "HEARTBEAT_SECRET_KEYS": new_key(),
            "TEMPORAL_ADDRESS": f"127.0.0.1:{temporal_port}",
            "OPENAI_BASE_URL": self.model.base_url,
            "HEARTBEAT_DEFAULT_MODEL": "openai:scripted",
        }

    @contextmanager
    def running_temporal(self) -> Iterator[None]:
        temporal = Temporal(self._temporal)
        try:
            yield
        finally:
            temporal.kill()

    @contextmanager
    def running(self) -> Iterator[None]:
        """An API and a worker, which are killed."""
        number = next(self._starts)
        with ExitStack() as started:
            for module in ("api.__main__", "worker"):
                started.callback(Fork(module, self.home / f"{module}-{number}", self._own).kill)
            wait_until(self._ready)
            yield

    def command(self, *arguments: str) -> Outcome:
        return run_command(*arguments, **self._own)

    def post(self, call: str, **body: Any) -> dict[str, Any]:
        answer = self.http.post(f"/v1/bot/{call}", json={"project_id": self.project, **body})
        assert answer.is_success, answer.text
        return dict(answer.json())

    def rows(self, table: type) -> list[Any]:
        with closing(Database(self.postgres.url)) as database:
            return database.read_now(lambda c: many(c, table, select(columns(table)).order_by(columns(table).c.id)))

    def ended_runs(self) -> dict[str, tuple[str, int]]:
        """The status and the credits of each run that is over."""
        return {run.uuid: (run.status, run.credits_charged) for run in self.rows(Run) if run.finished_at}

    def moment(self, name: str) -> Moment:
        """What is so now: to what is said here a database that goes back to it is held."""
        prompts, ended, temporal = dict(self.accepted), self.ended_runs(), self.home / f"temporal-{name}.db"
        copy_database(self.home / DATABASE, temporal)
        return Moment(name, datetime.now(UTC), temporal, prompts, ended)

    def put_temporal_back(self, copy: Path) -> None:
        for file in self.home.glob(f"{DATABASE}*"):
            file.unlink()
        shutil.copy(copy, self.home / DATABASE)

    def _ready(self) -> bool:
        try:
            return self.http.get("/readyz").is_success
        except httpx.HTTPError:
            return False


class Load:
    """Somebody who edits and triggers one heartbeat after the other, until nothing answers any more."""

    def __init__(self, site: RecoverySite, bot: str, heartbeats: list[str]) -> None:
        self._site, self._bot, self._heartbeats = site, bot, heartbeats
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _go_on(self) -> None:
        for number in count(1):
            if self._over.wait(0.2):
                break
            heartbeat = self._heartbeats[number % len(self._heartbeats)]
            with suppress(httpx.HTTPError, AssertionError, json.JSONDecodeError):
                fields = {"uuid": heartbeat, "prompt": prompt_of(number), "cron_pattern": "* * * * *", "enabled": True}
                self._site.post("heartbeat/configure", bot_id=self._bot, **fields)
                self._site.accepted[heartbeat] = number
                self._site.post("heartbeat/trigger", bot_id=self._bot, heartbeat_id=heartbeat, wait=False)


def prompt_of(number: int) -> str:
    return f"Watch, version {number}"
