"""A session's token: renewed before it is over, and once when the server refuses it; no call is made twice for it."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta

import pytest

from heartbeat.agents.tools.definitions import OfferedTool, ToolResult
from heartbeat.agents.tools.mcp.sessions import Sessions
from tests.support.authorization_server import Fault
from tests.support.databases import ON_SQLITE
from tests.support.signed_in import HOUR, SignedIn, signed_in

__all__ = ["signed_in"]

pytestmark = ON_SQLITE


class Calls:
    """The calls of one run, in its session."""

    def __init__(self, world: SignedIn, sessions: Sessions) -> None:
        self.world, self.sessions, self.number = world, sessions, 0

    async def __call__(self, name: str) -> ToolResult:
        self.number += 1
        tool = OfferedTool(f"desk__{name}", "", {}, server=self.world.server(), on_server=name)
        return await self.sessions.call(tool, {"what": "a table"}, "log_1", f"log_1:{self.number}")


@pytest.fixture
async def call(signed_in: SignedIn) -> AsyncIterator[Calls]:
    async with aclosing(Sessions(signed_in.settings)) as sessions:
        yield Calls(signed_in, sessions)


async def test_a_refused_token_is_renewed_and_the_call_made_once(signed_in: SignedIn, call: Calls) -> None:
    assert (await call("read_note")).outcome == "ok"
    signed_in.authorization.refuse_access_tokens()

    booked = await call("book")
    assert (booked.outcome, booked.new_session) == ("ok", False), booked.text
    assert (signed_in.desk.times("book"), signed_in.authorization.times("refresh_token")) == (1, 1)


async def test_a_sign_in_that_is_over_is_said_and_told_once(signed_in: SignedIn, call: Calls) -> None:
    signed_in.authorization.end_grants()
    lost = await call("book")
    assert lost.outcome == "failed"
    assert "book was not called. The tool server desk does not take our sign-in any more" in lost.text
    assert (signed_in.row().state, signed_in.row().last_error) == ("needs_reconnect", "invalid_grant")
    assert (await call("book")).outcome == "failed"
    assert [event.kind for event in signed_in.events()] == ["tool.needs_reconnect"]
    assert signed_in.desk.times("book") == 0

    await signed_in.sign_in()
    assert (await call("book")).outcome == "ok"


async def test_an_authorization_server_that_is_away_is_a_server_that_is_down(signed_in: SignedIn, call: Calls) -> None:
    signed_in.authorization.refuse_access_tokens()
    signed_in.authorization.fault = Fault()
    refused = await call("book")
    assert (refused.outcome, signed_in.desk.times("book")) == ("down", 0), refused.text
    assert signed_in.row().state == "connected"

    signed_in.authorization.fault = None
    assert (await call("book")).outcome == "ok"


async def test_a_token_is_renewed_before_it_is_over(signed_in: SignedIn, call: Calls) -> None:
    assert (await call("read_note")).outcome == "ok"
    signed_in.now += HOUR * 0.99
    assert (await call("read_note")).outcome == "ok"
    assert (signed_in.authorization.times("refresh_token"), signed_in.authorization.turned_away) == (1, 0)

    signed_in.now += HOUR * 0.99
    signed_in.authorization.fault = Fault()
    assert (await call("read_note")).outcome == "ok", "it lasts a little longer"
    signed_in.now += HOUR * 0.02
    assert (await call("read_note")).outcome == "down"
    assert signed_in.authorization.turned_away == 0


async def test_a_token_that_lives_a_minute_serves_more_than_one_request(signed_in: SignedIn, call: Calls) -> None:
    signed_in.authorization.register.expires_in = 60
    await signed_in.sign_in()
    assert (await call("read_note")).outcome == "ok"
    assert signed_in.authorization.times("refresh_token") == 0
    signed_in.now += timedelta(seconds=50)
    assert (await call("read_note")).outcome == "ok"
    assert signed_in.authorization.times("refresh_token") == 1


async def test_a_server_that_refuses_a_new_token_needs_a_person(signed_in: SignedIn, call: Calls) -> None:
    signed_in.authorization.turns_away = True
    assert (await call("book")).outcome == "failed"
    assert (signed_in.row().state, signed_in.row().last_error) == ("needs_reconnect", "refused_anew")
    assert signed_in.authorization.times("refresh_token") == 1


async def test_more_is_asked_of_the_person_when_a_call_wants_it(signed_in: SignedIn, call: Calls) -> None:
    signed_in.desk.wants = {"book": "notes:write"}
    for _ in range(2):
        wanting = await call("book")
        assert wanting.outcome == "failed"
        assert "notes:write" in wanting.text
    assert (await call("read_note")).outcome == "ok"
    [event] = signed_in.events()
    assert (event.data["code"], event.data["scopes"]) == ("insufficient_scope", ["notes:write"])
    assert (signed_in.row().state, signed_in.desk.times("book")) == ("connected", 0)

    await signed_in.sign_in(signed_in.row().wanted_scopes)
    assert (await call("book")).outcome == "ok"
    assert (signed_in.row().scopes, signed_in.row().wanted_scopes) == (["notes:read", "notes:write"], [])


async def test_a_machine_asks_for_more_by_itself(signed_in: SignedIn, call: Calls) -> None:
    await signed_in.sign_in_as_machine()
    signed_in.desk.wants = {"book": "notes:write"}
    assert (await call("book")).outcome == "ok"
    assert (signed_in.desk.times("book"), signed_in.events()) == (1, [])
    signed_in.now += HOUR * 3
    assert (await call("book")).outcome == "ok"
    assert signed_in.authorization.times("client_credentials") == 3


async def test_a_machine_that_may_have_no_more_keeps_what_it_has(signed_in: SignedIn, call: Calls) -> None:
    await signed_in.sign_in_as_machine()
    signed_in.desk.wants = {"book": "notes:all"}
    for _ in range(2):
        assert (await call("book")).outcome == "failed"
    assert (await call("read_note")).outcome == "ok"
    assert (signed_in.row().state, signed_in.row().scopes) == ("connected", ["notes:read"])
    assert signed_in.desk.times("book") == 0
