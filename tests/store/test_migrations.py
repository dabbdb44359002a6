"""The migrations make exactly the tables the code has, on both databases, from nothing and again."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from heartbeat.domain.errors import Unavailable
from heartbeat.store import migrate
from heartbeat.store.database import Database
from heartbeat.store.tables import notifications
from tests.support.patience import PATIENCE


def test_the_migrations_make_the_tables(database: Database) -> None:
    def differences(connection: object) -> list[object]:
        opts = {"compare_type": True, "include_name": migrate.has_a_class}
        context = MigrationContext.configure(connection, opts=opts)  # type: ignore[arg-type]
        return list(compare_metadata(context, notifications.SQLModel.metadata))

    assert database.read_now(differences) == []


def test_a_database_says_where_it_stands(database_url: str) -> None:
    assert migrate.current(database_url) == migrate.newest()


def test_one_that_was_never_migrated_says_so(tmp_path: Path) -> None:
    assert migrate.current(f"sqlite:///{tmp_path / 'new.db'}") is None


def test_processes_may_migrate_at_once(database_url: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'heartbeat.db'}" if database_url.startswith("sqlite") else database_url
    code = f"from heartbeat.store import migrate; migrate.upgrade({url!r})"
    several = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait(PATIENCE) for process in several] == [0, 0, 0]
    assert migrate.current(url) == migrate.newest()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_database_without_tables_says_what_to_run(database: Database) -> None:
    await database.write(lambda connection: connection.exec_driver_sql("DROP TABLE project CASCADE"))
    with pytest.raises(Unavailable, match="run `heartbeat migrate`"):
        await database.read(lambda connection: connection.exec_driver_sql("SELECT * FROM project"))
