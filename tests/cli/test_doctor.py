"""`heartbeat doctor` with one thing after the other broken. That it finds nothing on a whole stack, test_up shows."""

import asyncio
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection
from temporalio.client import Client

import worker
from heartbeat.domain.clock import utc_now
from heartbeat.domain.ids import new_id
from heartbeat.domain.secret_keys import new_key, read_keys
from heartbeat.secrets.keyring import Keyring, seal_headers
from heartbeat.store.database.database import Database
from heartbeat.store.tools.servers import create_tool
from heartbeat.temporal.workers import Workers, workers_by_role
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, fails
from tests.support.patience import until
from tests.support.processes import run_command
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, access_to
from tests.support.world import SANDBOX, World


def doctor(**variables: str) -> tuple[int, dict[str, str]]:
    """Its exit code and, for each check, its mark, what it found and what mends it."""
    outcome = run_command("doctor", **variables)
    checks: dict[str, str] = {}
    name = ""
    for line in f"{outcome.out}{outcome.err}".splitlines():
        if line.startswith(("✓", "✗")):
            name = line.split()[1]
        checks[name] = f"{checks.get(name, '')} {line.strip()}".strip()
    return outcome.code, checks


def test_settings_that_cannot_be_used_end_it_there() -> None:
    code, checks = doctor(HEARTBEAT_PORT="many")
    assert code == 1
    assert list(checks) == ["settings"]
    assert "HEARTBEAT_PORT: " in checks["settings"]


@pytest.mark.parametrize(
    "variables",
    [
        {"HEARTBEAT_MODEL_RATES": "[" * 5000},
        {"HEARTBEAT_DATA_DIR": "x" * 5000, "COLUMNS": "²", "TEMPORAL_ADDRESS": "a:b:c"},
    ],
    ids=["unreadable", "odd"],
)
def test_it_never_ends_in_a_traceback(variables: dict[str, str], tmp_path: Path) -> None:
    quiet = {"HEARTBEAT_DATA_DIR": str(tmp_path), "HEARTBEAT_TEMPORAL_PORT": "1"}
    quiet["HEARTBEAT_LOCAL_URL"] = "http://127.0.0.1:1/v1"
    outcome = run_command("doctor", **quiet | variables)
    assert (outcome.code, "Traceback" in outcome.out + outcome.err) == (1, False)
    assert outcome.out.startswith(("✓ settings", "✗ settings"))


def test_on_a_fresh_machine_everything_is_missing_and_says_what_to_do(tmp_path: Path) -> None:
    code, checks = doctor(
        HEARTBEAT_DATA_DIR=str(tmp_path), HEARTBEAT_TEMPORAL_PORT="1", HEARTBEAT_LOCAL_URL="http://127.0.0.1:1/v1"
    )
    assert code == 1
    assert checks["settings"].startswith("✓")
    assert [name for name, line in checks.items() if line.startswith("✗")] == [
        "database",
        "migrations",
        "Temporal",
        "worker",
        "model",
    ]
    assert "`heartbeat migrate`" in checks["database"]
    assert "set TEMPORAL_ADDRESS" in checks["Temporal"]
    assert "`heartbeat up` serves the small local model" in checks["model"]
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_no_version_a_cluster_without_workers_and_a_rejected_key(
    temporal: Client, tmp_path: Path
) -> None:
    with closing(ModelServer()) as provider:
        provider.script(fails(401, "invalid_api_key"))
        code, checks = doctor(
            HEARTBEAT_DATABASE_URL=f"sqlite:///{tmp_path / 'empty.db'}",
            TEMPORAL_ADDRESS=temporal.service_client.config.target_host,
            HEARTBEAT_TASK_QUEUE="nobody-polls-here",
            HEARTBEAT_BUILD_ID="2",
            HEARTBEAT_DEPLOYMENT_NAME="not-there",
            HEARTBEAT_DEFAULT_MODEL="openai:scripted",
            OPENAI_BASE_URL=provider.base_url,
            OPENAI_API_KEY="sk-wrong",
        )
    assert code == 1
    assert checks["Temporal"].startswith("✓")
    assert "none at task queue nobody-polls-here" in checks["worker"]
    assert "`heartbeat worker`" in checks["worker"]
    assert "none of not-there is the current one" in checks["build"]
    assert "set-current-version --deployment-name not-there" in checks["build"]
    assert "the provider rejected the key" in checks["model"]
    assert "sk-wrong" not in str(checks)


@ON_SQLITE
async def test_workers_of_a_build_that_is_not_current(world: World) -> None:
    """Where the command itself runs there is no build id."""
    settings = world.settings.model_copy(update={"build_id": "2", "deployment_name": new_id("dep")})
    async with worker.running_worker(world.client, world.database, settings, SANDBOX):
        living = partial(workers_by_role, world.client, settings)
        await until(lambda: living(utc_now()), lambda by_role: set(by_role.values()) == {Workers(1, 0)})
        variables = {
            "HEARTBEAT_DATABASE_URL": settings.store_url(),
            "TEMPORAL_ADDRESS": settings.temporal_target(),
            "HEARTBEAT_TASK_QUEUE": settings.task_queue,
            "HEARTBEAT_LOCAL_URL": "http://127.0.0.1:1/v1",
        }
        code, checks = await asyncio.to_thread(lambda: doctor(**variables))
    assert code == 1
    assert f"none at {settings.task_queue} is of the current build" in checks["worker"]
    assert "set-current-version" in checks["worker"]


@pytest.mark.parametrize("url", ["postgresql://u:hidden@127.0.0.1:1/x?connect_timeout=2", "sqlite:////proc/none/x.db"])
def test_a_database_out_of_reach(url: str) -> None:
    code, checks = doctor(
        HEARTBEAT_DATABASE_URL=url,
        HEARTBEAT_TEMPORAL_PORT="1",
        OPENAI_API_KEY="k",
        OPENAI_BASE_URL="http://127.0.0.1:1/v1",
    )
    assert code == 1
    assert checks["database"].startswith("✗")
    assert checks["migrations"] == "✗ migrations not checked mend the database first"
    assert "hidden" not in str(checks)


def test_a_database_that_went_back_and_a_clock_that_is_wrong(
    tmp_path: Path, sqlite_template: Path, temporal: Client
) -> None:
    (tmp_path / "heartbeat.db").write_bytes(sqlite_template.read_bytes())
    with closing(Database(f"sqlite:///{tmp_path / 'heartbeat.db'}")) as database:
        now = {"restored_at": utc_now(), "synced_version": 1}
        row = database.write_now(lambda c: a_heartbeat(c, a_bot(c, a_project(c)), **now))
    _, found = doctor(
        HEARTBEAT_DATA_DIR=str(tmp_path),
        HEARTBEAT_LOCAL_URL="http://127.0.0.1:1/v1",
        TEMPORAL_ADDRESS=temporal.service_client.config.target_host,
        CLOCK_AHEAD="90",
    )
    assert found["clock"].startswith("✗ clock      The clock of this process is 90 s ahead of Temporal's: set it right")
    assert found["clock"].endswith("until then a worker here takes no part in Upkeep")
    assert found["backups"].startswith("✓ backups    the database went back: at ")
    assert found["backups"].endswith("1 older rows were put again")
    assert f"✗ schedules  1 of 1: {row.uuid} its schedule was gone run `heartbeat reconcile`" in found["schedules"]


def test_addresses_that_apprise_cannot_read_are_named_and_not_shown(tmp_path: Path) -> None:
    targets = '{"ops": "json://127.0.0.1:9/sesame", "night": "nonsense://sesame", "day": "json://"}'
    quiet = {"HEARTBEAT_DATA_DIR": str(tmp_path), "HEARTBEAT_TEMPORAL_PORT": "1"}
    _, checks = doctor(HEARTBEAT_APPRISE_TARGETS=targets, HEARTBEAT_LOCAL_URL="http://127.0.0.1:1/v1", **quiet)
    assert checks["apprise"].startswith("✗ apprise")
    assert "cannot read the addresses of night, day" in checks["apprise"]
    assert "HEARTBEAT_APPRISE_TARGETS" in checks["apprise"]
    assert "sesame" not in str(checks)


def test_secrets_that_do_not_open_are_counted_and_not_shown(tmp_path: Path, sqlite_template: Path) -> None:
    (tmp_path / "heartbeat.db").write_bytes(sqlite_template.read_bytes())
    lost, current = new_key(), new_key()
    database = Database(f"sqlite:///{tmp_path / 'heartbeat.db'}")
    for key in (lost, current, current):
        database.write_now(lambda connection, key=key: a_tool(connection, Keyring(read_keys(key))))
    database.close()
    quiet = {"HEARTBEAT_DATA_DIR": str(tmp_path), "HEARTBEAT_TEMPORAL_PORT": "1"}
    _, checks = doctor(HEARTBEAT_SECRET_KEYS=current, HEARTBEAT_LOCAL_URL="http://127.0.0.1:1/v1", **quiet)
    assert "✗ secrets    1 of 3 do not open" in checks["secrets"]
    assert lost.partition(":")[0] in checks["secrets"]
    _, checks = doctor(HEARTBEAT_SECRET_KEYS=f"{current},{lost}", HEARTBEAT_LOCAL_URL="http://127.0.0.1:1/v1", **quiet)
    assert checks["secrets"] == "✓ secrets    3 are kept sealed, and all open"


def a_tool(connection: Connection, keyring: Keyring) -> None:
    uuid = new_id("tool")
    fields = {"uuid": uuid, "server_label": uuid, "server_url": "https://tools.example.com/mcp", "transport": "http"}
    fields |= {"sealed_headers": seal_headers(keyring, uuid, {"authorization": "sesame"})}
    bot = a_bot(connection, a_project(connection))
    create_tool(connection, access_to(connection, bot), fields, NOW)
