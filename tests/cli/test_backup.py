"""`heartbeat backup` and `heartbeat restore` of a store at work. With everything at work: tests/e2e/test_restore.py."""

import json
import os
import re
import sqlite3
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from heartbeat.backups.archive import copy_database
from heartbeat.domain.actors import NOWHERE
from heartbeat.domain.errors import Forbidden
from heartbeat.domain.secret_keys import new_key
from heartbeat.secrets import private_files
from heartbeat.secrets.key_file import read_key_file
from heartbeat.secrets.passphrase import WrongPassphrase, open_keys, seal_keys
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, many
from heartbeat.store.tables.audit import AuditEntry
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run
from heartbeat.store.tables.users import User
from heartbeat.store.users.passwords import new_reset, user_of_reset
from heartbeat.store.users.sessions import SessionOwner, begin_session, open_session
from tests.support.commands import Run as Command
from tests.support.past_runs import a_run
from tests.support.patience import PATIENCE
from tests.support.people import a_member
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project
from tests.support.small_disk import fill, small_disk

ENTRY = columns(AuditEntry)
PASSPHRASE = "correct horse battery"


@pytest.fixture
def data(tmp_path: Path, sqlite_template: Path) -> Path:
    """A data directory with a heartbeat, a key and, of Temporal's, a file that is a database."""
    directory = tmp_path / "data"
    directory.mkdir()
    (directory / "heartbeat.db").write_bytes(sqlite_template.read_bytes())
    (directory / "secrets.key").write_text(f"{new_key()}\n")
    with closing(sqlite3.connect(directory / "temporal.db")) as temporal:
        temporal.execute("CREATE TABLE executions (id)")
    with opened(directory) as database:
        database.write_now(lambda c: a_heartbeat(c, a_bot(c, a_project(c))))
    return directory


def opened(directory: Path) -> "closing[Database]":
    return closing(Database(f"sqlite:///{directory / 'heartbeat.db'}"))


def settings(data: Path) -> dict[str, str]:
    return {"HEARTBEAT_DATA_DIR": str(data)}


def rows(connection: Connection, table: type) -> list:
    return many(connection, table, select(columns(table)).order_by(columns(table).c.id))


def test_it_is_put_back(heartbeat: Command, data: Path, tmp_path: Path) -> None:
    keys, file, words = read_key_file(data), tmp_path / "backup", tmp_path / "passphrase"
    words.write_text(f"{PASSPHRASE}\n")
    taken = heartbeat("backup", str(file), f"--passphrase-file={words}", **settings(data))
    assert (taken.code, taken.out) == (0, f"{file}: heartbeat.db, temporal.db, the secret keys, sealed.\n")
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert keys[0].id.encode() in (data / "secrets.key").read_bytes()
    assert keys[0].id.encode() not in file.read_bytes()

    other = tmp_path / "other"
    refused = heartbeat("restore", str(file), f"--data-dir={other}")
    assert (refused.code, "--passphrase-file" in refused.err) == (1, True)
    words.write_text("another passphrase")
    refused = heartbeat("restore", str(file), f"--data-dir={other}", f"--passphrase-file={words}")
    assert refused.err == "heartbeat: The keys of this backup do not open with this passphrase.\n"
    words.write_text(PASSPHRASE)
    restored = heartbeat("restore", str(file), f"--data-dir={other}", f"--passphrase-file={words}")
    assert (restored.code, restored.err) == (0, "")
    assert "What was changed, run and charged since the backup is lost" in restored.out
    assert read_key_file(other) == keys
    with opened(other) as database:
        [row] = database.read_now(rows, Heartbeat)
        [*_, entry] = database.read_now(many, AuditEntry, select(ENTRY).order_by(ENTRY.c.number))
    assert row.restored_at is not None
    assert (entry.actor_kind, entry.action) == ("shell", "project.restore")
    with closing(sqlite3.connect(other / "temporal.db")) as temporal:
        assert temporal.execute("SELECT name FROM sqlite_master").fetchall() == [("executions",)]


def test_nobody_is_signed_in_who_was_signed_out_since(heartbeat: Command, data: Path, tmp_path: Path) -> None:
    with opened(data) as database:
        [project] = database.read_now(rows, Project)
        database.write_now(a_member, project, "ada@example.com", "viewer", "Ada")
        [ada] = database.read_now(rows, User)
        owner = SessionOwner(user_id=ada.id, project_id=project.id)
        token = database.write_now(begin_session, owner, NOWHERE, "", NOW)
        assert database.read_now(open_session, token, NOW) is not None
        link = database.write_now(new_reset, ada, NOW)
    heartbeat("backup", str(tmp_path / "backup"), **settings(data))
    restored = heartbeat("restore", str(tmp_path / "backup"), **settings(data))
    assert "Everybody has to sign in again. Keys, members and invitations are those of the backup" in restored.out
    with opened(data) as database:
        assert database.read_now(open_session, token, NOW) is None
        with pytest.raises(Forbidden):
            database.read_now(user_of_reset, link, NOW)


def test_it_takes_the_place_of_a_backup_and_of_no_other_file(heartbeat: Command, data: Path, tmp_path: Path) -> None:
    file, empty, notes = (tmp_path / name for name in ("backup", "empty", "notes"))
    empty.touch()
    notes.write_text("my notes")
    for good in (file, file, empty):
        assert heartbeat("backup", str(good), **settings(data)).code == 0
    for other in (data / "heartbeat.db", data / "temporal.db", data / "secrets.key", notes, data):
        before = other.read_bytes() if other.is_file() else None
        refused = heartbeat("backup", str(other), **settings(data))
        assert (refused.code, "is no backup of Heartbeat's" in refused.err) == (1, True)
        assert before is None or other.read_bytes() == before


def test_what_was_under_way_is_closed_and_what_was_there_is_kept(
    heartbeat: Command, data: Path, tmp_path: Path
) -> None:
    with opened(data) as database:
        [row] = database.read_now(rows, Heartbeat)
        database.write_now(lambda c: a_run(c, row, "running"))
    backup = heartbeat("backup", str(tmp_path / "backup"), **settings(data))
    assert "The secret keys are not in it." in backup.out
    (data / "heartbeat.db").write_text("what was left of it")
    restored = heartbeat("restore", str(tmp_path / "backup"), **settings(data))
    assert "Runs that were under way: 1. They are closed as errors; their calls may have been made." in restored.out
    [replaced] = data.glob("replaced-*")
    assert (replaced / "heartbeat.db").read_text() == "what was left of it"
    assert (data / "secrets.key").exists()
    with opened(data) as database:
        [run] = database.read_now(rows, Run)
        assert (run.status, run.error_code) == ("error", "restored")


@pytest.fixture
def written(data: Path) -> Iterator[None]:
    """Somebody who writes to the store all the time, in transactions of two rows."""
    stop = threading.Event()

    def write() -> None:
        with opened(data) as database:
            while not stop.is_set():
                database.write_now(lambda c: [a_project(c), a_project(c)])

    thread = threading.Thread(target=write)
    thread.start()
    yield
    stop.set()
    thread.join(PATIENCE)


@pytest.mark.usefixtures("written")
def test_a_copy_under_load_is_of_one_instant(data: Path, tmp_path: Path) -> None:
    for number in range(3):
        copy_database(data / "heartbeat.db", tmp_path / f"{number}.db")
        with closing(Database(f"sqlite:///{tmp_path / f'{number}.db'}")) as copy:
            assert len(copy.read_now(rows, Project)) % 2 == 1


def test_what_is_no_backup_is_refused(heartbeat: Command, data: Path, tmp_path: Path) -> None:
    file, before = tmp_path / "backup", sorted(data.iterdir())
    file.write_text("no backup")
    assert "it is no backup of Heartbeat's" in heartbeat("restore", str(file), **settings(data)).err
    file.unlink()
    heartbeat("backup", str(file), **settings(data))
    newer = change_manifest(file, revision="9999")
    assert "newer version of Heartbeat has migrated" in heartbeat("restore", str(newer), **settings(data)).err
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert "is damaged" in heartbeat("restore", str(file), **settings(data)).err
    assert heartbeat("restore", str(tmp_path / "none"), **settings(data)).code == 1
    assert {path.name for path in data.iterdir()} == {path.name for path in before} | {"up.lock"}


def test_a_backup_of_another_format_or_without_a_store_is_refused(
    heartbeat: Command, data: Path, tmp_path: Path
) -> None:
    file, before = tmp_path / "backup", (data / "heartbeat.db").read_bytes()
    heartbeat("backup", str(file), **settings(data))
    other = change_manifest(file, format=99)
    assert "its format 99 is that of another version" in heartbeat("restore", str(other), **settings(data)).err
    hashes = json.loads((tmp_path / "unpacked" / "manifest.json").read_text())["hashes"]
    missing = change_manifest(file, format=1, hashes={**hashes, "secrets.sealed": "0" * 64})
    assert "secrets.sealed in it is damaged" in heartbeat("restore", str(missing), **settings(data)).err
    none = change_manifest(file, hashes={})
    assert "heartbeat.db is not in it" in heartbeat("restore", str(none), **settings(data)).err
    assert (data / "heartbeat.db").read_bytes() == before


def test_what_else_a_restored_installation_needs_is_told(heartbeat: Command, data: Path, tmp_path: Path) -> None:
    (data / "temporal.db").unlink()
    heartbeat("backup", str(tmp_path / "backup"), **settings(data))
    restored = heartbeat("restore", str(tmp_path / "backup"), f"--data-dir={tmp_path / 'other'}")
    assert (restored.code, restored.err) == (0, "")
    assert "There are no secret keys: put secrets.key there, or set HEARTBEAT_SECRET_KEYS" in restored.out
    assert "Temporal's database is not in it: run `heartbeat reconcile` once Temporal is up." in restored.out


def test_a_copy_that_is_not_whole_is_no_backup(heartbeat: Command, data: Path, tmp_path: Path) -> None:
    content = (data / "temporal.db").read_bytes()
    # The second page is that of its only table.
    (data / "temporal.db").write_bytes(content[:4096] + bytes(len(content) - 4096))
    refused = heartbeat("backup", str(tmp_path / "backup"), **settings(data))
    assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
    assert "temporal.db is not whole" in refused.err
    assert not (tmp_path / "backup").exists()


def change_manifest(file: Path, **values: object) -> Path:
    """A backup with another manifest."""
    with tarfile.open(file) as packed:
        packed.extractall(file.parent / "unpacked", filter="data")
    path = file.parent / "unpacked" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    with tarfile.open(file, "w") as packed:
        for one in (file.parent / "unpacked").iterdir():
            packed.add(one, one.name)
    return file


@pytest.mark.parametrize("room", [0, 1, 4])
def test_a_full_disk_is_told_and_nothing_is_left(heartbeat: Command, data: Path, tmp_path: Path, room: int) -> None:
    """Full before the databases are copied, or while they are, or while the copies are packed."""
    with small_disk(tmp_path / "disk", megabytes=16) as disk:
        file = disk / "backup"
        with tarfile.open(file, "w") as former:
            former.addfile(tarfile.TarInfo("manifest.json"))
        before = file.read_bytes()
        fill(disk, leaving=room * (data / "heartbeat.db").stat().st_size // 3)
        refused = heartbeat("backup", str(file), **settings(data))
        assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
        assert re.search("No space left on device|database or disk is full", refused.err), refused.err
        assert {path.name for path in disk.iterdir()} == {"backup", "filler"}
        assert file.read_bytes() == before


def test_other_keys_than_those_of_the_backup_are_told(heartbeat: Command, data: Path, tmp_path: Path) -> None:
    file, words = tmp_path / "backup", tmp_path / "passphrase"
    words.write_text(PASSPHRASE)
    assert heartbeat("key", "create", **settings(data)).code == 0
    heartbeat("backup", str(file), f"--passphrase-file={words}", **settings(data))
    own, other = (data / "secrets.key").read_text(), f"{new_key()}\n"
    (data / "secrets.key").write_text(other)
    told = heartbeat("restore", str(file), **settings(data))
    assert "WARNING: the secret keys that are there are not those of the backup: 1 keys of projects" in told.out
    assert own.partition(":")[0] in told.out
    right = heartbeat("restore", str(file), f"--passphrase-file={words}", **settings(data))
    assert (right.code, "WARNING" in right.out) == (0, False)
    assert (data / "secrets.key").read_text() == own
    assert other in {path.read_text() for path in data.glob("replaced-*/secrets.key")}


def test_another_database_has_tools_of_its_own(heartbeat: Command, data: Path, tmp_path: Path) -> None:
    refused = heartbeat("restore", str(tmp_path / "x"), HEARTBEAT_DATABASE_URL="postgresql://db/x", **settings(data))
    assert "docs/operations.md" in refused.err


def test_keys_open_with_their_passphrase_alone() -> None:
    sealed = seal_keys("k1:abc", PASSPHRASE)
    assert "k1" not in sealed
    assert open_keys(sealed, PASSPHRASE) == "k1:abc"
    with pytest.raises(WrongPassphrase, match="too short"):
        seal_keys("k1:abc", "short")


@pytest.mark.parametrize("verb", ["migrate", "backup"])
def test_nobody_else_may_read_what_is_kept(
    heartbeat: Command, tmp_path: Path, verb: str, sqlite_template: Path
) -> None:
    mask = os.umask(0o022)
    try:
        data = tmp_path / "data"
        if verb == "backup":
            data.mkdir(mode=0o755)
            (data / "heartbeat.db").write_bytes(sqlite_template.read_bytes())
            assert heartbeat("backup", str(tmp_path / "file"), **settings(data)).code == 0
            assert oct((tmp_path / "file").stat().st_mode & 0o777) == "0o600"
        assert heartbeat("migrate", **settings(data)).code == 0
    finally:
        os.umask(mask)
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in (data, data / "heartbeat.db")} == {
        "data": "0o700",
        "heartbeat.db": "0o600",
    }


def test_a_shared_directory_stays_shared(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    private_files.private_directory(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o777
