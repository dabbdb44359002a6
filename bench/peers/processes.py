"""The processes of one world: started, killed without a word, and measured."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from bench.processes import OWN, wait_for_port


class Processes:
    """Processes by name, each with a log file in `home`; a name can be started again."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        # Servers that were started by somebody else, such as PostgreSQL.
        self.servers: dict[str, int] = {}

    def start(self, name: str, command: Sequence[str], variables: Mapping[str, str], port: int | None = None) -> None:
        """Start one and, with a `port`, wait until it listens there. Its standard input is a pipe."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(OWN)}
        log = self._home / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=self._home,
                env=inherited | dict(variables),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running[name] = process
        if port:
            wait_for_port(process, port, log)

    def tell(self, name: str, line: str) -> None:
        """Write a line to the standard input of one."""
        pipe = self._running[name].stdin
        assert pipe is not None
        pipe.write(f"{line}\n".encode())
        pipe.flush()

    def check(self) -> None:
        """Raise `RuntimeError` with the log of a process that ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                log = (self._home / f"{name}.log").read_text()
                raise RuntimeError(f"{name} ended with {process.returncode}:\n{log[-3000:]}")

    def kill(self, name: str) -> None:
        """Kill one with all its children, as kill -9 does."""
        process = self._running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def end(self) -> None:
        for name in [*self._running]:
            self.kill(name)

    def cpu_seconds(self) -> dict[str, float]:
        """Measure the CPU time that each process and its children used so far."""
        return {name: sum(map(_cpu_seconds, _family(pid))) for name, pid in self._pids().items()}

    def memory_mb(self) -> dict[str, float]:
        """Measure what each process and its children hold in MB; what several share is divided among them."""
        return {
            name: sum(one.memory_full_info().pss for one in _family(pid)) / 1e6 for name, pid in self._pids().items()
        }

    def _pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._running.items()} | self.servers


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _cpu_seconds(process: psutil.Process) -> float:
    """Measure the CPU time of a process and of those of its children that have ended."""
    try:
        return float(sum(process.cpu_times()[:4]))
    except psutil.NoSuchProcess:
        return 0.0
