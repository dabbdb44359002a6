"""Tool servers and their pinned tools, as the store hands them to an agent."""

from typing import Any

from heartbeat.agents.tools.definitions import McpServer


def entry(name: str, **fields: Any) -> dict[str, Any]:
    usual = {"name": name, "description": f"Does {name}.", "input_schema": {"type": "object"}, "annotations": {}}
    return {**usual, "is_active": True, "changed": None, **fields}


def server(label: str, uuid: str = "") -> McpServer:
    return McpServer(uuid or f"tool_{label}", label, "http", f"https://{label}.example/mcp")
