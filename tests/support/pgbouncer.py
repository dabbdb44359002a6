"""PgBouncer in front of the tests' PostgreSQL, in transaction mode."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support.patience import wait_until
from tests.support.ports import free_ports

INSTALLED = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
MISSING = "pgbouncer (Debian's package) is not installed"
CONFIGURATION = """
[databases]
{name} = host={host} port={port} user={user} dbname={name}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
unix_socket_dir =
ignore_startup_parameters = {ignored}
logfile = {home}/log
pidfile = {home}/pid
"""


@contextmanager
def pooled(url: str, ignored: str) -> Iterator[str]:
    """The URL of the same database through PgBouncer, which does not look at the startup parameters in `ignored`.

    In CI it has to be there.
    """
    if INSTALLED is None:
        assert "CI" not in os.environ, MISSING
        pytest.skip(MISSING)
    with psycopg.connect(url) as connection:
        info = connection.info
        at = {"name": info.dbname, "user": info.user, "host": info.host, "port": info.port}
    [listen] = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="hbpgb") as home:
        (Path(home) / "ini").write_text(CONFIGURATION.format(**at, listen=listen, home=home, ignored=ignored))
        process = subprocess.Popen([INSTALLED, "-q", *_user(at["host"], home), f"{home}/ini"])
        through = f"postgresql://{at['user']}@127.0.0.1:{listen}/{at['name']}"
        try:
            wait_until(lambda: _answers(through))
            yield through
        finally:
            process.terminate()
            process.wait()


def _user(socket_dir: str, home: str) -> list[str]:
    """As root it does not run: then as whoever may enter the folder of PostgreSQL's socket."""
    if os.getuid() != 0:
        return []
    owner = os.stat(socket_dir).st_uid
    os.chown(home, owner, -1)
    return ["-u", pwd.getpwuid(owner).pw_name]


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.Error:
        return False
    return True
