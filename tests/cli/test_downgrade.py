"""Every command refuses a database that a newer version has migrated, in one sentence that says what to do."""

import shutil
from importlib import metadata
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from heartbeat.store.migrations.revisions import newest
from tests.support.commands import Run
from tests.support.documented import commands
from tests.support.newer_databases import migrate_further
from tests.support.patience import PATIENCE
from tests.support.ports import free_ports
from tests.support.processes import run_command, start

# What each command needs to come to its database.
ARGUMENTS = {
    "heartbeat backup": ("file",),
    "heartbeat replay": ("log_1",),
    "heartbeat hold": ("The shop is moving.",),
    "heartbeat project create": ("Acme",),
    "heartbeat project grant": ("proj_1", "1"),
    "heartbeat project budget": ("proj_1", "1"),
    "heartbeat key revoke": ("key_1",),
    "heartbeat key rotate": ("key_1",),
    "heartbeat user invite": ("ada@example.com",),
    "heartbeat user role": ("ada@example.com", "viewer"),
    "heartbeat user remove": ("ada@example.com",),
    "heartbeat user reset-password": ("ada@example.com",),
    "heartbeat user reset-second-factor": ("ada@example.com",),
    "heartbeat tool connect": ("tool_1",),
}
# What is restored is looked at before there is any.
WITHOUT_DATABASE = {"heartbeat preview", "heartbeat secrets new", "heartbeat restore"}
# These end the process that they run in.
APART = {"heartbeat doctor", "heartbeat rehearse", "heartbeat api", "heartbeat worker"}


def sentence() -> str:
    own = f"{metadata.version('heartbeat-server')}, which knows {newest()}"
    return (
        f"A newer version of Heartbeat has migrated the database to 9999 (this is {own}): install that version again, "
        "or put back a backup from before the upgrade."
    )


@pytest.fixture
def newer(tmp_path: Path, sqlite_template: Path) -> dict[str, str]:
    """The settings of a data directory that was used by a version to come."""
    shutil.copy(sqlite_template, tmp_path / "heartbeat.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'heartbeat.db'}")
    with engine.begin() as connection:
        migrate_further(connection)
    engine.dispose()
    return {"HEARTBEAT_DATA_DIR": str(tmp_path), "HEARTBEAT_SECRET_KEYS": "k1:" + "A" * 43 + "="}


@pytest.mark.parametrize("command", sorted(commands() - WITHOUT_DATABASE - APART))
def test_a_command_is_refused(heartbeat: Run, newer: dict[str, str], command: str) -> None:
    names = ("HEARTBEAT_PORT", "HEARTBEAT_TEMPORAL_PORT", "HEARTBEAT_TEMPORAL_UI_PORT")
    ports = {name: str(port) for name, port in zip(names, free_ports(3), strict=True)}
    refused = heartbeat(*command.split()[1:], *ARGUMENTS.get(command, ()), **newer, **ports)
    assert (refused.code, refused.out, refused.err) == (1, "", f"heartbeat: {sentence()}\n")


def test_a_rehearsal_is_refused(newer: dict[str, str]) -> None:
    refused = run_command("rehearse", "hb_1", **newer)
    assert (refused.code, refused.out, refused.err) == (1, "", f"heartbeat: {sentence()}\n")


@pytest.mark.parametrize("module", ["api.__main__", "worker"])
def test_a_process_is_refused(newer: dict[str, str], tmp_path: Path, module: str) -> None:
    process = start(module, output=tmp_path, **newer, HEARTBEAT_TEMPORAL_PORT="1")
    process.join(PATIENCE)
    assert (process.exitcode, (tmp_path / "err").read_text()) == (78, f"{sentence()}\n")


def test_doctor_says_so(newer: dict[str, str]) -> None:
    checked = run_command("doctor", **newer, HEARTBEAT_TEMPORAL_PORT="1", HEARTBEAT_LOCAL_URL="http://127.0.0.1:1/v1")
    assert checked.code == 1
    assert f"✗ migrations at 9999, newer than {newest()}\n             {sentence()}\n" in checked.out
