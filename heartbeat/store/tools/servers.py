"""Tools: MCP servers that a bot is connected to, with the definitions that they were connected with."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from heartbeat.domain.errors import Conflict, NotFound
from heartbeat.domain.ids import new_id
from heartbeat.domain.text import storable_text
from heartbeat.domain.tool_pins import PinnedTool, describe_change, pinned_entries
from heartbeat.store.audit.recording import field_changes, record_of_bot
from heartbeat.store.database.pages import Page
from heartbeat.store.database.rows import columns, first, insert_once, many
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.tables.bots import Bot, Tool

TOOL = columns(Tool)
RECORDED = (
    *("server_label", "server_url", "sealed_url", "transport", "require_approval", "approval_tools", "risks"),
    *("sealed_headers", "header_names", "is_enabled", "per_member", "timeout_seconds", "result_bytes", "elicitation"),
)


def tool(connection: Connection, access: Access, uuid: str) -> Tool:
    """The bot's tool with this public id; raises `NotFound`."""
    row = first(connection, Tool, select(TOOL).where(_which(access.bot, uuid)))
    if row is None:
        raise NotFound("tool", uuid[:64])
    return row


def tool_by_id(connection: Connection, tool_id: int) -> Tool | None:
    """Read a tool by its number, whosever it is; `None` when it was deleted."""
    return first(connection, Tool, select(TOOL).where(TOOL.c.id == tool_id))


def tool_by_uuid(connection: Connection, uuid: str) -> Tool | None:
    """Read a tool by its public id, whosever it is; `None` when there is none."""
    return first(connection, Tool, select(TOOL).where(TOOL.c.uuid == as_public_id(uuid)))


def lock_tool(connection: Connection, access: Access, uuid: str) -> Tool:
    """Read a tool that nobody else writes before this transaction ends; raises `NotFound`."""
    row = _lock(connection, _which(access.bot, uuid))
    if row is None:
        raise NotFound("tool", uuid[:64])
    return row


def lock_tool_by_id(connection: Connection, tool_id: int) -> Tool | None:
    """Read a tool that nobody else writes before this transaction ends; `None` when it was deleted."""
    return _lock(connection, TOOL.c.id == tool_id)


def tools(connection: Connection, access: Access, equal: Mapping[str, Any], page: Page) -> tuple[list[Tool], int]:
    """Read one page of a bot's tools, oldest first, and their number; `equal` are columns and the values to have."""
    which = [TOOL.c.bot_id == access.bot.id, *(TOOL.c[name] == value for name, value in equal.items())]
    total = connection.execute(select(func.count()).select_from(TOOL).where(*which)).scalar_one()
    oldest = select(TOOL).where(*which).order_by(TOOL.c.id).limit(page.size).offset(page.offset)
    return many(connection, Tool, oldest), total


def create_tool(connection: Connection, access: Access, fields: Mapping[str, Any], now: datetime) -> Tool:
    """Register an MCP server; `fields` are columns by name. Its `uuid` may be given: secrets are sealed with it.

    Raises `Conflict` when the bot has a server of that label.
    """
    row = Tool.model_construct(
        **{"uuid": new_id("tool"), **fields, "bot_id": access.bot.id, "created_at": now, "updated_at": now}
    )
    once = insert_once(connection.dialect.name, TOOL)
    stored = first(connection, Tool, once, row.model_dump(exclude={"id"}))
    if stored is None:
        raise _label_taken(row.server_label)
    _record(connection, "create", stored, {name: getattr(stored, name) for name in RECORDED})
    return stored


def write_tool(connection: Connection, row: Tool, fields: Mapping[str, Any], now: datetime) -> Tool:
    """Write the columns in `fields`; raises `NotFound`, and `Conflict` for the label of another server of the bot."""
    try:
        changed = _update(connection, row, {**fields, "updated_at": now})
    except IntegrityError:
        if "server_label" not in fields:
            raise
        raise _label_taken(fields["server_label"]) from None
    _record(connection, "update", row, {name: getattr(changed, name) for name in RECORDED})
    return changed


def switch_tools(connection: Connection, access: Access, uuid: str, active: Mapping[str, bool], now: datetime) -> Tool:
    """Switch some of a server's tools on or off by name; raises `NotFound` for a name the server has not."""
    row = lock_tool(connection, access, uuid)
    names = {entry["name"] for entry in row.tools}
    for name in active:
        if name not in names:
            raise NotFound("tool", name[:64])
    entries = [{**entry, "is_active": active.get(entry["name"], entry["is_active"])} for entry in row.tools]
    changes = field_changes({entry["name"]: entry["is_active"] for entry in row.tools}, active)
    if changes:
        record_of_bot(connection, row.bot_id, "tool.switch", row.uuid, row.server_label, changes)
    return _update(connection, row, {"tools": entries, "updated_at": now})


def delete_tool(connection: Connection, access: Access, uuid: str) -> None:
    """Delete a registration; raises `NotFound`."""
    row = tool(connection, access, uuid)
    connection.execute(delete(TOOL).where(TOOL.c.id == row.id))
    _record(connection, "delete", row, {})


def pin(
    connection: Connection, tool_id: int, discovered: Sequence[PinnedTool], now: datetime, warning: str | None = None
) -> Tool:
    """Take what a server offers now as what its tools are; what was switched off stays off. Raises `NotFound`.

    `warning` says what of its tools cannot be used.
    """
    row = _lock(connection, TOOL.c.id == tool_id)
    if row is None:
        raise NotFound("tool", str(tool_id))
    entries = pinned_entries(discovered, row.tools)
    if offers := field_changes(_offered(row.tools), _offered(entries)):
        record_of_bot(connection, row.bot_id, "tool.refresh", row.uuid, row.server_label, offers)
    last_error = storable_text(warning) if warning else None
    return _update(
        connection, row, {"tools": entries, "last_error": last_error, "refreshed_at": now, "updated_at": now}
    )


def record_failure(connection: Connection, row: Tool, problem: str) -> Tool:
    """Write why the server could not be asked; what is pinned stays."""
    # A server's own words may be in it.
    return _update(connection, row, {"last_error": storable_text(problem)})


def mark_changed(
    connection: Connection, tool_uuid: str, name: str, discovered: PinnedTool | None, now: datetime
) -> dict[str, Any] | None:
    """Pause one of a server's tools that is no longer what was pinned, until somebody refreshes it.

    `discovered` is what it is now, `None` when it is gone. Returns the change, if it was not known yet. A server of the
    settings has no row, and nothing is written.
    """
    row = _lock(connection, TOOL.c.uuid == tool_uuid)
    if row is None or name not in [entry["name"] for entry in row.tools]:
        return None
    entries = [dict(entry) for entry in row.tools]
    entry = next(entry for entry in entries if entry["name"] == name)
    before, change = entry["changed"], describe_change(entry, discovered, now)
    if before and before["difference"] == change["difference"]:
        return None
    entry["changed"] = change
    _update(connection, row, {"tools": entries})
    return change


def _record(connection: Connection, verb: str, row: Tool, after: Mapping[str, Any]) -> None:
    changes = field_changes({} if verb == "create" else vars(row), after)
    record_of_bot(connection, row.bot_id, f"tool.{verb}", row.uuid, row.server_label, changes)


def _offered(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a server offers, by a hash of each definition: they may be as long as a model reads."""
    told = ("description", "input_schema", "annotations")
    texts = {entry["name"]: json.dumps([entry[name] for name in told], sort_keys=True) for entry in entries}
    return {name: sha256(text.encode()).hexdigest()[:16] for name, text in texts.items()}


def _label_taken(label: str) -> Conflict:
    """Two of one name would be one to a model, and to whoever reads a run."""
    return Conflict(
        "server_label_taken",
        f"this bot has a tool server called {label[:64]!r} already; choose another name",
        "server_label",
    )


def _which(bot: Bot, uuid: str) -> ColumnElement[bool]:
    return (TOOL.c.uuid == as_public_id(uuid)) & (TOOL.c.bot_id == bot.id)


def _lock(connection: Connection, which: ColumnElement[bool]) -> Tool | None:
    """Entries are one value of their row: two who change one each at once must not undo each other."""
    return first(connection, Tool, select(TOOL).where(which).with_for_update())


def _update(connection: Connection, row: Tool, values: Mapping[str, Any]) -> Tool:
    if "tools" in values:
        values = {**values, "changed_count": sum(bool(entry["changed"]) for entry in values["tools"])}
    changed = first(connection, Tool, update(TOOL).where(TOOL.c.id == row.id).values(**values).returning(TOOL))
    if changed is None:
        raise NotFound("tool", row.uuid)
    return changed
