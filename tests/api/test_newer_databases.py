"""An API process of the version before, beside a database that is migrated meanwhile."""

from contextlib import closing
from pathlib import Path

import httpx

from heartbeat.store.database.database import Database
from tests.support.databases import ON_SQLITE
from tests.support.newer_databases import migrate_further
from tests.support.patience import PATIENCE, wait_until
from tests.support.ports import free_port
from tests.support.processes import start


def is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).is_success
    except httpx.HTTPError:
        return False


@ON_SQLITE
def test_an_api_stops(database_url: str, tmp_path: Path) -> None:
    port = free_port()
    settings = {"HEARTBEAT_DATABASE_URL": database_url, "HEARTBEAT_PORT": str(port), "HEARTBEAT_TEMPORAL_PORT": "1"}
    process = start("api.__main__", output=tmp_path, **settings)
    wait_until(lambda: is_up(port))
    with closing(Database(database_url)) as database:
        database.write_now(migrate_further)
    process.join(PATIENCE)
    assert process.exitcode == 78
    assert (tmp_path / "err").read_text().splitlines()[-1].endswith("put back a backup from before the upgrade.")
