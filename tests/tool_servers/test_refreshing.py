"""Tokens are refreshed before they expire, by one of all who want it, and a refusal is told once."""

import asyncio

import pytest

from heartbeat.agents.tools.mcp.client import list_tools
from heartbeat.store.database import Database
from tests.support.authorization_server import BROKEN_JSON, Fault, refusal
from tests.support.signed_in import SignedIn, signed_in

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
