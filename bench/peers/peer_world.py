"""The worlds of the peers but Heartbeat: a script in an environment of its own, its servers, and two tables."""

import shutil
import subprocess
from collections import Counter
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from time import time

import psycopg

from bench.peers.world import Place, World, file_bytes, postgresql, temporal_server
from bench.processes import free_ports
from heartbeat.up.temporal_server import binary, tuning

FOLDER = Path(__file__).parent
ENVIRONMENTS = FOLDER.parents[1] / ".peers"
TABLES = (
    "CREATE TABLE result (id bigserial PRIMARY KEY, job text NOT NULL, answer text NOT NULL, "
    "at timestamptz NOT NULL DEFAULT clock_timestamp())",
    "CREATE TABLE charge (id bigserial PRIMARY KEY, job text NOT NULL, credits integer NOT NULL)",
)
KEYS = ("CREATE UNIQUE INDEX ON result (job)", "CREATE UNIQUE INDEX ON charge (job)")
# A peer that keys what it writes by workflow writes that behind the name of the job.
RESULTS = "SELECT split_part(job, '/', 1), count(*) FROM result GROUP BY 1"
CHARGES = "SELECT split_part(job, '/', 1), count(*) FROM charge GROUP BY 1"


class PeerWorld(World):
    """A peer that is one process: its worker is its clock, too."""

    folder: str
    clock = "worker"

    def __init__(self, place: Place, exits: ExitStack, better: bool) -> None:
        super().__init__(place, exits)
        self._better = better
        self._turns = 0
        self._variables = {
            "BENCH_MODEL_URL": place.model_url,
            "BENCH_HOME": str(place.home),
            "BENCH_BETTER": "1" if better else "",
            "PYTHONPATH": str(FOLDER),
        }

    @classmethod
    def missing(cls) -> str | None:
        """Say what is not on this machine that the peer needs."""
        made = (ENVIRONMENTS / cls.folder / ".complete").exists()
        return None if made else "its environment could not be made"

    def set_up(self, jobs: int, agents: int) -> None:
        url = postgresql(self.place, self.processes, self._exits)
        self._variables |= {"BENCH_DATABASE_URL": url, "BENCH_AGENTS": str(agents)}
        self._connection = self._exits.enter_context(psycopg.connect(url, autocommit=True))
        for table in TABLES:
            self._connection.execute(table)
        self.start_servers(jobs, agents)

    def start_servers(self, jobs: int, agents: int) -> None:
        """Start what there is beside PostgreSQL, and make the tables that the peer needs."""

    def start_worker(self) -> None:
        self.processes.start("worker", self._command("worker"), self._variables)

    def start_clock(self) -> None:
        self.start_worker()

    def start_jobs(self, jobs: int) -> float:
        """Let the script make the jobs due while the first of them are done already."""
        self._turns += 1
        command = self._command("start", self.place.name, str(jobs))
        with (self.place.home / "start.log").open("ab") as log:
            script = subprocess.Popen(
                command, env=self._script_variables(), stdout=subprocess.PIPE, stderr=log, cwd=self.place.home
            )
        self._exits.callback(script.kill)
        assert script.stdout is not None
        return float(script.stdout.readline())

    def start_backlog(self, jobs: int) -> None:
        self._run("start", self.place.name, str(jobs))
        self.start_worker()

    def results(self) -> Counter[str]:
        return Counter(dict(self._connection.execute(RESULTS).fetchall()))

    def charges(self) -> Counter[str]:
        return Counter(dict(self._connection.execute(CHARGES).fetchall()))

    def finished_at(self) -> float:
        row = self._connection.execute("SELECT extract(epoch FROM max(at))::float8 FROM result").fetchone()
        assert row is not None
        return float(row[0] or 0)

    def accounted(self, since: datetime, until: datetime) -> int:
        return 0

    def database_bytes(self) -> dict[str, int]:
        row = self._connection.execute("SELECT pg_database_size(current_database())").fetchone()
        assert row is not None
        return {"PostgreSQL": int(row[0])}

    def _command(self, *words: str) -> list[str]:
        python = ENVIRONMENTS / self.folder / "bin" / "python"
        return [str(python), str(FOLDER / self.folder / "agents.py"), *words]

    def _script_variables(self) -> dict[str, str]:
        return self._variables | {"BENCH_TURN": str(self._turns)}

    def _run(self, *words: str) -> None:
        """Run the script to its end."""
        command, variables = self._command(*words), self._script_variables()
        script = subprocess.run(command, env=variables, capture_output=True, text=True, cwd=self.place.home)
        if script.returncode:
            raise RuntimeError(f"{self.folder} {words[0]}: {script.stderr[-3000:]}")


class APScheduler(PeerWorld):
    """Its own process alone can give it jobs."""

    folder = "apscheduler"

    def start_jobs(self, jobs: int) -> float:
        due = time()
        self.processes.tell("worker", f"start {self.place.name} {jobs}")
        return due

    def start_backlog(self, jobs: int) -> None:
        self.start_worker()
        self.start_jobs(jobs)


class DBOS(PeerWorld):
    folder = "dbos"

    def start_servers(self, jobs: int, agents: int) -> None:
        self._run("setup")


class Procrastinate(PeerWorld):
    folder = "procrastinate"

    def start_servers(self, jobs: int, agents: int) -> None:
        self._run("setup")


class Celery(PeerWorld):
    folder = "celery"
    clock = "beat"

    @classmethod
    def missing(cls) -> str | None:
        if shutil.which("redis-server") is None:
            return "there is no redis-server, which Debian has in a package of that name"
        return super().missing()

    def start_servers(self, jobs: int, agents: int) -> None:
        [port] = free_ports(1)
        self._variables["BENCH_BROKER_URL"] = f"redis://127.0.0.1:{port}/0"
        redis = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(self.place.home)]
        self.processes.start("Redis", redis, {}, port)
        if agents:
            self.start_clock()

    def start_clock(self) -> None:
        self.processes.start("beat", self._command("clock"), self._variables)


class Temporal(PeerWorld):
    folder = "temporal"
    clock = "Temporal"

    def start_servers(self, jobs: int, agents: int) -> None:
        [self._port] = free_ports(1)
        self._variables["BENCH_TEMPORAL"] = f"127.0.0.1:{self._port}"
        self.start_clock()
        for key in KEYS if self._better else ():
            self._connection.execute(key)
        if agents:
            self._run("schedule", "clock", str(agents))

    def start_clock(self) -> None:
        words = [binary(), "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(self._port)]
        words += ["--log-level", "error", "--db-filename", str(self.place.home / "temporal.db")]
        temporal_server(self.processes, words + (tuning() if self._better else []), self._port)

    def database_bytes(self) -> dict[str, int]:
        return super().database_bytes() | {"Temporal": file_bytes(self.place.home / "temporal.db")}
