"""Processes of a benchmark: started with a log file, waited for by port, ended together."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

import psutil

Process = subprocess.Popen[bytes]

# `-P` keeps the current directory off the path; the product's packages are found where they are installed.
PYTHON = [sys.executable, "-P", "-m"]
BENCH = [sys.executable, "-m"]
START_SECONDS = 60.0
# Variables of the shell must not decide how anything here behaves.
OWN = ("HEARTBEAT_", "TEMPORAL_", "OPENAI_", "ANTHROPIC_", "GOOGLE_", "GEMINI_", "OLLAMA_")


@contextmanager
def running(
    command: Sequence[str], log: Path, settings: Mapping[str, str] | None = None, port: int | None = None
) -> Iterator[Process]:
    """Run a process for as long as the body runs, its output in `log`; with a `port`, wait until it listens there."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=inherited | dict(settings or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        if port:
            wait_for_port(process, port, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_port(process: Process, port: int, log: Path) -> None:
    deadline = monotonic() + START_SECONDS
    while not _listens(port):
        if process.poll() is not None or monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} does not listen on {port}:\n{log.read_text()[-2000:]}")
        sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Pick different ports on which nothing listens."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def cpu_ms(process: Process) -> float:
    """Read how long a process was at work so far, in milliseconds of a core."""
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system) * 1000


def cpu_ms_of_all(pid: int) -> float:
    """`cpu_ms` of a process and of those that it started, also of those that have ended."""
    parent = psutil.Process(pid)
    times = [parent.cpu_times()]
    for child in parent.children():
        # One that ends meanwhile is counted by its parent.
        with suppress(psutil.NoSuchProcess):
            times.append(child.cpu_times())
    ended = times[0].children_user + times[0].children_system
    return float(ended + sum(one.user + one.system for one in times)) * 1000


def resident_mb(process: Process) -> float:
    """Measure the memory a process holds, in MB."""
    command = ["ps", "-o", "rss=", "-p", str(process.pid)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1024
