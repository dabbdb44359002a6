"""Tools that a person has to sign in to again: who hears of it, which heartbeats wait for it, and when they go on."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from heartbeat.domain.tool_connections import INSUFFICIENT_SCOPE, NEEDS_RECONNECT
from heartbeat.domain.tool_names import name_prefix
from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.heartbeats import states
from heartbeat.store.notifications.events import SIGN_IN_NEEDED, record_shared_event
from heartbeat.store.tables.bots import Subscriber, Tool
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run, Step
from heartbeat.store.tables.tool_connections import ToolConnection
from heartbeat.store.tools.connections import refuse, want_scopes
from heartbeat.store.tools.toolset import OWN_CONNECTION

HEARTBEAT, TOOL, CONNECTION = columns(Heartbeat), columns(Tool), columns(ToolConnection)
RUN, STEP, SUBSCRIBER = columns(Run), columns(Step), columns(Subscriber)

# How far back a heartbeat's runs are looked at for the use of a tool.
RUNS_BEFORE = 20
# Between the servers that a pause is for, in its detail.
BETWEEN_LABELS = ", "

IS_LOST = (TOOL.c.is_enabled, CONNECTION.c.state == NEEDS_RECONNECT)
# Built once: putting such a statement together costs more than running it.
LOST = (
    select(TOOL.c.server_label)
    .join(CONNECTION, OWN_CONNECTION)
    .where(TOOL.c.bot_id == bindparam("bot"), *IS_LOST)
    .order_by(TOOL.c.id)
)
LOST_OF_BOTS = (
    select(TOOL.c.bot_id, CONNECTION.c.member_id, TOOL.c.server_label)
    .join(CONNECTION, (CONNECTION.c.tool_id == TOOL.c.id) & (TOOL.c.per_member == CONNECTION.c.member_id.is_not(None)))
    .where(TOOL.c.bot_id.in_(bindparam("bots", expanding=True)), *IS_LOST)
)
IS_WAITING = (HEARTBEAT.c.pause_reason == NEEDS_RECONNECT) & HEARTBEAT.c.deleted_at.is_(None)
WAITING = select(*(HEARTBEAT.c[name] for name in ("id", "bot_id", "member_id", "pause_detail"))).where(IS_WAITING)
STILL_WAITING = (
    select(HEARTBEAT)
    .where(HEARTBEAT.c.id.in_(bindparam("ids", expanding=True)), IS_WAITING)
    .order_by(HEARTBEAT.c.id)
    .with_for_update(key_share=True)
)


def lost_tools(connection: Connection, heartbeat: Heartbeat) -> list[str]:
    """List the servers, by label, that a heartbeat's runs use and that a person has to sign in to again."""
    parameters = {"bot": heartbeat.bot_id, "member": heartbeat.member_id}
    labels = connection.execute(LOST, parameters).scalars().all()
    return [label for label in labels if _uses(connection, heartbeat.id, label)]


def lose(connection: Connection, row: ToolConnection, code: str, now: datetime) -> ToolConnection | None:
    """Write that `row` is refused for good, and tell it once; `None` if it is not as `row` any more."""
    lost = refuse(connection, row, code, now)
    if lost is not None:
        _tell(connection, lost, code, (), now)
    return lost


def miss_scopes(connection: Connection, row: ToolConnection, scopes: Sequence[str], now: datetime) -> None:
    """Have the next sign-in ask for more, and tell once that one is needed; what was granted goes on to work."""
    if want_scopes(connection, row, scopes, now):
        _tell(connection, row, INSUFFICIENT_SCOPE, scopes, now)


def lift_reconnect_pauses(connection: Connection, now: datetime) -> int:
    """Switch on again what waited for a person to sign in to its tools, and need not any more; returns how many."""
    waiting = connection.execute(WAITING).all()
    lost = _lost_by_owner(connection, {row.bot_id for row in waiting})
    over = [row.id for row in waiting if not _still_waits(connection, row, lost)]
    for row in many(connection, Heartbeat, STILL_WAITING, {"ids": over}) if over else ():
        states.lift_pause(connection, row, now)
    return len(over)


def _lost_by_owner(connection: Connection, bot_ids: Collection[int]) -> Mapping[tuple[int, int | None], set[str]]:
    """Return the labels of all lost servers of these bots, by bot and by the member who has to sign in."""
    labels = defaultdict(set)
    for bot_id, member_id, label in connection.execute(LOST_OF_BOTS, {"bots": list(bot_ids)}) if bot_ids else ():
        labels[bot_id, member_id].add(label)
    return labels


def _still_waits(connection: Connection, row: Row[Any], lost: Mapping[tuple[int, int | None], set[str]]) -> bool:
    """Whether a server that it was paused for is still lost, or another one is meanwhile that it uses."""
    labels = lost.get((row.bot_id, None), set()) | lost.get((row.bot_id, row.member_id), set())
    if not labels or labels & set((row.pause_detail or "").split(BETWEEN_LABELS)):
        return bool(labels)
    return any(_uses(connection, row.id, label) for label in labels)


def _tell(connection: Connection, row: ToolConnection, code: str, scopes: Sequence[str], now: datetime) -> None:
    """Write one event, of the heartbeat that is due first among those that use the tool, or else of its bot."""
    tool = exactly_one(connection, Tool, select(TOOL).where(TOOL.c.id == row.tool_id))
    heartbeats = _heartbeats(connection, tool, row.member_id)
    if not heartbeats:
        return
    on = [one for one in heartbeats if one.enabled and tool.is_enabled]
    waiting = [one for one in on if _uses(connection, one.id, tool.server_label)]
    data: dict[str, Any] = {
        "tool_id": tool.uuid,
        "server_label": tool.server_label,
        "per_member": tool.per_member,
        "code": code,
        "heartbeats": [one.uuid for one in waiting],
    }
    if row.member_id is not None:
        of_member = select(SUBSCRIBER.c.uuid).where(SUBSCRIBER.c.id == row.member_id)
        data["member_id"] = connection.execute(of_member).scalar_one()
    if scopes:
        data["scopes"] = list(scopes)
    record_shared_event(connection, waiting or heartbeats[:1], SIGN_IN_NEEDED, data, now)


def _heartbeats(connection: Connection, tool: Tool, member_id: int | None) -> list[Heartbeat]:
    """List a bot's living heartbeats, or one member's, first those that are on, by when they are due."""
    whose = (HEARTBEAT.c.bot_id == tool.bot_id) & HEARTBEAT.c.deleted_at.is_(None)
    if member_id is not None:
        whose &= HEARTBEAT.c.member_id == member_id
    in_order = (HEARTBEAT.c.enabled.desc(), HEARTBEAT.c.next_tick_at.nulls_last(), HEARTBEAT.c.id)
    return many(connection, Heartbeat, select(HEARTBEAT).where(whose).order_by(*in_order))


def _uses(connection: Connection, heartbeat_id: int, label: str) -> bool:
    """Whether the heartbeat's latest runs asked for a tool of the server."""
    has_run = RUN.c.status.in_(("success", "error", "running")) & RUN.c.dry_run.is_(False)
    of_heartbeat = select(RUN.c.id).where(RUN.c.heartbeat_id == heartbeat_id, has_run)
    runs = of_heartbeat.order_by(RUN.c.id.desc()).limit(RUNS_BEFORE).subquery()
    is_of_server = STEP.c.name.startswith(name_prefix(label), autoescape=True)
    uses = select(STEP.c.id).where(STEP.c.run_id.in_(select(runs.c.id)), STEP.c.kind == "tool", is_of_server)
    return connection.execute(uses.limit(1)).first() is not None
