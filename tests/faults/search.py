"""Everything that the stack has written or shows, to look for secrets in it."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import psycopg

from tests.faults.canaries import Canaries
from tests.faults.postgres import Postgres
from tests.faults.stack import Stack
from tests.support.archived_postgres import PROGRAMS
from tests.support.patience import PATIENCE, wait_until
from tests.support.processes import run_command
from tests.support.small_disk import FILLER

# No secrets: where these are not found either, nobody has looked.
CONTROL, MEASURED = b"Watch, version", b"heartbeat_database_connections"


def search(stack: Stack, canaries: Canaries) -> set[str]:
    """Note each secret in a file, a row, a metric, a trace or a backup; returns where the control is."""
    places = set()
    for where, content in _contents(stack):
        canaries.look_for(where, [content])
        places |= {where} if (MEASURED if where == "a metric" else CONTROL) in content else set()
    return places


def _contents(stack: Stack) -> Iterator[tuple[str, bytes]]:
    homes = [stack.home]
    if stack.postgres:
        homes.append(stack.postgres.home)
        yield from _rows(stack.postgres)
        # As it is without compression: in the other a secret would be there and not be seen.
        dump = [PROGRAMS / "pg_dump", "--format=custom", "--compress=none", stack.postgres.url]
        yield "a dump", subprocess.run(dump, capture_output=True, check=True).stdout
    else:
        backup = stack.home / "backup"
        variables = {"HEARTBEAT_DATA_DIR": str(stack.home)}
        assert run_command("backup", str(backup), **variables).code == 0
    for home in homes:
        yield from _files(home)
    for url in stack.own_urls.values():
        yield "a metric", _metrics(f"{url}/metrics")
    if stack.collector:
        for span in stack.collector.spans:
            yield "a trace", str(span).encode()


def _metrics(url: str) -> bytes:
    """What is shown there once it is: a worker that has too much to do to hear what its SDK counts answers 500."""
    ask = partial(httpx.get, url, trust_env=False, timeout=PATIENCE)
    return wait_until(ask, lambda answer: answer.is_success).content


def _files(home: Path) -> Iterator[tuple[str, bytes]]:
    for path in home.rglob("*"):
        # The databases make and remove files at any time.
        with suppress(FileNotFoundError):
            if path.is_file() and path.name != FILLER:
                yield path.name, path.read_bytes()


def _rows(postgres: Postgres) -> Iterator[tuple[str, bytes]]:
    """The rows as text: in the files long ones are compressed."""
    with psycopg.connect(postgres.url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            with connection.cursor().copy(f'COPY "{table}" TO STDOUT') as rows:  # type: ignore[call-overload]
                yield f"the table {table}", b"".join(bytes(row) for row in rows)
