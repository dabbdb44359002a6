"""Tools: registrations kept and listed; secrets and connections refused in words."""

import json

import pytest
from sqlalchemy import update

from api.schemas.tools import AllTools, OneTool
from heartbeat.store.database import columns
from heartbeat.store.tables import Tool
from tests.api.conftest import Api, error_of, wrong_fields

SERVER = {"server_label": "Tickets", "server_url": "https://tools.example.com/mcp", "transport": "http"}


async def a_tool(api: Api, bot: dict, **given: object) -> dict:
    answer = await api.post("/tool", **{"bot_id": bot["id"], **SERVER, **given})
    assert answer.status_code == 200, answer.text
    return answer.json()["tool"]


async def test_a_registration_reads_back(api: Api) -> None:
    bot = await api.bot()
    tool = await a_tool(api, bot, require_approval="always", headers={})
    OneTool.model_validate({"tool": tool}, extra="forbid")
    assert (tool["server_label"], tool["transport"], tool["require_approval"]) == ("Tickets", "http", "always")
    assert (tool["is_enabled"], tool["tools"], tool["type"], tool["headers"]) == (True, [], "mcp", {})
    assert (await api.get(f"/tool/{tool['id']}", bot_id=bot["id"])).json() == {"tool": tool}


async def test_pages_and_filters(api: Api) -> None:
    bot = await api.bot()
    made = [await a_tool(api, bot, server_label=f"Server {number}") for number in range(3)]
    await api.put(f"/tool/{made[1]['id']}", bot_id=bot["id"], is_enabled="inactive")
    listed = (await api.get("/tool", bot_id=bot["id"], per_page=2)).json()
    AllTools.model_validate(listed, extra="forbid")
    assert [entry["tool"]["id"] for entry in listed["tools"]] == [entry["id"] for entry in made[:2]]
    assert listed["pagination"] == {"page": 1, "per_page": 2, "total": 3, "total_pages": 2}
    wanted = json.dumps({"is_enabled": False, "unknown": "ignored"})
    off = (await api.get("/tool", bot_id=bot["id"], filter=wanted)).json()
    assert [entry["id"] for entry in off["tools"]] == [made[1]["id"]]


async def test_update_and_delete(api: Api) -> None:
    bot = await api.bot()
    tool = await a_tool(api, bot)
    changed = await api.put(f"/tool/{tool['id']}", bot_id=bot["id"], server_label="Orders", transport="sse")
    assert (changed.json()["tool"]["server_label"], changed.json()["tool"]["transport"]) == ("Orders", "sse")
    assert changed.json()["tool"]["server_url"] == tool["server_url"]
    assert (await api.delete(f"/tool/{tool['id']}", bot_id=bot["id"])).json()["success"] is True
    for method in ("GET", "PUT", "DELETE"):
        answer = await api.call(method, f"/tool/{tool['id']}", {"bot_id": bot["id"]})
        assert error_of(answer, 404)["code"] == "tool_not_found"


async def test_a_tool_of_another_bot_is_not_there(api: Api) -> None:
    first, second = await api.bot(), await api.bot()
    tool = await a_tool(api, first)
    assert error_of(await api.get(f"/tool/{tool['id']}", bot_id=second["id"]), 404)["code"] == "tool_not_found"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"server_label": ""}, "server_label"),
        ({"server_label": "x" * 256}, "server_label"),
        ({"server_url": "ftp://tools.example.com"}, "server_url"),
        ({"server_url": "https://"}, "server_url"),
        ({"server_url": "http://[::1"}, "server_url"),
        ({"server_url": "https://tools.example.com:99999/"}, "server_url"),
        ({"server_url": "https://user:hunter2@tools.example.com"}, "server_url"),
        ({"server_url": "https://tools.example.com/" + "x" * 500}, "server_url"),
        ({"transport": "carrier pigeon"}, "transport"),
        ({"require_approval": "sometimes"}, "require_approval"),
        ({"type": "plugin"}, "type"),
        ({"headers": {"Authorization": "Bearer secret"}}, "headers"),
        ({"headers": "x"}, "headers"),
    ],
)
async def test_wrong_fields_are_named_and_secrets_are_not_repeated(api: Api, given: dict, field: str) -> None:
    bot = await api.bot()
    answer = await api.post("/tool", **{"bot_id": bot["id"], **SERVER, **given})
    assert wrong_fields(answer) == [field]
    assert "secret" not in answer.text.replace("secrets", "")
    assert "hunter2" not in answer.text


async def test_a_servers_tools_are_switched_by_name(api: Api) -> None:
    bot = await api.bot()
    tool = await a_tool(api, bot)
    known = [{"name": name, "description": "", "is_active": True, "schema": {}} for name in ("search", "close", "open")]
    table = columns(Tool)
    await api.database.write(
        lambda connection: connection.execute(update(table).where(table.c.uuid == tool["id"]).values(tools=known))
    )
    path, which = f"/tool/{tool['id']}", {"bot_id": bot["id"]}
    off = [{"name": "search", "is_active": False}, {"name": "close", "is_active": 0}]
    assert (await api.put(f"{path}/configure", **which, tools=off)).json()["success"] is True
    assert (await api.post(f"{path}/toggle", **which, tool_name="close", is_active=True)).json()["success"] is True
    assert (await api.post(f"{path}/toggle", **which, tool_name="open", active=False)).json()["success"] is True
    found = (await api.get(path, **which)).json()["tool"]["tools"]
    assert {entry["name"]: entry["is_active"] for entry in found} == {"search": False, "close": True, "open": False}
    unknown = await api.post(f"{path}/toggle", **which, tool_name="fly", is_active=True)
    assert error_of(unknown, 404)["code"] == "tool_not_found"
    assert wrong_fields(await api.put(f"{path}/configure", **which, tools=[{"name": "x"}])) == ["tools.0.is_active"]


@pytest.mark.parametrize("call", ["refresh", "test"])
async def test_connecting_comes_later(api: Api, call: str) -> None:
    bot = await api.bot()
    tool = await a_tool(api, bot)
    query = {"project_id": api.project.uuid, "bot_id": bot["id"]}
    headers = {"authorization": f"Bearer {api.key}", "content-type": "application/json"}
    answer = await api.http.post(f"/v1/bot/tool/{tool['id']}/{call}", params=query, headers=headers)
    assert error_of(answer, 400)["code"] == "not_supported_yet"
    missing = await api.http.post(f"/v1/bot/tool/tool_no/{call}", params=query, headers=headers)
    assert error_of(missing, 404)["code"] == "tool_not_found"
