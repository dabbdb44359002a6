"""Tool servers that want to be signed in to: the whole way over the API, with a real authorization server."""

import contextlib
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import select

from heartbeat.secrets.keyring import Keyring
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.tool_connections import ToolConnection
from heartbeat.store.tools.toolset import toolset
from heartbeat.tool_servers.opening import open_server
from tests.support.api import Api, error_of
from tests.support.audit_entries import deeds
from tests.support.authorization_server import AuthorizationServer
from tests.support.tool_owner import ask, read
from tests.support.tool_server import ToolServer
from tests.support.tool_sign_ins import come_back, create, fields_of

# What is the same whatever the store.
ON_SQLITE = pytest.mark.parametrize("shared_database", ["sqlite"], indirect=True)
FORM = {"origin": "http://api.test", "content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def elsewhere(authorization: AuthorizationServer) -> Iterator[ToolServer]:
    """A tool server whose people sign in on another host."""
    authorization.url = authorization.url.replace("127.0.0.1", "localhost")
    with contextlib.closing(ToolServer(authorization=authorization)) as server:
        yield server


def headers_of_runs(api: Api, bot_id: int, member_id: int | None = None) -> list[tuple[str, str]]:
    """What runs of this bot would send its servers, and why they are not spoken to."""
    tools = api.database.read_now(toolset, bot_id, member_id)
    keyring = Keyring.from_settings(api.settings)
    servers = [open_server(keyring, tool, tools.connections.get(tool.id)) for tool in tools.servers]
    return [(server.headers.get("Authorization", ""), server.unusable) for server in servers]


async def test_a_person_signs_in(shop: Api, authorization: AuthorizationServer, guarded_desk: ToolServer) -> None:
    bot = await shop.bot()
    new = await create(shop, bot, guarded_desk)
    assert new["tool"]["connection"]["state"] == "not_connected"
    assert headers_of_runs(shop, bot["bot_id"]) == [("", "")]

    location = authorization.approve(new["authorize_url"])
    assert location.startswith(f"{shop.settings.api_url()}/oauth/callback?")
    answer = await come_back(shop, location)
    assert answer.status_code == 200
    assert "desk is connected" in answer.text

    tool = await read(shop, bot, new["tool"])
    connection = tool["connection"]
    assert (connection["state"], connection["scopes"]) == ("connected", ["notes:read"])
    assert connection["issuer"].rstrip("/") == authorization.url
    assert (len(tool["tools"]) > 5, tool["last_error"]) == (True, None)
    [(header, unusable)] = headers_of_runs(shop, bot["bot_id"])
    assert (header[:7], unusable) == ("Bearer ", "")

    again = await come_back(shop, location)
    assert (again.status_code, authorization.times("authorization_code")) == (409, 1), "a state is taken once"

    guarded_desk.hidden = {"book"}
    assert (await ask(shop, bot, new["tool"], "refresh")).status_code == 200
    done = set(await deeds(shop.database, shop.project.id))
    made_by_key = {("key", action) for action in ("tool.create", "connection.create", "tool.refresh")}
    assert {*made_by_key, ("link", "connection.sign_in")} - done == set(), done


async def test_what_was_granted_is_for_one_server(
    shop: Api, authorization: AuthorizationServer, guarded_desk: ToolServer
) -> None:
    bot = await shop.bot()
    other_server, own_header = {"server_url": "https://tools.invalid/mcp"}, {"headers": {"authorization": "Bearer x"}}
    for label, change in (("moved", other_server), ("own", own_header)):
        new = await create(shop, bot, guarded_desk, server_label=label)
        await come_back(shop, authorization.approve(new["authorize_url"]))
        changed = await shop.put(f"/tool/{new['tool']['id']}", bot_id=bot["id"], **change)
        assert changed.json()["tool"]["connection"] is None
    gone = await create(shop, bot, guarded_desk, server_label="gone")
    await come_back(shop, authorization.approve(gone["authorize_url"]))
    await shop.delete(f"/tool/{gone['tool']['id']}", bot_id=bot["id"])
    assert all("Bearer x" in header or not header for header, _ in headers_of_runs(shop, bot["bot_id"]))
    tool, connection = columns(Tool), columns(ToolConnection)
    of_bot = select(connection.c.id).join(tool, tool.c.id == connection.c.tool_id)
    kept = of_bot.where(tool.c.bot_id == bot["bot_id"])
    assert shop.database.read_now(lambda c: c.execute(kept).all()) == []


@ON_SQLITE
async def test_who_says_no_is_not_connected(
    shop: Api, authorization: AuthorizationServer, guarded_desk: ToolServer
) -> None:
    bot = await shop.bot()
    new = await create(shop, bot, guarded_desk)
    answer = await come_back(shop, authorization.approve(new["authorize_url"], "deny"))
    assert (answer.status_code, "did not let us in" in answer.text) == (400, True)
    assert (await read(shop, bot, new["tool"]))["connection"]["state"] == "not_connected"


@ON_SQLITE
async def test_another_issuer_or_state_gets_no_token(
    shop: Api, authorization: AuthorizationServer, guarded_desk: ToolServer
) -> None:
    bot = await shop.bot()
    new = await create(shop, bot, guarded_desk)
    location = authorization.approve(new["authorize_url"])
    for wrong in ({"state": "x" * 43}, {"state": ""}):
        answer = await shop.http.get("/oauth/callback", params={**fields_of(location), **wrong})
        assert answer.status_code == 409
    answer = await shop.http.get("/oauth/callback", params={**fields_of(location), "iss": "https://evil.example.com"})
    assert (answer.status_code, authorization.token_requests) == (400, [])


async def test_another_host_is_shown_before_anything_is_sent_there(
    shop: Api, authorization: AuthorizationServer, elsewhere: ToolServer
) -> None:
    shop.settings.egress_allow = ["127.0.0.1", "localhost"]
    bot = await shop.bot()
    new = await create(shop, bot, elsewhere)
    assert (new["tool"]["last_error"], authorization.requests) == ("Nobody has signed in to it yet.", 0)
    assert new["tool"]["connection"]["issuer"].rstrip("/") == authorization.url
    link = fields_of(new["authorize_url"])["link"]
    page = await shop.http.get("/oauth/connect", params={"link": link})
    host = urlsplit(authorization.url).netloc
    assert f"<strong>{host}</strong>" in page.text
    assert authorization.requests == 0

    lost = await shop.http.post("/oauth/connect", data={"link": link, "issuer": authorization.url}, headers=FORM)
    assert ("HEARTBEAT_PUBLIC_URL" in lost.text, authorization.requests) == (True, 0)
    shop.settings.public_url = "http://api.test"
    unseen = await shop.http.post("/oauth/connect", data={"link": link, "issuer": "https://x.example"}, headers=FORM)
    assert (host in unseen.text, authorization.requests) == (True, 0), "another than was shown is shown"
    begun = await shop.http.post("/oauth/connect", data={"link": link, "issuer": authorization.url}, headers=FORM)
    url = httpx.URL(re.search(r'href="(http[^"]+authorize[^"]+)"', begun.text)[1].replace("&amp;", "&"))  # type: ignore[index]
    browser = begun.cookies["heartbeat_tool_sign_in"]
    location = authorization.approve(str(url))
    shop.http.cookies.clear()
    for cookies in ({}, {"heartbeat_tool_sign_in": "x" * 43}):
        answer = await come_back(shop, location, **cookies)
        assert (answer.status_code, authorization.token_requests) == (409, []), "it is bound to the browser"
    assert (await come_back(shop, location, heartbeat_tool_sign_in=browser)).status_code == 200
    assert (await read(shop, bot, new["tool"]))["connection"]["state"] == "connected"
    assert (await shop.http.get("/oauth/connect", params={"link": link})).status_code == 403, "a link is for once"


@ON_SQLITE
async def test_naming_the_other_host_is_having_seen_it(
    shop: Api, authorization: AuthorizationServer, elsewhere: ToolServer
) -> None:
    shop.settings.egress_allow = ["127.0.0.1", "localhost"]
    new = await create(shop, await shop.bot(), elsewhere, issuer=authorization.url)
    assert new["authorize_url"].startswith(f"{authorization.url}/authorize?")


@ON_SQLITE
async def test_a_client_that_was_given(shop: Api, authorization: AuthorizationServer, guarded_desk: ToolServer) -> None:
    bot, authorization.registers = await shop.bot(), False
    new = await create(shop, bot, guarded_desk)
    assert new["authorize_url"] is None
    assert new["tool"]["connection"]["last_error"] == "client_needed"
    assert "give its client_id" in new["tool"]["last_error"]

    path, back = f"/tool/{new['tool']['id']}/connect", f"{shop.settings.api_url()}/oauth/callback"
    authorization.add_client("me", "s3cret", redirect_uris=[back], token_endpoint_auth_method="client_secret_post")
    error_of(await shop.post(path, bot_id=bot["id"], client_secret="s3cret"), 400)
    answer = await shop.post(path, bot_id=bot["id"], client_id="me", client_secret="s3cret", scopes="notes:write")
    assert fields_of(answer.json()["authorize_url"])["scope"] == "notes:write"
    assert "s3cret" not in answer.text


async def test_a_machine_signs_in_without_a_person(
    shop: Api, authorization: AuthorizationServer, guarded_desk: ToolServer
) -> None:
    authorization.add_client(
        "me", "s3cret", grant_types=["client_credentials"], token_endpoint_auth_method="client_secret_basic"
    )
    bot, client = await shop.bot(), {"client_id": "me", "client_secret": "s3cret"}
    new = await create(shop, bot, guarded_desk, grant_type="client_credentials", **client)
    assert (new["authorize_url"], new["tool"]["connection"]["state"]) == (None, "connected")
    assert len(new["tool"]["tools"]) > 5
    client = {"client_id": "me", "client_secret": "no", "grant_type": "client_credentials"}
    wrong = await create(shop, bot, guarded_desk, server_label="wrong", **client)
    assert (wrong["tool"]["connection"]["last_error"], wrong["tool"]["tools"]) == ("invalid_client", [])
    refused = await shop.post(
        "/tool", bot_id=bot["id"], server_label="x", server_url=guarded_desk.url, grant_type="client_credentials"
    )
    assert "client_secret" in error_of(refused, 400)["message"]


async def test_each_subscriber_signs_in(
    shop: Api, authorization: AuthorizationServer, guarded_desk: ToolServer
) -> None:
    bot = await shop.bot()
    ann, ben = await shop.member(bot), await shop.member(bot)
    new = await create(shop, bot, guarded_desk, per_member=True)
    path = f"/tool/{new['tool']['id']}"
    assert (new["authorize_url"], new["tool"]["per_member"]) == (None, True)
    shop.settings.public_url = "http://api.test"
    invited = (await shop.post(f"{path}/connect", bot_id=bot["id"], member_id=ann["uuid"])).json()
    link = fields_of(invited["authorize_url"])["link"]
    begun = await shop.http.post("/oauth/connect", data={"link": link}, headers=FORM)
    url = re.search(r'href="(http[^"]+authorize[^"]+)"', begun.text)[1].replace("&amp;", "&")  # type: ignore[index]
    assert (await come_back(shop, authorization.approve(url))).status_code == 200

    [hers] = headers_of_runs(shop, bot["bot_id"], ann["member_id"])
    [his] = headers_of_runs(shop, bot["bot_id"], ben["member_id"])
    [nobodys] = headers_of_runs(shop, bot["bot_id"])
    assert (hers[0][:7], hers[1]) == ("Bearer ", "")
    assert (his, nobodys[0]) == (nobodys, "")
    assert his[1]
    listed = (await shop.get(f"{path}/connections", bot_id=bot["id"])).json()["connections"]
    assert [(one["member_id"], one["state"]) for one in listed] == [(ann["uuid"], "connected")]
    assert len((await read(shop, bot, new["tool"]))["tools"]) > 5

    await shop.delete("/subscriber/delete", bot_id=bot["id"], member_id=ann["uuid"])
    assert (await shop.get(f"{path}/connections", bot_id=bot["id"])).json()["connections"] == []
    assert (await shop.http.get("/oauth/connect", params={"link": link})).status_code == 404

    other = await create(shop, bot, guarded_desk, server_label="other")
    refused = await shop.post(f"/tool/{other['tool']['id']}/connect", bot_id=bot["id"], member_id=ben["uuid"])
    assert "per_member" in error_of(refused, 400)["message"]


@ON_SQLITE
async def test_a_link_that_was_not_made_here(shop: Api) -> None:
    for link in ("", "v1.k.x", "<script>"):
        assert (await shop.http.get("/oauth/connect", params={"link": link})).status_code == 403


@ON_SQLITE
async def test_our_client_describes_itself(shop: Api) -> None:
    document = (await shop.http.get("/oauth/client.json")).json()
    assert document["client_id"].endswith("/oauth/client.json")
    assert document["redirect_uris"] == [document["client_id"].replace("client.json", "callback")]
