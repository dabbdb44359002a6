"""What `up` must have for itself before it starts anything: its data directory and its ports."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LOCK = "up.lock"


class CannotStart(Exception):
    """The command cannot do what was asked; the message is one line and says what to do."""


@dataclass(frozen=True)
class Port:
    """A port to be listened on, and how the user names another."""

    number: int
    host: str
    purpose: str
    flag: str


@contextmanager
def data_directory(path: Path) -> Iterator[None]:
    """Make the directory, and keep every other `up` out of it until the block ends; raises `CannotStart`."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (path / LOCK).open("a+")
    except OSError as problem:
        raise CannotStart(
            f"The data directory {path} cannot be used ({problem.strerror}); choose another with --data-dir."
        ) from problem
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise CannotStart(
                f"Another `heartbeat up` (process {holder}) uses {path}; stop it, or choose another with --data-dir."
            ) from problem
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def check_ports(ports: list[Port]) -> None:
    """Raise `CannotStart` when two are the same or one is taken, naming the flag that changes it."""
    seen: dict[int, Port] = {}
    for port in ports:
        if other := seen.get(port.number):
            raise CannotStart(
                f"Port {port.number} is wanted for {other.purpose} and for {port.purpose}; "
                f"choose another with {port.flag}."
            )
        seen[port.number] = port
        if not free(port.number, port.host):
            raise CannotStart(
                f"Port {port.number} for {port.purpose} is taken; end what uses it, or choose another with {port.flag}."
            )


def free(number: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # Without it, connections of a server that has just gone would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError:
            return False
        return True


def any_free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number
