"""The command's manners: help, settings that cannot be used, ports and directories that are not free."""

import contextlib
import io
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from heartbeat.up.preflight import CannotStart, Port, check_ports, data_directory
from tests.support.commands import Run
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
VERBS = ("up", "api", "worker", "migrate", "project", "key", "demo", "doctor", "preview", "reconcile")
TARGETS = ("setup", "demo", "up", "test", "test-cadence", "test-outages", "lint", "fmt", "bench", "lock")


def test_alone_it_lists_its_commands(heartbeat: Run) -> None:
    done = heartbeat()
    assert (done.code, done.err) == (0, "")
    assert [verb for verb in VERBS if f" {verb} " not in done.out] == []


def test_its_help_waits_for_no_library_that_a_command_needs() -> None:
    heavy = {"alembic", "fastapi", "mcp", "psycopg", "pydantic_ai", "sqlalchemy", "sqlmodel", "temporalio"}
    look = f"import heartbeat.cli.main, sys; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, text=True).stdout == "[]\n"


def test_it_tells_its_version_whatever_it_prints_to(heartbeat: Run) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert heartbeat("--version").code == 0
    assert out.getvalue() == f"heartbeat {metadata.version('heartbeat-server')}\n"


def test_a_worker_has_the_roles_that_it_is_given(heartbeat: Run) -> None:
    done = heartbeat("worker", "--role", "runs", HEARTBEAT_WORKER_ROLES="[]", HEARTBEAT_PORT="many")
    assert (done.code, "HEARTBEAT_PORT" in done.err, "HEARTBEAT_WORKER_ROLES" in done.err) == (1, True, False)


def test_a_database_of_a_migration_that_nobody_knows_is_told(
    heartbeat: Run, tmp_path: Path, sqlite_template: Path
) -> None:
    (tmp_path / "heartbeat.db").write_bytes(sqlite_template.read_bytes())
    with contextlib.closing(sqlite3.connect(tmp_path / "heartbeat.db")) as store:
        store.execute("UPDATE alembic_version SET version_num = '000x'")
        store.commit()
    done = heartbeat("migrate", HEARTBEAT_DATA_DIR=str(tmp_path))
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "000x" in done.err


@pytest.mark.parametrize("arguments", [["nope"], ["project"], ["up", "--port=0"], ["up", "--workers=0"], ["up", "--x"]])
def test_wrong_usage_is_one_line_and_code_2(heartbeat: Run, arguments: list[str]) -> None:
    done = heartbeat(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("heartbeat: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("verb", ["up", "api", "worker", "migrate", "demo"])
def test_a_setting_that_cannot_be_used_is_named_and_not_repeated(heartbeat: Run, verb: str) -> None:
    done = heartbeat(verb, HEARTBEAT_PORT="many", HEARTBEAT_API_KEY="short", TEMPORAL_TLS="perhaps")
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1
    assert [
        name for name in ("HEARTBEAT_PORT: ", "HEARTBEAT_API_KEY: ", "TEMPORAL_TLS: ") if name not in done.err
    ] == []
    assert "short" not in done.err.replace("too_short", "")


def test_a_setting_that_is_no_json_is_named(heartbeat: Run) -> None:
    done = heartbeat("migrate", HEARTBEAT_MODEL_RATES="{")
    assert done.code == 1
    assert "HEARTBEAT_MODEL_RATES" in done.err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HEARTBEAT_DATABASE_URL", "mysql://shop/db"),
        ("HEARTBEAT_DATABASE_URL", "garbage"),
        ("HEARTBEAT_DATABASE_URL", "postgresql://db:port/x"),
        ("HEARTBEAT_API_KEY", "schlüssel-lang"),
        ("HEARTBEAT_API_KEY", "short"),
        ("HEARTBEAT_PLANS", "[]"),
        ("HEARTBEAT_PLANS", "{"),
    ],
)
def test_a_setting_that_could_never_work_is_refused_at_the_start(heartbeat: Run, name: str, value: str) -> None:
    done = heartbeat("migrate", **{name: value})
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert done.err.startswith(f"heartbeat: {name}: ")
    assert value not in done.err.removeprefix(f"heartbeat: {name}: ") or len(value) < 3


def test_a_data_directory_that_cannot_be_made_is_said_to_be_so(heartbeat: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = heartbeat("up", f"--data-dir={tmp_path}/file/data")
    assert done.code == 1
    assert done.err.endswith("(Not a directory); choose another with --data-dir.\n")


def test_two_ports_must_differ(heartbeat: Run, tmp_path: Path) -> None:
    done = heartbeat("up", f"--data-dir={tmp_path}", "--port=9000", "--ui-port=9000")
    assert done.err == (
        "heartbeat: Port 9000 is wanted for the API and for Temporal's UI; "
        "choose another with --ui-port (or HEARTBEAT_TEMPORAL_UI_PORT).\n"
    )


@pytest.mark.parametrize("flag", ["--port", "--temporal-port", "--ui-port"])
def test_a_taken_port_is_named_with_its_flag(heartbeat: Run, tmp_path: Path, flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        done = heartbeat("up", f"--data-dir={tmp_path}", f"{flag}={holder.getsockname()[1]}")
    assert done.code == 1
    assert f"Port {holder.getsockname()[1] if holder.fileno() >= 0 else ''}" in done.err
    assert f"choose another with {flag} " in done.err


def test_a_data_directory_is_free_again_when_its_up_has_ended(tmp_path: Path) -> None:
    with data_directory(tmp_path / "data"):
        with pytest.raises(CannotStart, match=f"process {os.getpid()}"), data_directory(tmp_path / "data"):
            pass
        assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    with data_directory(tmp_path / "data"):
        pass


def test_a_port_of_a_server_just_gone_counts_as_free() -> None:
    number = free_port()
    with socket.create_server(("127.0.0.1", number)) as server:
        caller = socket.create_connection(("127.0.0.1", number))
        accepted, _ = server.accept()
        accepted.close()
        caller.close()
    check_ports([Port(number, "127.0.0.1", "the API", "--port")])


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
def test_make_alone_lists_every_target_with_a_sentence() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    sentences = dict(line.removeprefix("make ").split(None, 1) for line in listed)
    assert [target for target in TARGETS if not sentences.get(target, "").endswith(".")] == []
