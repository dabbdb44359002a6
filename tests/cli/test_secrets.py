"""`heartbeat secrets …`, and the key file that the embedded stack makes."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from heartbeat.cli.secrets import BATCH_SIZE, Rotation
from heartbeat.domain.secret_keys import new_key, read_keys
from heartbeat.domain.tool_connections import OAuthClient, OAuthTokens, SignInContext
from heartbeat.secrets.connections import (
    open_client,
    open_sign_in,
    open_tokens,
    seal_client,
    seal_sign_in,
    seal_tokens,
)
from heartbeat.secrets.key_file import KEY_FILE
from heartbeat.secrets.keyring import Keyring, config_row, open_headers, seal_headers, url_row
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, exactly_one
from heartbeat.store.notifications.targets import create_target
from heartbeat.store.tables.bots import Bot, Tool
from heartbeat.store.tables.notifications import Target
from heartbeat.store.tables.tool_connections import PendingSignIn, ToolConnection
from heartbeat.store.tools.connections import NewSignIn, begin_sign_in, ensure_connection, note
from heartbeat.store.tools.servers import create_tool, lock_tool, write_tool
from heartbeat.up.run import prepare
from tests.support.commands import Run
from tests.support.seeds import NOW, a_bot, a_project, access_to

OLD, NEW = new_key(), new_key()
OLD_ID, NEW_ID = (key.partition(":")[0] for key in (OLD, NEW))


@pytest.fixture
def store(database_url: str, heartbeat: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The database that the commands use too."""
    with closing(Database(database_url)) as opened:
        monkeypatch.setenv("HEARTBEAT_DATABASE_URL", database_url)
        monkeypatch.setenv("HEARTBEAT_DATA_DIR", str(tmp_path))
        yield opened


def connected(store: Database, key: str, count: int) -> list[str]:
    """Tools whose headers are sealed with `key`, and one without any."""
    ring = Keyring(read_keys(key))

    def work(connection: Connection) -> list[str]:
        bot = a_bot(connection, a_project(connection))
        fields = {"server_label": "desk", "server_url": "https://desk.test/mcp", "transport": "http"}
        create_tool(connection, access_to(connection, bot), fields, NOW)
        uuids = [f"tool_{key[:7]}{number}" for number in range(count)]
        for uuid in uuids:
            sealed = seal_headers(ring, uuid, {"X-Key": uuid})
            sealed_fields = {**fields, "server_label": uuid, "uuid": uuid, "sealed_headers": sealed}
            create_tool(connection, access_to(connection, bot), sealed_fields, NOW)
        return uuids

    return store.write_now(work)


def opened(store: Database, key: str) -> dict[str, dict[str, str]]:
    """The headers of every tool that has some, opened with `key` alone."""
    ring, tool = Keyring(read_keys(key)), columns(Tool)
    wanted = select(tool.c.uuid, tool.c.sealed_headers).where(tool.c.sealed_headers.is_not(None))
    rows = store.read_now(lambda connection: connection.execute(wanted).all())
    return {uuid: open_headers(ring, uuid, sealed) for uuid, sealed in rows}


def test_a_new_key_is_one_line_that_the_settings_take(heartbeat: Run) -> None:
    command = heartbeat("secrets", "new")
    assert (command.code, command.err) == (0, "")
    assert Settings(_env_file=None, secret_keys=command.out.removesuffix("\n")).secret_keys
    assert heartbeat("secrets", "new").out != command.out


def test_rotation_seals_everything_with_the_first_key(store: Database, heartbeat: Run) -> None:
    uuids = connected(store, OLD, BATCH_SIZE + 5) + connected(store, NEW, 2)
    done = heartbeat("secrets", "rotate", HEARTBEAT_SECRET_KEYS=f"{NEW},{OLD}")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"Sealed anew with {NEW_ID}: {BATCH_SIZE + 5}. Sealed with it already: 2.\n"
    assert opened(store, NEW) == {uuid: {"X-Key": uuid} for uuid in uuids}
    again = heartbeat("secrets", "rotate", HEARTBEAT_SECRET_KEYS=NEW)
    assert again.out == f"Sealed anew with {NEW_ID}: 0. Sealed with it already: {BATCH_SIZE + 7}.\n"


def test_what_a_sign_in_leaves_is_sealed_anew(store: Database, heartbeat: Run) -> None:
    old, new = Keyring(read_keys(OLD)), Keyring(read_keys(NEW))
    client = OAuthClient(origin="given", information={"client_id": "me", "client_secret": "s3cret"})
    tokens = OAuthTokens(access_token="access", refresh_token="refresh")
    context = SignInContext(verifier="v" * 43, redirect_uri="https://x.test/", scope=None, client=client)

    def before(connection: Connection) -> None:
        access = access_to(connection, a_bot(connection, a_project(connection)))
        fields = {"server_label": "desk", "server_url": "https://desk.test/mcp", "transport": "http"}
        row = ensure_connection(connection, create_tool(connection, access, fields, NOW).id, None, {}, NOW)
        sealed = {
            "sealed_client": seal_client(old, row.uuid, client),
            "sealed_tokens": seal_tokens(old, row.uuid, tokens),
        }
        note(connection, row.id, sealed, NOW)
        sealed_context = seal_sign_in(old, "signin_1", context)
        begin_sign_in(connection, NewSignIn("signin_1", row.id, "state", sealed_context), NOW)

    store.write_now(before)
    assert heartbeat("secrets", "rotate", HEARTBEAT_SECRET_KEYS=f"{NEW},{OLD}").code == 0
    row = store.read_now(lambda c: exactly_one(c, ToolConnection, select(columns(ToolConnection))))
    pending = store.read_now(lambda c: exactly_one(c, PendingSignIn, select(columns(PendingSignIn))))
    assert open_client(new, row.uuid, row.sealed_client) == client
    assert open_tokens(new, row.uuid, row.sealed_tokens) == tokens
    assert open_sign_in(new, pending.uuid, pending.sealed_context) == context


@pytest.mark.parametrize("command", [("migrate",), ("secrets", "rotate")])
def test_addresses_of_before_are_sealed(store: Database, heartbeat: Run, command: tuple[str, ...]) -> None:
    """Rows of a version that kept queries as they came."""
    tool, target, url = columns(Tool), columns(Target), "https://desk.test/mcp?token=canary"

    def before(connection: Connection) -> None:
        project = a_project(connection)
        access = access_to(connection, a_bot(connection, project))
        create_tool(connection, access, {"server_label": "desk", "server_url": url, "transport": "http"}, NOW)
        sealed = Keyring(read_keys(OLD)).seal('{"secret": "whsec_x"}', config_row("tgt_1"))
        fields = {"uuid": "tgt_1", "channel": "webhook", "name": "hook", "config": {"url": url}}
        create_target(connection, access, {**fields, "sealed_config": sealed}, NOW)

    store.write_now(before)
    for _ in range(2):
        assert heartbeat(*command, HEARTBEAT_SECRET_KEYS=OLD).code == 0
    row = store.read_now(lambda c: c.execute(select(tool.c.uuid, tool.c.server_url, tool.c.sealed_url)).one())
    ring = Keyring(read_keys(OLD))
    assert (row.server_url, ring.open(row.sealed_url, url_row(row.uuid))) == ("https://desk.test/mcp", url)
    kept = store.read_now(lambda c: c.execute(select(target.c.config, target.c.sealed_config)).one())
    assert kept.config == {"url": "https://desk.test/mcp"}
    assert json.loads(ring.open(kept.sealed_config, config_row("tgt_1"))) == {"secret": "whsec_x", "url": url}


def test_what_does_not_open_is_named_and_stays(store: Database, heartbeat: Run) -> None:
    [lost] = connected(store, OLD, 1)
    [readable] = connected(store, NEW, 1)
    newest = new_key()
    done = heartbeat("secrets", "rotate", HEARTBEAT_SECRET_KEYS=f"{newest},{NEW}")
    assert (done.code, done.out) == (1, f"Sealed anew with {newest[:7]}: 1. Sealed with it already: 0.\n")
    assert f"heartbeat: tool:{lost}:headers is sealed with the key '{OLD_ID}'" in done.err
    mended = heartbeat("secrets", "rotate", HEARTBEAT_SECRET_KEYS=f"{newest},{OLD}")
    assert (mended.code, mended.err) == (0, "")
    assert opened(store, newest) == {uuid: {"X-Key": uuid} for uuid in (lost, readable)}


def test_rotation_needs_a_key_and_a_usable_one(store: Database, heartbeat: Run) -> None:
    none = heartbeat("secrets", "rotate")
    assert (none.code, "set HEARTBEAT_SECRET_KEYS" in none.err) == (1, True)
    wrong = heartbeat("secrets", "rotate", HEARTBEAT_SECRET_KEYS="k1:canary")
    assert (wrong.code, "entry 1, k1" in wrong.err, "canary" in wrong.err) == (1, True, False)


def test_rotations_side_by_side_and_beside_the_api(store: Database, tmp_path: Path) -> None:
    """Whoever writes last, nothing is lost: a header that the API changes meanwhile is the one that is kept."""
    uuids = connected(store, OLD, 60)
    settings = Settings(_env_file=None, database_url=store.url, data_dir=tmp_path, secret_keys=f"{NEW},{OLD}")
    ring = Keyring.from_settings(settings)
    rotations = [Rotation(ring), Rotation(ring)]

    def change(uuid: str) -> None:
        def work(connection: Connection) -> None:
            bot = exactly_one(connection, Bot, select(columns(Bot)))
            row = lock_tool(connection, access_to(connection, bot), uuid)
            write_tool(connection, row, {"sealed_headers": seal_headers(ring, uuid, {"X-Key": "changed"})}, NOW)

        store.write_now(work)

    with ThreadPoolExecutor(6) as threads:
        work = [threads.submit(rotation.carry_out, settings) for rotation in rotations]
        work += [threads.submit(change, uuid) for uuid in uuids[::2]]
        for one in work:
            one.result()
    assert sum(rotation.anew + rotation.already for rotation in rotations) == 120
    headers = opened(store, NEW)
    assert headers == {uuid: {"X-Key": uuid if number % 2 else "changed"} for number, uuid in enumerate(uuids)}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_embedded_stack_makes_its_key_once(database_url: str, tmp_path: Path) -> None:
    def tell(name: str, line: str) -> None:
        raise AssertionError(line)

    fields = {"_env_file": None, "database_url": database_url, "data_dir": tmp_path}
    prepare(Settings(**fields, secret_keys=NEW), tell)
    assert not (tmp_path / KEY_FILE).exists()
    prepare(Settings(**fields), tell)
    keys = (tmp_path / KEY_FILE).read_text()
    prepare(Settings(**fields), tell)
    assert (tmp_path / KEY_FILE).read_text() == keys
    assert Keyring.from_settings(Settings(**fields)).sealing_key_id == read_keys(keys)[0].id
