"""Tools that changed: who hears of it, and what a run is told that has to do without them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from heartbeat.domain.tool_limits import max_tools
from heartbeat.domain.tool_names import MAX_NAME_LENGTH, distinct_name, plain_name
from heartbeat.domain.tool_pins import PinnedTool
from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.notifications.events import TOOL_CHANGED, record_event
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event
from heartbeat.store.tables.runs import Run, Step
from heartbeat.store.tools.servers import mark_changed

RUN, STEP, TOOL, EVENT, HEARTBEAT = columns(Run), columns(Step), columns(Tool), columns(Event), columns(Heartbeat)

# No 128 tools are described in fewer characters.
MANY_TOOLS = 10_000
# How far back a heartbeat's runs are looked at for the use of a tool.
RUNS_BEFORE = 20
MAX_DIFFERENCE = 2_000
REMIND_AFTER = timedelta(hours=24)
CHANGED = (
    "Not offered now, because it changed since it was connected and nobody has accepted the change yet: {}. If the "
    "task cannot be done without it, say so and report the outcome as failed."
)
LEFT_OUT = "Of the tools of your servers {} are offered, and {} are left out: a request to this model takes no more."


@dataclass(frozen=True)
class ToolChange:
    """A tool of a server that is no longer what was pinned. `offered_name` is what models call it."""

    tool_uuid: str
    name: str
    offered_name: str
    discovered: PinnedTool | None


@dataclass(frozen=True)
class MissingTools:
    """What a run has to do without: in `sentences` for its model, and what of it its heartbeat needs.

    `changes` are those that are needed and changed, as an event has them.
    """

    sentences: Sequence[str] = ()
    needed: list[str] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)


def record_change(connection: Connection, run: Run, change: ToolChange, now: datetime) -> None:
    """Pause a tool that a run found changed, mark the run, and tell of a change that was not known yet."""
    paused = connection.execute(select(RUN.c.paused_tools).where(RUN.c.id == run.id).with_for_update()).scalar_one()
    names = list(dict.fromkeys([*(paused or []), change.offered_name]))
    connection.execute(update(RUN).where(RUN.c.id == run.id).values(paused_tools=names))
    description = mark_changed(connection, change.tool_uuid, change.name, change.discovered, now)
    if description is None or run.dry_run:
        return
    heartbeat = exactly_one(connection, Heartbeat, select(HEARTBEAT).where(HEARTBEAT.c.id == run.heartbeat_id))
    tool = _told(change.offered_name, change.tool_uuid, description)
    record_event(connection, heartbeat, TOOL_CHANGED, {"run": run.uuid, "tools": [tool]}, now, run.id)


def missing_tools(connection: Connection, heartbeat: Heartbeat, model: str, built_in_count: int) -> MissingTools:
    """Look up what of its bot's tools a run is not offered, for they changed or are too many."""
    if heartbeat.chat_mode == "ask" or model.startswith("local:"):
        return MissingTools()
    rows = many(connection, Tool, select(TOOL).where(TOOL.c.bot_id == heartbeat.bot_id, TOOL.c.is_enabled))
    active = [(row, entry) for row in rows for entry in row.tools if entry.get("is_active", True)]
    changed = list(_named(rows, active))
    needed = [one for one in changed if _was_used(connection, heartbeat, one["tool"], one["seen_at"])]
    sentences = [CHANGED.format(", ".join(one["tool"] for one in changed))] if changed else []
    limit, usable = max_tools(model), len(active) - len(changed)
    if limit is not None and usable + built_in_count > limit:
        offered = limit - built_in_count
        sentences.append(LEFT_OUT.format(offered, usable - offered))
    return MissingTools(sentences, [one["tool"] for one in needed], needed)


def remind_of_changes(
    connection: Connection, run: Run, heartbeat: Heartbeat, missing: MissingTools, now: datetime
) -> None:
    """Tell once a day that a heartbeat goes on without a tool that it needs."""
    if not missing.changes or run.dry_run:
        return
    of_heartbeat = (EVENT.c.heartbeat_id == heartbeat.id) & (EVENT.c.kind == TOOL_CHANGED)
    lately = select(EVENT.c.id).where(of_heartbeat, EVENT.c.created_at > now - REMIND_AFTER).limit(1)
    if connection.execute(lately).first() is None:
        data = {"run": run.uuid, "tools": missing.changes, "again": True}
        record_event(connection, heartbeat, TOOL_CHANGED, data, now, run.id)


def _named(rows: Sequence[Tool], active: Sequence[tuple[Tool, dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """The tools that changed, each by the name that models call it."""
    uses = Counter(plain_name(row.server_label, entry["name"]) for row in rows for entry in row.tools)
    for row, entry in active:
        if entry.get("changed"):
            name = plain_name(row.server_label, entry["name"])
            if uses[name] > 1 or len(name) > MAX_NAME_LENGTH:
                name = distinct_name(row.uuid, row.server_label, entry["name"])
            yield _told(name, row.uuid, entry["changed"])


def _told(name: str, tool_uuid: str, change: dict[str, Any]) -> dict[str, Any]:
    difference = change["difference"][:MAX_DIFFERENCE]
    return {"tool": name, "tool_id": tool_uuid, "gone": change["gone"], "difference": difference} | {
        "seen_at": change["seen_at"]
    }


def _was_used(connection: Connection, heartbeat: Heartbeat, name: str, seen_at: str) -> bool:
    """Whether the heartbeat's runs asked for the tool in the time before it was found changed."""
    before = (RUN.c.heartbeat_id == heartbeat.id) & (RUN.c.started_at <= datetime.fromisoformat(seen_at))
    has_run = RUN.c.status.in_(("success", "error", "running")) & RUN.c.dry_run.is_(False)
    runs = select(RUN.c.id).where(before, has_run).order_by(RUN.c.id.desc()).limit(RUNS_BEFORE).subquery()
    uses = select(STEP.c.id).where(STEP.c.run_id.in_(select(runs.c.id)), STEP.c.kind == "tool", STEP.c.name == name)
    return connection.execute(uses.limit(1)).first() is not None
