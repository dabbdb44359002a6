"""Processes of a benchmark: started with a log file, waited for by port, ended together."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

PYTHON = [sys.executable, "-P", "-m"]
STARTED_WITHIN = 60.0
# What the shell may hold must not decide how anything here behaves.
OWN = ("HEARTBEAT_", "TEMPORAL_", "OPENAI_", "ANTHROPIC_", "GOOGLE_", "GEMINI_", "OLLAMA_")


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without any of the product's settings but `variables`."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OWN)} | variables


@contextmanager
def running(command: Sequence[str], log: Path, settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process for as long as the body runs; what it says is in `log`."""
    with log.open("wb") as lines:
        process = subprocess.Popen(
            command, env=environment(**settings), stdin=subprocess.DEVNULL, stdout=lines, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return when somebody listens on the loopback's port; raises when the process has ended or takes too long."""
    deadline = monotonic() + STARTED_WITHIN
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or monotonic() > deadline:
            raise RuntimeError(f"{process.args} does not listen on {port}:\n{log.read_text()[-2000:]}")
        sleep(0.05)


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, all different."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def resident_mb(process: subprocess.Popen[bytes]) -> float:
    """The memory a process holds now, in MB of 10^6 bytes."""
    kilobytes = subprocess.run(["ps", "-o", "rss=", "-p", str(process.pid)], capture_output=True, text=True, check=True)
    return int(kilobytes.stdout) * 1024 / 1e6


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """The processor time a process has used so far."""
    times = subprocess.run(
        ["ps", "-o", "cputimes=", "-p", str(process.pid)], capture_output=True, text=True, check=True
    )
    return float(times.stdout)
