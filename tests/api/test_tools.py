"""Tools: registrations kept, listed, changed and switched; wrong ones refused in words."""

import json
from typing import Any

import pytest

from api.schemas.tool_objects import AllTools, OneTool
from tests.support.api import Api, error_of, wrong_fields
from tests.support.rows import every_row
from tests.support.tool_owner import connect
from tests.support.tool_server import ToolServer

# A name that no resolver knows: nothing leaves this machine.
SERVER = {"server_label": "Tickets", "server_url": "https://tools.invalid/mcp", "transport": "http"}


async def a_tool(api: Api, bot: dict, **fields: object) -> dict:
    answer = await api.post("/tool", **{"bot_id": bot["id"], **SERVER, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()["tool"]


async def test_a_registration_reads_back(api: Api) -> None:
    bot = await api.bot()
    tool = await a_tool(api, bot, require_approval="always", headers={})
    OneTool.model_validate({"tool": tool}, extra="forbid")
    assert (tool["server_label"], tool["transport"], tool["require_approval"]) == ("Tickets", "http", "always")
    assert (tool["is_enabled"], tool["tools"], tool["type"], tool["headers"]) == (True, [], "mcp", {})
    assert (tool["header_names"], tool["approval_tools"], tool["refreshed_at"]) == ([], [], None)
    assert "tools.invalid cannot be found" in tool["last_error"]
    assert (await api.get(f"/tool/{tool['id']}", bot_id=bot["id"])).json() == {"tool": tool}


async def test_pages_and_filters(api: Api) -> None:
    bot = await api.bot()
    tools = [await a_tool(api, bot, server_label=f"Server {number}") for number in range(3)]
    await api.put(f"/tool/{tools[1]['id']}", bot_id=bot["id"], is_enabled="inactive")
    listed = (await api.get("/tool", bot_id=bot["id"], per_page=2)).json()
    AllTools.model_validate(listed, extra="forbid")
    assert [entry["tool"]["id"] for entry in listed["tools"]] == [entry["id"] for entry in tools[:2]]
    assert listed["pagination"] == {"page": 1, "per_page": 2, "total": 3, "total_pages": 2}
    wanted = json.dumps({"is_enabled": False, "unknown": "ignored"})
    off = (await api.get("/tool", bot_id=bot["id"], filter=wanted)).json()
    assert [entry["id"] for entry in off["tools"]] == [tools[1]["id"]]


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


async def test_a_label_is_one_servers_of_a_bot(api: Api) -> None:
    bot, other = await api.bot(), await api.bot()
    tool = await a_tool(api, bot)
    again = error_of(await api.post("/tool", bot_id=bot["id"], **SERVER), 409)
    assert again["code"] == "server_label_taken"
    assert again["message"].startswith("server_label: this bot has a tool server called 'Tickets' already")
    second = await a_tool(api, bot, server_label="Orders")
    path = f"/tool/{second['id']}"
    assert error_of(await api.put(path, bot_id=bot["id"], server_label="Tickets"), 409) == again
    assert (await api.put(path, bot_id=bot["id"], server_label="Orders")).status_code == 200
    assert (await a_tool(api, other))["server_label"] == "Tickets", "of another bot"
    await api.delete(f"/tool/{tool['id']}", bot_id=bot["id"])
    assert (await api.put(path, bot_id=bot["id"], server_label="Tickets")).status_code == 200


async def test_a_server_has_limits_of_its_own(api: Api) -> None:
    bot = await api.bot()
    tool = await a_tool(api, bot, timeout_seconds="600", result_bytes=1_024)
    assert (tool["timeout_seconds"], tool["result_bytes"]) == (600, 1_024)
    path = f"/tool/{tool['id']}"
    for fields, limits in (
        ({"server_label": "Orders"}, (600, 1_024)),
        ({"timeout_seconds": None}, (None, 1_024)),
        ({"config": {"timeout_seconds": 5}, "result_bytes": None}, (5, None)),
    ):
        tool = (await api.put(path, bot_id=bot["id"], **fields)).json()["tool"]
        assert (tool["timeout_seconds"], tool["result_bytes"]) == limits


async def test_a_tool_of_another_bot_is_not_there(api: Api) -> None:
    first, second = await api.bot(), await api.bot()
    tool = await a_tool(api, first)
    assert error_of(await api.get(f"/tool/{tool['id']}", bot_id=second["id"]), 404)["code"] == "tool_not_found"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"server_label": "x" * 256}, "server_label"),
    ({"server_url": "ftp://tools.example.com"}, "server_url"),
    ({"server_url": "https://"}, "server_url"),
    ({"server_url": "http://[::1"}, "server_url"),
    ({"server_url": "https://tools.example.com:99999/"}, "server_url"),
    ({"server_url": "https://user:hunter2@tools.example.com"}, "server_url"),
    ({"server_url": "https://hunter2@tools.example.com"}, "server_url"),
    ({"server_url": "https://127.1/mcp"}, "server_url"),
    ({"server_url": "https://2130706433/mcp"}, "server_url"),
    ({"server_url": "https://[fe80::1%25eth0]/mcp"}, "server_url"),
    ({"server_url": "https://tools.example.com/" + "x" * 500}, "server_url"),
    ({"transport": "carrier pigeon"}, "transport"),
    ({"transport": "stdio"}, "transport"),
    ({"require_approval": "sometimes"}, "require_approval"),
    ({"require_approval": ["book", ""]}, "require_approval"),
    ({"require_approval": {"book": True}}, "require_approval"),
    ({"risks": "private_data"}, "risks"),
    ({"risks": ["private_data", "hunter2"]}, "risks"),
    ({"risks": [{"private_data": True}]}, "risks"),
    ({"risks": {"private_data": True}}, "risks"),
    ({"timeout_seconds": 0}, "timeout_seconds"),
    ({"timeout_seconds": 601}, "timeout_seconds"),
    ({"result_bytes": 1_023}, "result_bytes"),
    ({"result_bytes": "many"}, "result_bytes"),
    ({"type": "plugin"}, "type"),
    ({"headers": "hunter2"}, "headers"),
    ({"headers": ["hunter2"]}, "headers"),
    ({"headers": {"Authorization": ["hunter2"]}}, "headers"),
    ({"headers": {"Authorization": "hunter2\r\nHost: x"}}, "headers"),
    ({"headers": {"Authorization": "hunter2 "}}, "headers"),
    ({"headers": {"Authorization": "hunter2é"}}, "headers"),
    ({"headers": {"Authorization": ""}}, "headers"),
    ({"headers": {"Authorization: hunter2": "x"}}, "headers"),
    ({"headers": {"": "hunter2"}}, "headers"),
    ({"headers": {"Host": "hunter2"}}, "headers"),
    ({"headers": {"X-Key": "hunter2", "x-key": "hunter2"}}, "headers"),
    ({"headers": {f"X-{number}": "hunter2" for number in range(31)}}, "headers"),
    ({"headers": {"X-Key": "hunter2" * 3_000}}, "headers"),
]


async def test_wrong_fields_are_named_and_secrets_are_not_repeated(shop: Api) -> None:
    bot = await shop.bot()
    tool = (await shop.post("/tool", **{"bot_id": bot["id"], **SERVER})).json()["tool"]
    with every_row() as row:
        for fields, field in WRONG:
            with row(fields):
                answer = await shop.post("/tool", **{"bot_id": bot["id"], **SERVER, **fields})
                assert wrong_fields(answer) == [field]
                assert "hunter2" not in answer.text
                if field != "type":
                    changed = await shop.put(f"/tool/{tool['id']}", **{"bot_id": bot["id"], **fields})
                    assert wrong_fields(changed) == [field]
                    assert "hunter2" not in changed.text
                [listed] = (await shop.get("/tool", bot_id=bot["id"])).json()["tools"]
                assert listed["tool"] == tool


async def test_servers_that_are_commands_are_the_operators(api: Api) -> None:
    bot = await api.bot()
    answer = await api.post("/tool", **{"bot_id": bot["id"], **SERVER, "transport": "stdio"})
    assert "HEARTBEAT_STDIO_TOOLS" in error_of(answer, 400)["message"]


CLOSED = [
    "http://127.0.0.2:8500/mcp",
    "http://10.1.2.3/mcp",
    "http://[::1]/mcp",
    "http://[64:ff9b::a01:203]/mcp",
    "http://[::ffff:169.254.169.254]/mcp",
    "http://169.254.169.254/latest",
    "http://metadata.google.internal/",
    "http://0.0.0.0/",
]


async def test_closed_addresses_are_refused_at_once(shop: Api) -> None:
    bot = await shop.bot()
    tool = (await shop.post("/tool", **{"bot_id": bot["id"], **SERVER})).json()["tool"]
    with every_row() as row:
        for url in CLOSED:
            with row(url):
                answer = await shop.post("/tool", **{"bot_id": bot["id"], **SERVER, "server_url": url})
                assert wrong_fields(answer) == ["server_url"]
                assert "HEARTBEAT_EGRESS_ALLOW" in answer.text
                changed = await shop.put(f"/tool/{tool['id']}", bot_id=bot["id"], server_url=url)
                assert wrong_fields(changed) == ["server_url"]


@pytest.mark.parametrize(
    ("value", "approval", "names"),
    [
        ("never", "never", []),
        ("always", "always", []),
        (["book", "refuse"], "tool-specific", ["book", "refuse"]),
        ("tool-specific", "tool-specific", ["put_note"]),
        ([], "never", []),
    ],
)
async def test_which_calls_need_an_approval(api: Api, value: object, approval: str, names: list[str]) -> None:
    bot = await api.bot()
    created = await a_tool(api, bot, require_approval=["put_note"])
    assert (created["require_approval"], created["approval_tools"]) == ("tool-specific", ["put_note"])
    tool = (await api.put(f"/tool/{created['id']}", bot_id=bot["id"], require_approval=value)).json()["tool"]
    assert (tool["require_approval"], tool["approval_tools"]) == (approval, names)
    later = (await api.put(f"/tool/{created['id']}", bot_id=bot["id"], is_enabled=False)).json()["tool"]
    assert (later["require_approval"], later["approval_tools"]) == (approval, names)


async def test_what_its_tools_bring_with_them_is_declared(api: Api) -> None:
    bot = await api.bot()
    plain = await a_tool(api, bot)
    assert plain["risks"] == []
    created = await a_tool(
        api, bot, server_label="Orders", config={"risks": ["outside_action", "private_data", "private_data"]}
    )
    assert created["risks"] == ["private_data", "outside_action"]
    path = f"/tool/{created['id']}"
    for fields, risks in (
        ({"is_enabled": True}, created["risks"]),
        ({"risks": None}, created["risks"]),
        ({"risks": ["untrusted_text"]}, ["untrusted_text"]),
        ({"risks": []}, []),
    ):
        assert (await api.put(path, bot_id=bot["id"], **fields)).json()["tool"]["risks"] == risks
        assert (await api.get(path, bot_id=bot["id"])).json()["tool"]["risks"] == risks
    listed = (await api.get("/tool", bot_id=bot["id"])).json()["tools"]
    assert [entry["tool"]["risks"] for entry in listed] == [[], []]
    answer = await api.post("/tool", **{"bot_id": bot["id"], **SERVER, "risks": ["danger"]})
    assert "must be a list of private_data, untrusted_text and outside_action" in answer.text


async def test_a_servers_tools_are_switched_by_name(shop: Api, desk: ToolServer) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, desk.url)
    path, which = f"/tool/{tool['id']}", {"bot_id": bot["id"]}
    off = [{"name": "book", "is_active": False}, {"name": "forecast", "is_active": 0}]
    assert (await shop.put(f"{path}/configure", **which, tools=off)).json()["success"] is True
    assert (await shop.post(f"{path}/toggle", **which, tool_name="forecast", is_active=True)).json()["success"] is True
    assert (await shop.post(f"{path}/toggle", **which, tool_name="refuse", active=False)).json()["success"] is True
    tools = (await shop.get(path, **which)).json()["tool"]["tools"]
    assert {entry["name"] for entry in tools if not entry["is_active"]} == {"book", "refuse"}
    assert {entry["name"] for entry in tools} == {tool.name for tool in desk.tools()}
    unknown = await shop.post(f"{path}/toggle", **which, tool_name="fly", is_active=True)
    assert error_of(unknown, 404)["code"] == "tool_not_found"
    assert wrong_fields(await shop.put(f"{path}/configure", **which, tools=[{"name": "x"}])) == ["tools.0.is_active"]


@pytest.mark.parametrize(
    "settings", [[{"name": "book", "active": 0}], {"book": False}, {"tools": [{"name": "book", "is_active": 0}]}]
)
async def test_the_node_clients_word_for_switches(shop: Api, desk: ToolServer, settings: object) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, desk.url)
    answer = await shop.put(f"/tool/{tool['id']}/configure", bot_id=bot["id"], settings=settings)
    assert answer.json()["success"] is True
    tools = (await shop.get(f"/tool/{tool['id']}", bot_id=bot["id"])).json()["tool"]["tools"]
    assert [entry["name"] for entry in tools if not entry["is_active"]] == ["book"]
