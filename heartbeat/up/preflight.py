"""What `up` checks before it starts anything: that its data directory is its own, and that its ports are free."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heartbeat.secrets.private_files import private_directory, private_file

LOCK = "up.lock"


class CannotStart(Exception):
    """The command cannot start; the message is one line and says what to do."""


@dataclass(frozen=True)
class Port:
    """A port to be listened on, and how the user names another."""

    number: int
    host: str
    purpose: str
    flag: str


@contextmanager
def data_directory(path: Path) -> Iterator[None]:
    """Create the directory and hold its lock until the block ends; raises `CannotStart` when another `up` holds it.

    It is nobody's but its owner's, and so are the files that this process and its children make meanwhile.
    """
    mask = os.umask(0o077)
    try:
        with _locked(path):
            yield
    finally:
        os.umask(mask)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        private_directory(path)
        for name in path.glob("*.db*"):
            private_file(name)
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
    by_number: dict[int, Port] = {}
    for port in ports:
        if other := by_number.get(port.number):
            raise CannotStart(
                f"Port {port.number} is wanted for {other.purpose} and for {port.purpose}; "
                f"choose another with {port.flag}."
            )
        by_number[port.number] = port
        if not is_free(port.number, port.host):
            raise CannotStart(
                f"Port {port.number} for {port.purpose} is taken; end what uses it, or choose another with {port.flag}."
            )


def is_free(number: int, host: str = "127.0.0.1") -> bool:
    """Tell whether a server could listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # Else a port whose server has just ended would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Pick a port of the loopback on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number
