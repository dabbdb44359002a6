"""`heartbeat up` and `heartbeat demo` as a user starts them: the real command, its own free ports and directory."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from temporalio.client import Client

from heartbeat.store.database.database import Database
from heartbeat.store.projects.projects import create_key, create_project
from tests.support.patience import PATIENCE, wait_until
from tests.support.ports import free_ports

# What the developer's own shell may hold must not decide how the stack behaves.
OWN = ("HEARTBEAT_", "TEMPORAL_", "OPENAI_", "ANTHROPIC_", "GOOGLE_", "GEMINI_", "OLLAMA_")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def command(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start `heartbeat …` with these variables and nothing else of its settings in the environment."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    # An Ollama of the developer's is none of a test's.
    environment = {**own, "OLLAMA_BASE_URL": "http://127.0.0.1:9/v1", **variables}
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("heartbeat")), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


class Embedded:
    """A running stack. `lines` is everything its terminal has shown so far."""

    def __init__(self, data_dir: Path, *flags: str, verb: str = "up", **variables: str) -> None:
        self.data_dir = data_dir
        self.port, self.temporal_port, self.ui_port = self.ports = free_ports(3)
        self.url = f"http://127.0.0.1:{self.port}"
        self.lines: list[str] = []
        ports = (f"--port={self.port}", f"--temporal-port={self.temporal_port}", f"--ui-port={self.ui_port}")
        self.process = command(verb, f"--data-dir={data_dir}", *ports, *flags, **variables)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_ready(self) -> "Embedded":
        self.wait_for(f"ready {self.url}")
        return self

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line that matches, once there is one."""

        def found() -> re.Match[str] | None:
            return next(filter(None, (re.search(pattern, line) for line in list(self.lines))), None)

        wait_until(lambda: found() or self.process.poll() is not None)
        match = found()
        assert match is not None, f"no {pattern!r} in:\n" + "\n".join(self.lines)
        return match

    def access(self) -> tuple[str, str]:
        """The first project and its key, as they were shown."""
        return self.wait_for(r"^project +(\S+)")[1], self.wait_for(r"^key +(\S+)")[1]

    def new_project(self) -> tuple[str, str]:
        """A project beside the first, and its key: for a test that shares the stack with others."""
        now = datetime.now(UTC)
        with closing(Database(f"sqlite:///{self.data_dir / 'heartbeat.db'}")) as database:
            project = database.write_now(create_project, "Another", now)
            return project.uuid, database.write_now(create_key, project, "key", now).secret

    async def temporal(self) -> Client:
        """A client of its Temporal."""
        return await Client.connect(f"127.0.0.1:{self.temporal_port}")

    def children(self) -> dict[int, str]:
        """Process id and command line of every child."""
        table = subprocess.run(["ps", "-Ao", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
        rows = (line.split(None, 2) for line in table.splitlines())
        return {int(row[0]): row[2] for row in rows if int(row[1]) == self.process.pid and len(row) == 3}

    def child(self, of: str) -> int:
        """The process id of the one child whose command line ends so."""
        (child_pid,) = [pid for pid, line in self.children().items() if line.endswith(of)]
        return child_pid

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Ask it to stop, and see it and all its children gone."""
        children = self.children()
        os.kill(self.process.pid, number)
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert [line for pid, line in children.items() if alive(pid)] == []
        assert [port for port in self.ports if listens(port)] == []

    def close(self) -> None:
        """For the end of a test, however it went: a stack that still runs is killed, and nothing of it survives."""
        children: dict[int, str] = {}
        if self.process.poll() is None:
            children = self.children()
            self.process.kill()
            self.process.wait()
        self._reader.join(PATIENCE)
        if self.process.stdout:
            self.process.stdout.close()
        if sys.platform == "linux":
            # Only Linux ends children with their parent.
            wait_until(lambda: [line for pid, line in children.items() if alive(pid)], lambda left: left == [])

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))


Start = Callable[..., Embedded]
