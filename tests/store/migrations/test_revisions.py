"""A version works with no database that a newer one has migrated, unless that left it what it needs."""

import asyncio
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from heartbeat.store.database.database import Database
from heartbeat.store.migrations import migrate, revisions
from heartbeat.store.migrations.revisions import (
    MIGRATIONS,
    DatabaseTooNew,
    check_compatible,
    newest,
    require_compatible,
    watch_revision,
)
from tests.support.patience import until

NEXT = [f"{int(newest()) + number:04}" for number in (1, 2, 3)]
# Of the versions to come: one only adds, one takes away what nothing of this version needs, one what this one needs.
COMPATIBLE_FROM = (None, newest(), NEXT[2])


def test_the_number_of_a_migration_is_greater_than_those_before_it_and_begins_its_file() -> None:
    script = ScriptDirectory.from_config(migrate._config())
    numbers = [one.revision for one in reversed(list(script.walk_revisions()))]
    assert numbers == sorted(path.name.partition("_")[0] for path in MIGRATIONS.glob("*.py"))
    assert {len(number) for number in numbers} == {4}
    assert newest() == numbers[-1]
    compatible = {one.revision: getattr(one.module, "compatible_from", "0001") for one in script.walk_revisions()}
    assert [revision for revision, oldest in compatible.items() if oldest not in numbers or oldest > revision] == []


def stands_at(connection: Connection) -> tuple[str, ...]:
    return tuple(connection.exec_driver_sql("SELECT revision, compatible_from FROM schema_compatibility").one())


@pytest.fixture
def versions_to_come(database: Database, tmp_path: Path) -> Config:
    """Alembic's configuration of a version that has three migrations more."""
    before = newest()
    for revision, compatible in zip(NEXT, COMPATIBLE_FROM, strict=True):
        lines = [f'revision, down_revision, branch_labels, depends_on = "{revision}", "{before}", None, None']
        lines += [f'compatible_from = "{compatible}"'] if compatible else []
        (tmp_path / f"{revision}_to_come.py").write_text("\n".join([*lines, "def upgrade(): pass"]))
        before = revision
    config = migrate._config()
    config.attributes["url"] = database.url
    config.set_main_option("version_locations", f"{MIGRATIONS}:{tmp_path}")
    config.set_main_option("path_separator", ":")
    return config


def test_a_migration_says_which_versions_may_go_on(database: Database, versions_to_come: Config) -> None:
    before = database.read_now(stands_at)[1]
    for revision, compatible in zip(NEXT[:2], (before, newest()), strict=True):
        command.upgrade(versions_to_come, revision)
        assert database.read_now(stands_at) == (revision, compatible)
        database.read_now(require_compatible)
    command.upgrade(versions_to_come, NEXT[2])
    assert database.read_now(stands_at) == (NEXT[2], NEXT[2])
    with pytest.raises(DatabaseTooNew, match=f"migrated the database to {NEXT[2]} .* install that version again"):
        database.read_now(require_compatible)


async def test_one_that_no_version_knows_has_a_running_process_stop(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "LOOK_SECONDS", 0.01)
    stopped = asyncio.Event()
    watch = asyncio.create_task(watch_revision(database, stopped.set))
    await check_compatible(database)
    assert not stopped.is_set()
    # What was said of another revision says nothing.
    await database.write(lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'"))
    await until(stopped.is_set)
    await watch
    with pytest.raises(DatabaseTooNew):
        await check_compatible(database)
    with pytest.raises(DatabaseTooNew):
        migrate.upgrade(database.url)


async def test_one_that_was_never_migrated_is_left_to_who_asks_it(tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path / 'new.db'}")) as database:
        await check_compatible(database)
