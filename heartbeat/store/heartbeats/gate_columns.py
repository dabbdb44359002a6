"""The gate of a request as the columns of a heartbeat, with the headers that are kept for it, and what it may call."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from heartbeat.domain.errors import Invalid
from heartbeat.domain.gates import Gate, SealedHeaders
from heartbeat.domain.headers import origin_of
from heartbeat.domain.tool_names import plain_name
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.bots import Bot, Tool

TOOL = columns(Tool)

NO_GATE: dict[str, Any] = {"gate": None, "sealed_gate_headers": None}
NO_HEADERS: dict[str, Any] = {"id": None, "header_names": []}


def gate_columns(
    gate: Gate | None, headers: SealedHeaders | None, before: Mapping[str, Any] = NO_GATE
) -> dict[str, Any]:
    """Return the columns; `headers` are those that were sent, and `before` has those that are kept if none were.

    Raises `Invalid` when kept headers would go to another host.
    """
    if gate is None:
        return NO_GATE
    sent, kept = gate.sent_headers(), before["gate"]
    if sent:
        assert headers is not None, "the headers of a gate are sealed before they come here"
        named = {"id": headers.id, "header_names": headers.names}
        return {"gate": gate.kept() | named, "sealed_gate_headers": headers.sealed}
    if sent is not None or gate.url is None or before["sealed_gate_headers"] is None:
        return {"gate": gate.kept() | NO_HEADERS, "sealed_gate_headers": None}
    if origin_of(gate.url) != origin_of(kept["url"]):
        raise Invalid(
            "gate.headers",
            "must be sent again with a url on another host, or as null to be forgotten: those that are kept were given "
            "for the old one",
        )
    named = {name: kept[name] for name in NO_HEADERS}
    return {"gate": gate.kept() | named, "sealed_gate_headers": before["sealed_gate_headers"]}


def require_reading_tool(connection: Connection, bot: Bot, gate: Gate | None) -> None:
    """Raises `Invalid` for a tool of the bot that is not declared to only read.

    One that is not among them may be the operator's own, or connected later: a look says so.
    """
    if gate is None or gate.tool is None:
        return
    for row in connection.execute(select(TOOL.c.server_label, TOOL.c.tools).where(TOOL.c.bot_id == bot.id)):
        for entry in row.tools:
            reads = (entry.get("annotations") or {}).get("readOnlyHint") is True
            if plain_name(row.server_label, entry["name"]) == gate.tool and not reads:
                raise Invalid("gate.tool", "must be declared by its server as one that only reads (readOnlyHint)")
