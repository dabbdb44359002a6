"""The habits of the published Node client: one body for all calls, addresses put together by hand, JSON every time."""

import json
from typing import Any

import httpx
import pytest

from tests.support.api import Api
from tests.support.tool_server import ToolServer


class NodeClient:
    """What the client does, call by call: fields are added to `body` and never taken away."""

    def __init__(self, http: httpx.AsyncClient, project_id: str, key: str) -> None:
        self._http = http
        self._key = key
        self.body: dict[str, Any] = {"project_id": project_id}

    async def send(self, method: str, path: str, **fields: Any) -> dict[str, Any]:
        """A call with a body: what was set before goes along. What is falsy stays unset, as the client has it."""
        self.body.update({name: value for name, value in fields.items() if value or value is False or name == "bot_id"})
        return self._read(await self._request(method, path, json.dumps(self.body)))

    async def fetch(self, path: str, method: str = "GET", **query: Any) -> dict[str, Any]:
        text = "&".join(f"{name}={value}" for name, value in {"project_id": self.body["project_id"], **query}.items())
        return await self.call(method, f"{path}?{text}")

    async def call(self, method: str, path: str) -> dict[str, Any]:
        """A call without a body, whatever its method."""
        return self._read(await self._request(method, path, None))

    async def _request(self, method: str, path: str, content: str | None) -> httpx.Response:
        headers = {"authorization": f"Bearer {self._key}", "accept": "application/json"}
        if method != "GET":
            headers["content-type"] = "application/json"
        return await self._http.request(method, f"/v1/bot/{path}", content=content, headers=headers)

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        output: dict[str, Any] = answer.json()
        error = output.get("error")
        if error and error["status"] >= 400:
            raise RuntimeError(output["message"])
        return output


async def test_a_session_of_the_node_client(api: Api) -> None:
    client = NodeClient(api.http, api.project.uuid, api.key)
    created = await client.send("POST", "create", name="Desk", model="gpt-4o-mini", instruction="Be brief.", status="1")
    bot_id = created["bot"]["id"]
    assert (await client.fetch("readall", page=1, per_page=10))["bots"][0]["uuid"] == bot_id
    await client.send("PUT", "update", bot_id=bot_id, status="active", heartbeat=1)
    # A chat, long ago, left these behind.
    client.body |= {"message": "Hello", "memory": True, "top": 3, "chat_id": "c1", "tags": ["a"], "type": "text"}

    heartbeat = (
        await client.send(
            "POST",
            "heartbeat/configure",
            bot_id=bot_id,
            prompt="Check for new support tickets",
            cron_pattern="0 9 * * 1,2,3,4,5",
            enabled=True,
            timezone="America/New_York",
            credit_budget=100,
        )
    )["heartbeat"]
    assert (heartbeat["enabled"], heartbeat["label"]) == (1, None)
    which = {"bot_id": bot_id, "heartbeat_id": heartbeat["uuid"]}
    assert (await client.send("POST", "heartbeat/disable", **which))["heartbeat"]["enabled"] == 0
    assert (await client.send("POST", "heartbeat/enable", **which))["heartbeat"]["enabled"] == 1

    # The next configure carries the `heartbeat_id`, `name`, `model`, `status`… of everything before.
    assert {"heartbeat_id", "name", "model", "instruction", "status", "message"} <= set(client.body)
    other = (await client.send("POST", "heartbeat/configure", bot_id=bot_id, prompt="Another order"))["heartbeat"]
    assert other["uuid"] != heartbeat["uuid"]
    assert (other["credit_budget"], other["timezone"]) == (100, "America/New_York")

    listed = await client.fetch("heartbeat/readall", bot_id=bot_id)
    assert [one["uuid"] for one in listed["heartbeats"]] == [heartbeat["uuid"], other["uuid"]]
    assert (await client.fetch("heartbeat/logs", bot_id=bot_id))["logs"] == []
    assert (await client.fetch("heartbeat/stats", bot_id=bot_id))["stats"]["active_heartbeats"] == 2
    assert (await client.fetch("subscriber/readall", page=1, per_page=10))["subscribers"] == []
    assert (await client.fetch("tool", bot_id=bot_id, page=1, per_page=10))["tools"] == []
    assert (await client.send("POST", "reset", bot_id=bot_id))["success"] is True
    assert (await client.fetch("heartbeat/delete", "DELETE", **which))["message"]
    assert (await client.fetch("delete", "DELETE", bot_id=bot_id))["success"] is True


async def test_the_node_clients_tools(shop: Api, desk: ToolServer, down: str) -> None:
    client = NodeClient(shop.http, shop.project.uuid, shop.key)
    bot_id = (await client.send("POST", "create", name="Desk"))["bot"]["id"]
    # A training, long ago, left these behind.
    client.body |= {"type": "text", "title": "", "source": "…", "status": "active", "settings": None}
    config = {"url": desk.url, "headers": {"X-Key": "k"}, "require_approval": ["book"]}
    fields = {"name": "Tickets", "description": "The queue", "config": config}
    tool = (await client.send("POST", "tool", bot_id=bot_id, **fields))["tool"]
    assert (tool["server_label"], tool["server_url"], tool["transport"]) == ("Tickets", desk.url, "http")
    assert (tool["header_names"], tool["approval_tools"], tool["last_error"]) == (["X-Key"], ["book"], None)

    which = f"project_id={shop.project.uuid}&bot_id={bot_id}"
    for call in ("refresh", "test"):
        answer = await client.call("POST", f"tool/{tool['id']}/{call}?{which}")
        assert answer["success"] is True
    assert answer["tools_count"] == len(desk.tools())
    path = f"tool/{tool['id']}"
    await client.send("POST", f"{path}/toggle", bot_id=bot_id, tool_name="book", active=False)
    await client.send("PUT", f"{path}/configure", bot_id=bot_id, settings=[{"name": "refuse", "is_active": False}])
    shown = (await client.fetch(path, bot_id=bot_id))["tool"]
    assert {entry["name"] for entry in shown["tools"] if not entry["is_active"]} == {"book", "refuse"}
    listed = await client.fetch("tool", bot_id=bot_id, page=1, per_page=10)
    assert [entry["tool"]["id"] for entry in listed["tools"]] == [tool["id"]]

    # Only the name is new; the rest of the body is what earlier calls left in it.
    renamed = (await client.send("PUT", path, bot_id=bot_id, name="Queue"))["tool"]
    assert (renamed["server_label"], renamed["tools"]) == ("Queue", shown["tools"])
    moved = {"url": down, "transport": "sse", "headers": None}
    changed = (await client.send("PUT", path, bot_id=bot_id, config=moved))["tool"]
    assert (changed["server_url"], changed["transport"], changed["header_names"]) == (down, "sse", [])
    with pytest.raises(RuntimeError, match="The tool server Queue cannot be reached"):
        await client.call("POST", f"{path}/refresh?{which}")
    assert (await client.fetch(path, "DELETE", bot_id=bot_id))["success"] is True


async def test_errors_are_thrown_with_their_message(api: Api) -> None:
    client = NodeClient(api.http, api.project.uuid, api.key)
    with pytest.raises(RuntimeError, match="no bot 'null'"):
        await client.fetch("heartbeat/read", bot_id="null", heartbeat_id="undefined")
