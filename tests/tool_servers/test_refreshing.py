"""Tokens are refreshed before they expire, by one of all who want it, and a refusal is told once."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Iterator
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from pydantic import SecretStr

from heartbeat.agents.tools.mcp.client import list_tools
from heartbeat.domain.secret_keys import new_key
from heartbeat.secrets.connections import tokens_row
from heartbeat.secrets.keyring import Keyring
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.projects.sealed_columns import SEALED_COLUMNS
from heartbeat.store.projects.sealed_secrets import seal_anew
from heartbeat.store.tables.tool_connections import ToolConnection
from heartbeat.store.tools.connections import LEASE, claim_refresh, due_refreshes
from heartbeat.tool_servers import refreshing
from heartbeat.tool_servers.refreshing import refresh_all
from tests.support.authorization_grants import Rotation
from tests.support.authorization_server import BROKEN_JSON, Fault, refusal
from tests.support.databases import ON_SQLITE
from tests.support.patience import PATIENCE, until
from tests.support.processes import start
from tests.support.signed_in import HOUR, SignedIn, signed_in

__all__ = ["signed_in"]


async def test_twenty_who_want_a_token_ask_for_one(signed_in: SignedIn) -> None:
    before = signed_in.row()
    databases = [Database(signed_in.settings.store_url()) for _ in range(20)]
    after = await asyncio.gather(*(signed_in.refresher(database).refresh(before) for database in databases))

    assert signed_in.authorization.times("refresh_token") == 1
    assert {row.sealed_tokens for row in after} == {signed_in.row().sealed_tokens}
    assert before.sealed_tokens != signed_in.row().sealed_tokens
    assert "read_note" in (await list_tools(signed_in.server(), signed_in.settings)).tools
    for database in databases:
        database.close()


@ON_SQLITE
async def test_who_waits_too_long_for_another_goes_on_with_what_there_is(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshing, "PATIENCE_SECONDS", -1)
    before = signed_in.row()
    assert await signed_in.database.write(claim_refresh, before.id, "another", signed_in.now)
    after = await signed_in.refresher().refresh(before)
    assert after is not None
    assert (after.sealed_tokens, signed_in.authorization.times("refresh_token")) == (before.sealed_tokens, 0)


@ON_SQLITE
async def test_a_machine_asks_anew_and_what_passes_is_no_refusal_either(signed_in: SignedIn) -> None:
    before = await signed_in.sign_in_as_machine()
    after = await signed_in.refresher().refresh(before)
    assert after is not None
    assert after.sealed_tokens != before.sealed_tokens
    assert signed_in.authorization.times("client_credentials") == 2
    wants = columns(ToolConnection).update().values(wanted_scopes=["notes:write"])
    await signed_in.database.write(lambda c: c.execute(wants))
    signed_in.authorization.fault = Fault()
    unchanged = await signed_in.refresher().refresh(signed_in.row())
    assert unchanged is not None
    assert (unchanged.state, unchanged.sealed_tokens) == ("connected", after.sealed_tokens)
    assert unchanged.last_error


@ON_SQLITE
@pytest.mark.parametrize(
    "fault", [Fault(), Fault(500, "<html>"), BROKEN_JSON, Fault(429, "{}"), Fault(404, "Nothing here")]
)
async def test_what_passes_is_no_refusal(signed_in: SignedIn, fault: Fault) -> None:
    before, signed_in.authorization.fault = signed_in.row(), fault
    refresher = signed_in.refresher()

    unchanged = await refresher.refresh(before)
    assert (unchanged.state, unchanged.sealed_tokens) == ("connected", before.sealed_tokens)
    assert unchanged.last_error
    assert signed_in.events() == []

    signed_in.authorization.fault = None
    refreshed = await refresher.refresh(unchanged)
    assert (refreshed.state, refreshed.last_error) == ("connected", None)
    assert refreshed.sealed_tokens != before.sealed_tokens


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client"])
async def test_a_refusal_is_told_once(signed_in: SignedIn, error: str) -> None:
    before, signed_in.authorization.fault = signed_in.row(), refusal(error)
    for _ in range(2):
        lost = await signed_in.refresher().refresh(before)
        assert (lost.state, lost.last_error) == ("needs_reconnect", error)
    [event] = signed_in.events()
    assert (event.kind, event.data["code"], event.data["server_label"]) == ("tool.needs_reconnect", error, "desk")

    signed_in.authorization.fault = None
    assert (await signed_in.sign_in()).state == "connected"


@ON_SQLITE
async def test_a_refresh_token_that_never_counted_gives_way_to_the_one_before(signed_in: SignedIn) -> None:
    signed_in.authorization.register.rotation = "lenient"
    refreshed = await signed_in.refresher().refresh(signed_in.row())
    # The authorization server came back from a backup that does not have what it answered last.
    del signed_in.authorization.register.tokens[-1]

    again = await signed_in.refresher().refresh(refreshed)
    assert (again.state, signed_in.authorization.times("refresh_token")) == ("connected", 3)
    assert "read_note" in (await list_tools(signed_in.server(), signed_in.settings)).tools


async def test_what_is_granted_is_kept_though_nobody_waits_for_it_any_more(signed_in: SignedIn) -> None:
    before, refresher = signed_in.row(), signed_in.refresher()
    asked, goes_on = threading.Event(), threading.Event()

    def stand_still() -> None:
        asked.set()
        goes_on.wait(PATIENCE)

    signed_in.authorization.before_answering = stand_still
    run = asyncio.create_task(refresher.refresh(before))
    assert await asyncio.to_thread(asked.wait, PATIENCE)
    run.cancel()
    await asyncio.wait([run])
    # Meanwhile the operator changes the key of the installation.
    keys = signed_in.settings.secret_keys
    assert keys is not None
    signed_in.settings.secret_keys = SecretStr(f"{new_key()},{keys.get_secret_value()}")
    refresher.keyring = Keyring.from_settings(signed_in.settings)
    await signed_in.database.write(seal_anew, TOKENS, 0, 10, partial(resealed, refresher.keyring))
    goes_on.set()

    after = await until(signed_in.row, lambda row: row.refreshed_at is not None)
    assert refresher.tokens(after).access_token == signed_in.authorization.register.tokens[-1].access_token
    assert (after.state, after.refresh_holder) == ("connected", None)


TOKENS = next(one for one in SEALED_COLUMNS if one.row_name is tokens_row)


def resealed(keyring: Keyring, text: str, row: str) -> str:
    return keyring.seal(keyring.open(text, row), row)


# Of a refresh by turns; the authorization server has issued the new tokens from the third on.
MOMENTS = ["before claim_refresh", "after claim_refresh", "answering", "before save_refreshed", "after save_refreshed"]


@pytest.mark.parametrize(
    ("database_url", "rotation"),
    [("sqlite", "strict"), ("postgresql", "strict"), ("sqlite", "lenient")],
    indirect=["database_url"],
)
async def test_a_process_that_is_killed_leaves_a_sign_in_that_works_or_is_told(
    signed_in: SignedIn, tmp_path: Path, rotation: Rotation
) -> None:
    signed_in.authorization.register.rotation = rotation
    states = {moment: await state_after(signed_in, tmp_path, moment) for moment in MOMENTS}

    lost = ["answering", "before save_refreshed"] if rotation == "strict" else []
    assert [moment for moment, state in states.items() if state == "needs_reconnect"] == lost
    assert [event.kind for event in signed_in.events()] == ["tool.needs_reconnect"] * len(lost)


async def state_after(world: SignedIn, output: Path, moment: str) -> str:
    """The state of a connection after a refresh was killed, and another process has refreshed it, or tried to."""
    row, world.now = await world.sign_in(), world.now + HOUR
    with killing(world, output, moment) as process:
        await asyncio.to_thread(process.join, PATIENCE)
    assert process.exitcode == -signal.SIGKILL

    world.now += LEASE
    refresher = world.refresher()
    await refresh_all(refresher, await world.database.read(due_refreshes, world.now, 10))
    current = world.row()
    assert current.refresh_holder is None
    if current.state == "connected":
        assert current.sealed_tokens != row.sealed_tokens
        assert "read_note" in (await list_tools(world.server(refresher), world.settings)).tools
    return current.state


@contextlib.contextmanager
def killing(world: SignedIn, output: Path, moment: str) -> Iterator[BaseProcess]:
    keys = world.settings.secret_keys
    assert keys is not None
    variables = {
        "HEARTBEAT_DATABASE_URL": world.settings.store_url(),
        "HEARTBEAT_SECRET_KEYS": keys.get_secret_value(),
        "HEARTBEAT_EGRESS_ALLOW": '["127.0.0.1"]',
    }
    arguments = (str(world.row().id), world.now.isoformat(), moment)
    process = start("tests.support.killed_refresh", *arguments, output=output, **variables)
    if moment == "answering":
        world.authorization.before_answering = process.kill
    yield process
    world.authorization.before_answering = None
