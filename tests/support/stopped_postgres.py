"""A PostgreSQL that stands still: its processes are stopped, so its connections stay open and nothing comes back."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heartbeat.store.database import Database


def backends(database: Database) -> set[int]:
    """The server's processes for this database's connections."""
    ours = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
    return database.read_now(lambda connection: set(connection.exec_driver_sql(ours).scalars()))


def server(database: Database) -> int:
    """The process that accepts new connections."""
    home = database.read_now(lambda connection: connection.exec_driver_sql("SHOW data_directory").scalar_one())
    return int((Path(home) / "postmaster.pid").read_text().split()[0])


@contextmanager
def stopped(pids: set[int]) -> Iterator[None]:
    """The processes stand still for as long as the body runs."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                continue
