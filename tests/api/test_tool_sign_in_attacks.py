"""What must not come of a sign-in to a tool server, whoever changes what in the middle of one."""

import contextlib
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Connection, delete, select, update

from heartbeat.store.database.rows import columns
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.tool_connections import ToolConnection
from tests.support.api import Api, error_of
from tests.support.authorization_server import AuthorizationServer
from tests.support.tool_owner import read
from tests.support.tool_server import ToolServer
from tests.support.tool_sign_ins import come_back, create, fields_of

# What is the same whatever the store.
ON_SQLITE = pytest.mark.parametrize("shared_database", ["sqlite"], indirect=True)


async def connected(shop: Api, authorization: AuthorizationServer, desk: ToolServer) -> tuple[dict[str, Any], str]:
    """A bot, and the path of a tool of its that somebody has signed in to."""
    bot = await shop.bot()
    new = await create(shop, bot, desk)
    assert (await come_back(shop, authorization.approve(new["authorize_url"]))).status_code == 200
    return bot, f"/tool/{new['tool']['id']}"


def number_of(path: str) -> Any:
    """The number of the tool at `path`, as a query."""
    tool = columns(Tool)
    return select(tool.c.id).where(tool.c.uuid == path.removeprefix("/tool/")).scalar_subquery()


async def test_who_is_asked_about_one_server_signs_in_to_no_other(
    shop: Api, authorization: AuthorizationServer, guarded_desk: ToolServer
) -> None:
    bot, path = await connected(shop, authorization, guarded_desk)
    truth, tool, connection = authorization.metadata(), columns(Tool), columns(ToolConnection)
    of_tool = select(connection.c.id).where(connection.c.tool_id == number_of(path))

    def move(c: Connection) -> None:
        c.execute(delete(connection).where(connection.c.tool_id == number_of(path)))
        c.execute(update(tool).where(tool.c.id == number_of(path)).values(server_url="https://thief.example/mcp"))

    def while_it_is_asked() -> dict[str, Any]:
        shop.database.write_now(move)
        return truth

    authorization.metadata = while_it_is_asked  # type: ignore[method-assign]
    refused = await shop.post(f"{path}/connect", bot_id=bot["id"])
    assert error_of(refused, 409)["code"] == "tool_changed"
    assert shop.database.read_now(lambda c: c.execute(of_tool).all()) == [], "nor is anybody on the way"


@ON_SQLITE
async def test_a_server_that_moves_its_sign_in_is_shown_each_time(
    shop: Api, authorization: AuthorizationServer, guarded_desk: ToolServer
) -> None:
    shop.settings.egress_allow = ["127.0.0.1", "localhost"]
    bot, path = await connected(shop, authorization, guarded_desk)
    port = urlsplit(guarded_desk.url).port
    assert port is not None
    guarded_desk.close()
    with contextlib.closing(AuthorizationServer()) as thief:
        thief.url = thief.url.replace("127.0.0.1", "localhost")
        with contextlib.closing(ToolServer(authorization=thief, port=port)):
            for _ in range(2):
                answer = await shop.post(f"{path}/connect", bot_id=bot["id"])
                assert "/oauth/connect?link=" in answer.json()["authorize_url"]
            assert thief.requests == 0


@ON_SQLITE
async def test_another_client_is_another_sign_in(
    shop: Api, authorization: AuthorizationServer, guarded_desk: ToolServer
) -> None:
    bot, path = await connected(shop, authorization, guarded_desk)
    back = f"{shop.settings.api_url()}/oauth/callback"
    for client_id in ("me", "other"):
        method = {"token_endpoint_auth_method": "client_secret_basic"}
        authorization.add_client(client_id, "s3cret", redirect_uris=[back], **method)
    tool = {"id": path.removeprefix("/tool/")}
    states = []
    for client_id in ("me", "me", "other"):
        answer = await shop.post(f"{path}/connect", bot_id=bot["id"], client_id=client_id, client_secret="s3cret")
        states.append((await read(shop, bot, tool))["connection"]["state"])
        assert (await come_back(shop, authorization.approve(answer.json()["authorize_url"]))).status_code == 200
    assert states == ["needs_reconnect", "connected", "needs_reconnect"], "the same one may have a new secret"
    assert (await read(shop, bot, tool))["connection"]["state"] == "connected"


@ON_SQLITE
async def test_a_permission_that_nobody_grants_is_asked_for_once(
    shop: Api, authorization: AuthorizationServer, guarded_desk: ToolServer
) -> None:
    bot, path = await connected(shop, authorization, guarded_desk)
    begun = await shop.post(f"{path}/connect", bot_id=bot["id"], scopes=["notes:burn"])
    asked = fields_of(begun.json()["authorize_url"])
    assert asked["scope"] == "notes:burn"
    refused = f"/oauth/callback?error=invalid_scope&state={asked['state']}"
    assert (await come_back(shop, refused)).status_code == 400
    again = await shop.post(f"{path}/connect", bot_id=bot["id"])
    assert fields_of(again.json()["authorize_url"])["scope"] == "notes:read"
