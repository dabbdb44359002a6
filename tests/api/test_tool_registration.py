"""Tools and their servers: connected to a real MCP server, asked again, tried, found changed, pointed elsewhere."""

import asyncio
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from temporalio.client import Client

from api.schemas.tool_objects import OneTool, ToolTried
from api.tool_registration import ToolListing, fingerprint
from heartbeat.agents.tools.definitions import DiscoveredTool
from heartbeat.domain.secret_keys import new_key
from heartbeat.secrets.key_file import make_key_file
from heartbeat.secrets.keyring import Keyring, open_url
from heartbeat.store.database import Database
from heartbeat.store.rows import columns, exactly_one
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tools.servers import mark_changed
from tests.support.api import Api, error_of, wrong_fields
from tests.support.patience import PATIENCE
from tests.support.tool_owner import AUTHORISATION, ask, connect, shop_with
from tests.support.tool_server import ToolServer

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


async def read(api: Api, bot: dict, tool: dict) -> dict[str, Any]:
    return (await api.get(f"/tool/{tool['id']}", bot_id=bot["id"])).json()["tool"]


def entry(tool: dict, name: str) -> dict[str, Any]:
    [row] = [one for one in tool["tools"] if one["name"] == name]
    return row


def test_what_is_merely_written_down_otherwise_is_the_same_listing() -> None:
    def listing(required: list[str]) -> str:
        schema = {"type": "object", "properties": {"a": {}, "b": {}}, "required": required}
        return fingerprint(ToolListing([DiscoveredTool("book", "Books.", schema, {})]))

    assert listing(["a", "b"]) == listing(["b", "a"]) != listing(["a"])


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_connecting_shows_what_the_server_offers(shop: Api, desk: ToolServer, transport: str) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, desk.sse_url if transport == "sse" else desk.url, transport=transport)
    OneTool.model_validate({"tool": tool}, extra="forbid")
    assert [one["name"] for one in tool["tools"]] == [one.name for one in desk.tools()]
    assert entry(tool, "book") == {
        "name": "book",
        "description": "Book something.",
        "is_active": True,
        "schema": {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]},
        "annotations": {},
        "reads": None,
        "changed": None,
    }
    assert entry(tool, "put_note")["annotations"] == {"idempotentHint": True}
    assert (tool["last_error"], tool["refreshed_at"]) == (None, tool["created_at"])
    assert await read(shop, bot, tool) == tool
    assert desk.made == []


async def test_a_well_known_server_is_connected_by_name_and_what_is_sent_wins(shop: Api, desk: ToolServer) -> None:
    bot = await shop.bot()
    # Of the template are the label and the risks; its own address is asked nothing.
    sent = {"server_url": desk.url, "server_label": " ", "template": "linear", "bot_id": bot["id"]}
    tool = (await shop.post("/tool", **sent)).json()["tool"]
    assert (tool["server_label"], tool["server_url"]) == ("linear", desk.url)
    assert tool["risks"] == ["private_data", "untrusted_text", "outside_action"]
    assert len(tool["tools"]) == len(desk.tools())
    # As the Node client writes it.
    sent = {"name": "mine", "config": {"url": desk.url, "risks": []}, "template": "linear", "bot_id": bot["id"]}
    tool = (await shop.post("/tool", **sent)).json()["tool"]
    assert (tool["server_label"], tool["server_url"], tool["risks"]) == ("mine", desk.url, [])


async def test_a_server_that_is_not_well_known_is_refused_with_those_that_are(shop: Api) -> None:
    bot = await shop.bot()
    for template in ("linea", {"server_url": "https://tools.example.com"}):
        answer = await shop.post("/tool", bot_id=bot["id"], template=template)
        assert wrong_fields(answer) == ["template"]
        message = error_of(answer, 400)["message"]
        assert message.startswith("template: must be one of asana, atlassian, ")
        assert "linear" in message
    answer = await shop.post("/tool", bot_id=bot["id"], template="")
    assert wrong_fields(answer) == ["server_label", "server_url"]


async def test_a_server_that_is_down_is_kept_and_refreshed_later(shop: Api, down: str) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, down)
    assert (tool["tools"], tool["refreshed_at"]) == ([], None)
    assert tool["last_error"] == "The tool server desk cannot be reached: nothing listens at its address."
    refused = error_of(await ask(shop, bot, tool, "refresh"), 400)
    assert (refused["code"], refused["message"]) == ("tool_server_down", tool["last_error"])
    back = ToolServer(port=int(down.rsplit(":", 1)[1].partition("/")[0]))
    try:
        answer = (await ask(shop, bot, tool, "refresh")).json()
    finally:
        back.close()
    assert answer == {"success": True, "message": f"desk offers {len(back.tools())} tools."}
    refreshed = await read(shop, bot, tool)
    assert (refreshed["last_error"], len(refreshed["tools"])) == (None, len(back.tools()))
    error_of(await ask(shop, bot, tool, "refresh"), 400)
    lost = await read(shop, bot, tool)
    assert lost["last_error"] == "The tool server desk cannot be reached: nothing listens at its address."
    assert (lost["tools"], lost["refreshed_at"]) == (refreshed["tools"], refreshed["refreshed_at"])


async def test_trying_a_connection_stores_nothing(shop: Api, desk: ToolServer, down: str) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, desk.url)
    desk.hidden = {"book"}
    answer = (await ask(shop, bot, tool, "test")).json()
    ToolTried.model_validate(answer, extra="forbid")
    count = len(desk.tools())
    assert answer == {"success": True, "message": f"desk answers, and offers {count} tools.", "tools_count": count}
    assert await read(shop, bot, tool) == tool
    gone = await connect(shop, bot, down, server_label="gone")
    answer = (await ask(shop, bot, gone, "test")).json()
    assert answer == {
        "success": False,
        "message": "The tool server gone cannot be reached: nothing listens at its address.",
        "tools_count": 0,
    }
    assert await read(shop, bot, gone) == gone


@pytest.mark.parametrize("call", ["refresh", "test"])
async def test_there_must_be_a_tool_to_ask(shop: Api, desk: ToolServer, call: str) -> None:
    mine, other = await shop.bot(), await shop.bot()
    tool = await connect(shop, mine, desk.url)
    assert error_of(await ask(shop, other, tool, call), 404)["code"] == "tool_not_found"
    assert error_of(await ask(shop, mine, {"id": "tool_no"}, call), 404)["code"] == "tool_not_found"


async def test_a_tool_that_changed_shows_how_and_refresh_takes_it(shop: Api, desk: ToolServer) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, desk.url)
    await shop.post(f"/tool/{tool['id']}/toggle", bot_id=bot["id"], tool_name="book", is_active=False)
    before = await read(shop, bot, tool)
    where = {"type": "string", "description": "A town."}
    now = {"type": "object", "properties": {"town": where, "days": where}}
    changed = DiscoveredTool("forecast", "The weather.", now, {"readOnlyHint": True})

    def work(connection: Any) -> None:
        mark_changed(connection, tool["id"], "forecast", changed, NOW)
        mark_changed(connection, tool["id"], "wait", None, NOW)
        mark_changed(connection, tool["id"], "nobody", None, NOW)
        mark_changed(connection, "stdio:files", "forecast", None, NOW)

    await shop.database.write(work)
    shown = await read(shop, bot, tool)
    OneTool.model_validate({"tool": shown}, extra="forbid")
    forecast, wait = entry(shown, "forecast")["changed"], entry(shown, "wait")["changed"]
    assert (forecast["gone"], forecast["seen_at"], wait["gone"]) == (False, NOW.isoformat(), True)
    lines = forecast["difference"].splitlines()
    assert lines[:2] == ["--- pinned", "+++ now"]
    assert '+    "days": {' in lines
    assert [line for line in lines[2:] if line.startswith("-")] == []
    assert "-Answers when it is released." in wait["difference"].splitlines()
    assert {one["name"] for one in shown["tools"] if one["changed"]} == {"forecast", "wait"}
    assert {**shown, "tools": before["tools"]} == before, "nobody edited it"

    desk.changed, desk.hidden = True, {"wait"}
    assert (await ask(shop, bot, tool, "refresh")).json()["success"] is True
    shown = await read(shop, bot, tool)
    assert [one["name"] for one in shown["tools"]] == [one.name for one in desk.tools()]
    assert all(one["changed"] is None for one in shown["tools"])
    assert [one["name"] for one in shown["tools"] if not one["is_active"]] == ["book"]
    assert entry(shown, "forecast")["schema"] == now


async def test_two_that_change_at_once_are_both_marked(shop: Api, desk: ToolServer) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, desk.url)
    names = [one["name"] for one in tool["tools"]]

    async def mark(name: str) -> None:
        await shop.database.write(mark_changed, tool["id"], name, None, NOW)

    await asyncio.gather(*(mark(name) for name in names))
    assert all(one["changed"]["gone"] for one in (await read(shop, bot, tool))["tools"])


async def test_headers_let_us_in_and_are_never_shown(shop: Api, locked_desk: ToolServer) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, locked_desk.url, headers={"Authorization": "Bearer wrong"})
    assert "does not let us in (HTTP 401)" in tool["last_error"]
    path, which = f"/tool/{tool['id']}", {"bot_id": bot["id"]}
    headers = {"Authorization": AUTHORISATION, "X-Tenant": "seven"}
    right = (await shop.put(path, **which, headers=headers)).json()["tool"]
    assert (right["last_error"], right["headers"]) == (None, {})
    assert right["header_names"] == ["Authorization", "X-Tenant"]
    assert len(right["tools"]) == len(locked_desk.tools())

    # What was read may be written back as it is.
    assert (await shop.put(path, **which, **right)).json()["tool"]["header_names"] == right["header_names"]
    assert (await ask(shop, bot, tool, "test")).json()["success"] is True
    none = (await shop.put(path, **which, headers=None)).json()["tool"]
    assert (none["header_names"], len(none["tools"])) == ([], len(locked_desk.tools()))
    assert "401" in (await ask(shop, bot, tool, "test")).json()["message"]


async def test_headers_go_to_no_other_host_than_they_were_given_for(
    shop: Api, desk: ToolServer, locked_desk: ToolServer
) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, locked_desk.url, headers={"Authorization": AUTHORISATION})
    path, which = f"/tool/{tool['id']}", {"bot_id": bot["id"]}
    for elsewhere in (desk.url, locked_desk.url.replace("http:", "https:"), locked_desk.url.replace(".1:", ".1.:")):
        refused = await shop.put(path, **which, server_url=elsewhere)
        assert wrong_fields(refused) == ["headers"]
    assert wrong_fields(await shop.put(path, **which, server_url=desk.url, headers={})) == ["headers"]
    assert await read(shop, bot, tool) == tool
    same_host = (await shop.put(path, **which, server_url=f"{locked_desk.url}?v=2")).json()["tool"]
    assert (same_host["header_names"], same_host["last_error"]) == (["Authorization"], None)
    moved = (await shop.put(path, **which, server_url=desk.url, headers=None)).json()["tool"]
    assert (moved["server_url"], moved["header_names"], moved["last_error"]) == (desk.url, [], None)


async def test_a_tool_that_is_pointed_elsewhere_is_asked_anew(shop: Api, desk: ToolServer, down: str) -> None:
    other = ToolServer()
    other.hidden = {"book"}
    try:
        bot = await shop.bot()
        tool = await connect(shop, bot, desk.url)
        path, which = f"/tool/{tool['id']}", {"bot_id": bot["id"]}
        renamed = (await shop.put(path, **which, server_label="Front desk")).json()["tool"]
        assert (renamed["server_label"], renamed["refreshed_at"]) == ("Front desk", tool["refreshed_at"])
        moved = (await shop.put(path, **which, server_url=other.url)).json()["tool"]
        assert [one["name"] for one in moved["tools"]] == [one.name for one in other.tools()]
    finally:
        other.close()
    lost = (await shop.put(path, **which, server_url=down)).json()["tool"]
    assert (lost["server_url"], lost["tools"]) == (down, moved["tools"])
    assert lost["last_error"] == "The tool server Front desk cannot be reached: nothing listens at its address."


async def test_what_a_server_said_is_not_written_over_another_ones_address(
    shop: Api, desk: ToolServer, down: str
) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, desk.url)
    path, which = f"/tool/{tool['id']}", {"bot_id": bot["id"]}
    offered, heard, released = desk.tools(), threading.Event(), threading.Event()

    def slowly() -> list[Any]:
        heard.set()
        assert released.wait(PATIENCE)
        return offered

    desk.tools = slowly  # type: ignore[method-assign]
    asking = asyncio.create_task(ask(shop, bot, tool, "refresh"))
    assert await asyncio.to_thread(heard.wait, PATIENCE)
    await shop.put(path, **which, server_url=down)
    released.set()
    assert error_of(await asking, 409)["code"] == "tool_changed"
    assert (await read(shop, bot, tool))["server_url"] == down


async def test_without_a_key_headers_are_refused_and_the_rest_works(
    shared_database: Database, temporal: Client, tmp_path: Path, desk: ToolServer
) -> None:
    async with shop_with(shared_database, temporal, tmp_path) as api:
        bot = await api.bot()
        refused = await api.post(
            "/tool",
            bot_id=bot["id"],
            server_label="desk",
            server_url=desk.url,
            transport="http",
            headers={"Authorization": AUTHORISATION},
        )
        assert (wrong_fields(refused), error_of(refused, 400)["code"]) == (["headers"], "no_secret_key")
        assert "HEARTBEAT_SECRET_KEYS" in refused.text
        tool = await connect(api, bot, desk.url, headers={})
        assert len(tool["tools"]) == len(desk.tools())
        changed = await api.put(f"/tool/{tool['id']}", bot_id=bot["id"], headers={"X-Key": "canary"})
        assert (wrong_fields(changed), "canary" in changed.text) == (["headers"], False)
        # The embedded stack makes its key file at the first start.
        make_key_file(tmp_path)
        changed = await api.put(f"/tool/{tool['id']}", bot_id=bot["id"], headers={"X-Key": "canary"})
        assert changed.json()["tool"]["header_names"] == ["X-Key"]


async def test_headers_of_a_key_that_is_gone_are_said_to_be(
    shared_database: Database, temporal: Client, tmp_path: Path, locked_desk: ToolServer
) -> None:
    lost, current = new_key(), new_key()
    async with shop_with(shared_database, temporal, tmp_path, secret_keys=f"{lost},{current}") as api:
        bot = await api.bot()
        tool = await connect(api, bot, locked_desk.url, headers={"Authorization": AUTHORISATION})
        api.settings.secret_keys = type(api.settings.secret_keys)(current)
        said = (await ask(api, bot, tool, "test")).json()
        assert said["success"] is False
        assert f"sealed with the key '{lost.partition(':')[0]}'" in said["message"]
        assert error_of(await ask(api, bot, tool, "refresh"), 400)["message"] == said["message"]
        assert (await read(api, bot, tool))["last_error"] == said["message"]
        mended = await api.put(f"/tool/{tool['id']}", bot_id=bot["id"], headers={"Authorization": AUTHORISATION})
        assert mended.status_code == 200
        assert (await ask(api, bot, tool, "test")).json()["success"] is True


async def test_more_than_a_model_can_be_told_is_not_kept(shop: Api, desk: ToolServer) -> None:
    bot = await shop.bot()
    tools = desk.tools()
    desk.tools = lambda: [tool.model_copy(update={"description": "x" * 60_000}) for tool in tools]  # type: ignore[method-assign]
    tool = await connect(shop, bot, desk.url)
    assert "at most 500,000 can be told to a model" in tool["last_error"]
    assert tool["tools"] == []


def test_an_api_that_speaks_to_no_server_has_not_loaded_what_it_would_need() -> None:
    look = "import api.main, sys; print(sorted({'mcp', 'httpx2', 'anthropic', 'openai'} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert process.stdout == "[]\n"


async def test_the_query_of_an_address_is_a_secret(shop: Api, desk: ToolServer) -> None:
    bot, keyring = await shop.bot(), Keyring.from_settings(shop.settings)
    whole = f"{desk.url}?token=canary-of-the-query"
    tool = await connect(shop, bot, whole)
    assert (tool["server_url"], tool["has_query"], tool["last_error"]) == (desk.url, True, None)

    async def stored() -> Tool:
        table = columns(Tool)
        query = select(table).where(table.c.uuid == tool["id"])
        return await shop.database.read(lambda connection: exactly_one(connection, Tool, query))

    row = await stored()
    assert "canary" not in str(row)
    assert open_url(keyring, row.uuid, row.sealed_url, row.server_url) == whole
    # As a client sends back what it was shown.
    await shop.put(f"/tool/{tool['id']}", bot_id=bot["id"], server_url=desk.url, server_label="Desk")
    assert (await stored()).sealed_url == row.sealed_url
    forgotten = (await shop.put(f"/tool/{tool['id']}", bot_id=bot["id"], server_url=f"{desk.url}?")).json()["tool"]
    assert (forgotten["server_url"], forgotten["has_query"]) == (desk.url, False)
    assert (await stored()).sealed_url is None


async def test_a_query_without_a_key_is_refused(shared_database: Database, temporal: Client, tmp_path: Path) -> None:
    async with shop_with(shared_database, temporal, tmp_path) as api:
        bot = await api.bot()
        fields = {"server_label": "desk", "server_url": "https://desk.example/mcp?token=canary", "transport": "http"}
        refused = await api.post("/tool", bot_id=bot["id"], **fields)
        assert (wrong_fields(refused), error_of(refused, 400)["code"]) == (["server_url"], "no_secret_key")
        assert "canary" not in refused.text
