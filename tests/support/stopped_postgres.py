"""A PostgreSQL that stands still: its processes are stopped, so its connections stay open and nothing comes back."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from heartbeat.store.database.database import Database
from tests.support.patience import wait_until


@contextmanager
def stopped_server(database: Database) -> Iterator[None]:
    """No connection of this database is served, and none is accepted, for as long as the body runs."""
    home, name = database.read_now(_home_and_name)
    postmaster = int((Path(home) / "postmaster.pid").read_text().split()[0])
    with stopped({postmaster}), stopped(_backends(postmaster, name)):
        yield


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


def _home_and_name(connection: Connection) -> tuple[str, str]:
    """The server's directory and the database's name."""
    return tuple(connection.exec_driver_sql("SELECT current_setting('data_directory'), current_database()").one())


def _backends(postmaster: int, name: str) -> set[int]:
    """The processes for this database's connections, of a server that forks no more.

    A connection that is being opened is not in `pg_stat_activity` yet. Its process still has the server's own title,
    and soon one that names its database.
    """
    wait_until(lambda: _title(postmaster) not in {_title(pid) for pid in _children(postmaster)})
    return {pid for pid in _children(postmaster) if name in _title(pid).split()}


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except FileNotFoundError:
        return ""
