"""The real processes, as many of each as wanted, on either store: what is killed is started again, as an init does."""

import asyncio
import json
import os
import signal
import sys
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from heartbeat.domain.secret_keys import new_key
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.migrations import migrate
from heartbeat.store.projects.projects import create_key, create_project
from tests.faults import pipe_server
from tests.faults.callers import ANSWER_SECONDS
from tests.faults.descent import Descent
from tests.faults.disk import disk_in, short_directory
from tests.faults.links import Links
from tests.faults.measures import schedules_of, size
from tests.faults.outside import Outside
from tests.faults.own_clock import LIBRARIES, OwnClock
from tests.faults.parts import Part, Shape
from tests.faults.plan import Breakable
from tests.faults.postgres import Postgres
from tests.support.collector import Collector
from tests.support.patience import wait_until
from tests.support.ports import free_ports
from tests.support.site import Fork, Temporal

TRACED = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


@dataclass
class Stack:
    """`parts` by name, in the order in which they start; `links` between them by name."""

    home: Path
    outside: Outside
    shape: Shape
    running: ExitStack
    parts: dict[str, Part] = field(default_factory=dict)
    urls: list[str] = field(default_factory=list)
    own_urls: dict[str, str] = field(default_factory=dict)
    descent: Descent = field(default_factory=Descent)

    def __post_init__(self) -> None:
        self.collector = self.running.enter_context(closing(Collector())) if self.shape.linked else None
        self.links = self.running.enter_context(closing(Links()))
        self.postgres = None if self.shape.store == "SQLite" else self._started_postgres()
        if not self.postgres:
            self.home = disk_in(self.home, self.shape, self.running)
        self.database_url = self.postgres.url if self.postgres else f"sqlite:///{self.home / 'heartbeat.db'}"
        migrate.upgrade(self.database_url)
        with closing(Database(self.database_url)) as database:
            project = database.write_now(lambda c: create_project(c, "Faults", datetime.now(UTC)))
            self._key = database.write_now(lambda c: create_key(c, project, "key", datetime.now(UTC))).secret
        self.project, self._secret_key = project.uuid, new_key()
        self.outside.canaries.of_the_stack |= {"key": self._key, "secret_key": self._secret_key.partition(":")[2]}
        temporal_port, ui_port = free_ports(2)
        self._temporal = ("127.0.0.1", temporal_port)
        self._add(
            "temporal",
            Temporal(
                Settings(_env_file=None, data_dir=self.home, temporal_port=temporal_port, temporal_ui_port=ui_port)
            ),
        )
        for number in range(1, self.shape.each + 1):
            self._add_process(f"api {number}", "api.__main__", "HEARTBEAT_PORT")
        for number in range(1, self.shape.each + 1):
            self._add_process(f"worker {number}", "worker", "HEARTBEAT_METRICS_PORT")

    def addresses(self) -> dict[str, str]:
        """Where workers reach what users name."""
        ports = {"inbox": self.outside.inbox.port, "desk": port_of(self.outside.desk.url)}
        ways = {name: self._way(f"workers to {name}", ("127.0.0.1", port)) for name, port in ports.items()}
        return {name: f"http://127.0.0.1:{port}/{'mcp' if name == 'desk' else ''}" for name, port in ways.items()}

    def client(self, url: str) -> httpx.Client:
        headers = {"authorization": f"Bearer {self._key}"}
        return httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=ANSWER_SECONDS)

    def ready(self) -> bool:
        """Whether every API says so."""
        try:
            return all(httpx.get(f"{url}/readyz", trust_env=False, timeout=2).is_success for url in self.urls)
        except httpx.HTTPError:
            return False

    def start(self, names: tuple[str, ...]) -> None:
        for name in self.parts:
            if name in names:
                self.parts[name].start()

    @property
    def pids(self) -> list[int]:
        return [pid for part in self.parts.values() for pid in part.pids]

    @property
    def disk(self) -> Path:
        """What is filled."""
        return self.postgres.home if self.postgres else self.home

    @property
    def needs_disk(self) -> Part:
        """The part that cannot begin while the disk is full."""
        return self.parts["postgres" if self.postgres else "temporal"]

    @property
    def pipes(self) -> Path:
        """Where each tool server over a pipe notes that it was started."""
        return self.home / "pipes"

    def revive(self) -> None:
        """A process ends by itself where it cannot begin its work; whoever runs it starts it again."""
        self.descent.look(self.pids)
        for part in self.parts.values():
            if part.ended:
                part.start()

    def signal(self, name: str, number: signal.Signals) -> None:
        for pid in self.parts[name].pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def sizes(self) -> dict[str, tuple[int, int]]:
        """How large the APIs, the workers and Temporal are."""
        return {name: size(part.pids[0]) for name, part in self.parts.items() if name != "postgres"}

    def left(self) -> list[str]:
        """What was started and belongs to no part any more, or to one that has ended."""
        return self.descent.left([part.pids[0] for part in self.parts.values() if not part.ended])

    def stop(self) -> list[str]:
        """End all as an init does, the last started first; returns which part does not end, and what is left."""
        wrong = []
        self.descent.look(self.pids)
        for name, part in reversed(self.parts.items()):
            self.signal(name, signal.SIGTERM)
            try:
                wait_until(lambda part=part: part.ended)  # type: ignore[misc]
            except AssertionError:
                wrong.append(f"{name} does not end")
        with suppress(AssertionError):
            wait_until(lambda: not self.left())
        return wrong + self.left()

    def schedules(self) -> dict[str, bool]:
        """What Temporal has."""
        return asyncio.run(schedules_of(self._temporal))

    def _started_postgres(self) -> Postgres:
        home = disk_in(self.running.enter_context(short_directory()), self.shape, self.running)
        postgres = self.running.enter_context(closing(Postgres(home)))
        self.parts["postgres"] = postgres
        return postgres

    def _add(self, name: str, part: Part) -> None:
        self.parts[name] = part
        self.running.callback(part.kill)

    def _add_process(self, name: str, module: str, port_is: str) -> None:
        [port] = free_ports(1)
        if name.startswith("api"):
            self.urls.append(f"http://127.0.0.1:{self._way(f'callers to {name}', ('127.0.0.1', port))}")
        self.own_urls[name] = f"http://127.0.0.1:{port}"
        has_clock = self.postgres and LIBRARIES and name.endswith(str(self.shape.each))
        process = OwnClock if has_clock and self.shape.linked else Fork
        self._add(name, process(module, self._output(name), self._own(name) | {port_is: str(port)}))

    def _own(self, name: str) -> dict[str, Any]:
        """The settings of a process: its own way to each other part."""
        url = self.database_url
        if self.postgres and self.shape.linked:
            port = self.links.add(f"{name} to postgres", self.postgres.socket)
            url = f"postgresql://postgres@127.0.0.1:{port}/heartbeat"
        model_port = port_of(self.outside.model.base_url)
        if name.startswith("worker"):
            model_port = self._way(f"{name} to model", ("127.0.0.1", model_port))
        traces = {"OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.url, TRACED: "true"} if self.collector else {}
        return traces | {
            "HEARTBEAT_DATABASE_URL": url,
            "HEARTBEAT_PUBLIC_URL": self.urls[0],
            "HEARTBEAT_SECRET_KEYS": self._secret_key,
            "HEARTBEAT_EGRESS_ALLOW": '["127.0.0.1"]',
            "HEARTBEAT_DEFAULT_MODEL": "openai:scripted",
            "HEARTBEAT_STDIO_TOOLS": json.dumps(
                {"pipe": {"command": sys.executable, "args": [pipe_server.SCRIPT, str(self.pipes)]}}
            ),
            "TEMPORAL_ADDRESS": f"127.0.0.1:{self._way(f'{name} to temporal', self._temporal)}",
            "OPENAI_API_KEY": self.outside.canaries.model_key,
            "OPENAI_BASE_URL": f"http://127.0.0.1:{model_port}/v1",
        }

    def breakable(self) -> Breakable:
        """What can be broken of it."""
        clocks = tuple(name for name, part in self.parts.items() if isinstance(part, OwnClock))
        disks = ("disk",) if os.path.ismount(self.disk) else ()
        return Breakable(tuple(self.parts), tuple(self.links.all), clocks, disks)

    def step(self, name: str, seconds: float) -> None:
        """Set the clock of a part so far ahead."""
        part = self.parts[name]
        assert isinstance(part, OwnClock)
        part.step(seconds)

    def _way(self, name: str, target: tuple[str, int]) -> int:
        return self.links.add(name, target) if self.shape.linked else target[1]

    def _output(self, name: str) -> Path:
        return self.home / name.replace(" ", "")


def port_of(url: str) -> int:
    return int(httpx.URL(url).port or 0)
