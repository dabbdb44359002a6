"""Rows of what waits for people, written straight into the store."""

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, update

from heartbeat.domain.ids import new_id
from heartbeat.store.database.rows import columns, exactly_one, insert
from heartbeat.store.tables.bots import Bot, Memory, Subscriber, Tool
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Finding, Notification, Target
from heartbeat.store.tables.runs import Approval, Run, Step
from tests.support.seeds import NOW, YEARLY, a_heartbeat


def an_approval(connection: Connection, run: Run, **values: Any) -> Approval:
    """A call that waits for a yes; `expires_at` lies far ahead of any clock."""
    row = {
        "uuid": new_id("apr"),
        "bot_id": run.bot_id,
        "heartbeat_id": run.heartbeat_id,
        "run_id": run.id,
        "step": 2,
        "tool": "desk__book",
        "arguments": '{"what": "a plumber", "days": ["monday", "friday"]}',
        "reason": "registration",
        "why": "desk__book is registered as one that needs a person's yes.",
        "state": "pending",
        "expires_at": NOW + timedelta(days=36500),
        "created_at": NOW,
    }
    return _written(connection, Approval, row | values)


def a_park(connection: Connection, run: Run, **values: Any) -> Approval:
    """A step that waits for credits, of which 3 are missing."""
    need = {"of": "run", "needed": 5, "missing": 3, "until": None}
    why = "A step may cost up to 5 credits, and 2 of the 8 that this run may use are left; "
    why += "raise max_credits_per_run, or lower the bot's max_reply_tokens."
    row = {"step": 3, "tool": "", "reason": "budget", "arguments": json.dumps(need), "credits": 4, "why": why}
    connection.execute(update(columns(Run)).where(columns(Run).c.id == run.id).values(parked=True))
    return an_approval(connection, run, **row | values)


def a_call(connection: Connection, run: Run, **values: Any) -> Step:
    """A tool call of a run, as step 2."""
    row = {"run_id": run.id, "number": 2, "kind": "tool", "state": "asked", "name": "desk__book", "arguments": "{}"}
    row |= {"answer": "", "messages": "", "final": False, "model": "", "input_tokens": 0, "output_tokens": 0}
    return _written(connection, Step, row | {"duration_ms": 0, "created_at": NOW} | values)


def a_finding(connection: Connection, heartbeat: Heartbeat, **values: Any) -> Finding:
    row = {
        "uuid": new_id("fnd"),
        "bot_id": heartbeat.bot_id,
        "heartbeat_id": heartbeat.id,
        "fingerprint": new_id("mark"),
        "title": "Water in the cellar",
        "severity": "critical",
        "detail": "The pump is off.",
        "state": "open",
        "times_seen": 3,
        "first_seen_at": NOW - timedelta(days=2),
        "last_seen_at": NOW,
    }
    return _written(connection, Finding, row | values)


def a_task(connection: Connection, heartbeat: Heartbeat, **values: Any) -> Heartbeat:
    """A scheduled task of the same bot."""
    bot = Bot.model_construct(id=heartbeat.bot_id, project_id=heartbeat.project_id)  # type: ignore[call-arg]
    row = {"uuid": new_id("task"), "type": "scheduled_task", "label": "Chase the supplier", "cron_pattern": YEARLY}
    return a_heartbeat(connection, bot, **{**row, "max_executions": 3, "synced_version": 1, **values})


def a_target(connection: Connection, heartbeat: Heartbeat, **values: Any) -> Target:
    row = {
        "uuid": new_id("tgt"),
        "project_id": heartbeat.project_id,
        "channel": "webhook",
        "name": "The pager",
        "config": {"url": "https://pager.example/in/7?token=hush"},
        "is_enabled": True,
        "cooldown_seconds": 0,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return _written(connection, Target, row | values)


def a_message(connection: Connection, heartbeat: Heartbeat, target: Target, **values: Any) -> Notification:
    """A message that a run failed; `kind`, `data` and `run_id` are its event's."""
    data = {"run": "log_1", "message": "The model is away.", "code": "overloaded"}
    defaults: dict[str, Any] = {"kind": "run.failed", "data": data, "run_id": None}
    event = {
        "uuid": new_id("evt"),
        "project_id": heartbeat.project_id,
        "bot_id": heartbeat.bot_id,
        "heartbeat_id": heartbeat.id,
        "created_at": NOW,
        **{name: values.pop(name, value) for name, value in defaults.items()},
    }
    row = {
        "uuid": new_id("ntf"),
        "project_id": heartbeat.project_id,
        "bot_id": heartbeat.bot_id,
        "target_id": target.id,
        "event_id": _written(connection, Event, event).id,
        "kind": event["kind"],
        "status": "delivered",
        "attempts": 1,
        "created_at": NOW,
        "delivered_at": NOW,
    }
    return _written(connection, Notification, row | values)


def a_tool(connection: Connection, heartbeat: Heartbeat, **given: Any) -> Tool:
    """A tool server of the heartbeat's bot; its tools are `tools`."""
    tools = given.get("tools", [])
    row = {
        "uuid": new_id("tool"),
        "bot_id": heartbeat.bot_id,
        "server_label": "desk",
        "server_url": "https://desk.example/mcp?key=canary",
        "transport": "http",
        "require_approval": "never",
        "approval_tools": [],
        "risks": [],
        "header_names": [],
        "is_enabled": True,
        "tools": tools,
        "changed_count": sum(bool(entry["changed"]) for entry in tools),
        "refreshed_at": NOW,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return _written(connection, Tool, row | given)


def a_subscriber(connection: Connection, bot: Bot, **values: Any) -> Subscriber:
    row = {"uuid": new_id("mem"), "bot_id": bot.id, "email": None, "name": None, "subscribed_at": NOW, **values}
    return _written(connection, Subscriber, row)


def a_memory(connection: Connection, bot: Bot, text: str, **values: Any) -> Memory:
    """A memory of any text, also of one that `remember` would refuse."""
    return _written(connection, Memory, _memory(bot, text) | values)


def many_memories(connection: Connection, bot: Bot, text: str, count: int) -> None:
    """So many with the same text and a number."""
    connection.execute(columns(Memory).insert(), [_memory(bot, f"{text} {number}") for number in range(count)])


def _memory(bot: Bot, text: str) -> dict[str, Any]:
    words = text.lower()
    return {"uuid": new_id("mry"), "bot_id": bot.id, "text": text, "words": words, "created_at": NOW, "updated_at": NOW}


def changed_tool(text: str) -> dict[str, Any]:
    """A tool that is no longer what was pinned; `text` is its name and how it differs."""
    change = {"difference": text, "gone": False, "seen_at": NOW.isoformat()}
    pinned = {"name": text, "description": "", "input_schema": {"type": "object"}, "annotations": {}}
    return {**pinned, "is_active": True, "changed": change}


def _written(connection: Connection, table: Any, row: dict[str, Any]) -> Any:
    return exactly_one(connection, table, insert(connection, columns(table)).values(row).returning(columns(table)))
