"""What a project's runs can be filtered by: bots, heartbeats and subscribers, as they are named and to choose from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, select

from heartbeat.domain.errors import NotFound
from heartbeat.store.database.rows import columns
from heartbeat.store.overview.projects import PROMPT_START
from heartbeat.store.projects.access import as_public_id
from heartbeat.store.runs.search import RunFilter
from heartbeat.store.tables.bots import Bot, Subscriber
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project

BOT, HEARTBEAT, MEMBER = columns(Bot), columns(Heartbeat), columns(Subscriber)

# So many are offered; others are reached from their own pages.
MAX_CHOICES = 200

_START = func.substr(HEARTBEAT.c.prompt, 1, PROMPT_START).label("prompt")
_HEARTBEATS = select(HEARTBEAT.c.id, HEARTBEAT.c.uuid, HEARTBEAT.c.label, _START)
_MEMBERS = select(MEMBER.c.id, MEMBER.c.uuid, MEMBER.c.name, MEMBER.c.email)
# From an index, however many there are.
HEARTBEATS_OF_PROJECT = (
    _HEARTBEATS.where(HEARTBEAT.c.project_id == bindparam("project_id"), HEARTBEAT.c.deleted_at.is_(None))
    .order_by(HEARTBEAT.c.id.desc())
    .limit(MAX_CHOICES)
    .with_hint(HEARTBEAT, "INDEXED BY ix_heartbeat_project", "sqlite")
)


@dataclass(frozen=True)
class NamedRows:
    """Public ids of a bot, a heartbeat and a subscriber; `None` for any."""

    bot: str | None = None
    heartbeat: str | None = None
    member: str | None = None


@dataclass(frozen=True)
class FilterChoices:
    """What can be chosen, the chosen ones first."""

    bots: Sequence[Row[Any]]
    heartbeats: Sequence[Row[Any]]
    members: Sequence[Row[Any]]


def run_filter(connection: Connection, project: Project, names: NamedRows, **equal: Any) -> RunFilter:
    """Build the filter for what is named, deleted or not; `equal` are its other fields. Raises `NotFound`."""
    bots = select(BOT.c.id).where(BOT.c.project_id == project.id)
    if names.bot is not None:
        bots = bots.where(BOT.c.uuid == as_public_id(names.bot))
    bot_ids = tuple(connection.execute(bots.order_by(BOT.c.id)).scalars())
    if names.bot is not None and not bot_ids:
        raise NotFound("bot", names.bot[:64])
    heartbeat = _named(connection, HEARTBEAT, "heartbeat", names.heartbeat, bot_ids)
    member = _named(connection, MEMBER, "subscriber", names.member, bot_ids)
    # A member's runs are found by bot and member.
    bot_ids = (member.bot_id,) if member is not None else bot_ids
    heartbeat_id = heartbeat.id if heartbeat is not None else None
    return RunFilter(project.id, bot_ids, heartbeat_id, member.id if member is not None else None, **equal)


def filter_choices(connection: Connection, project: Project, wanted: RunFilter) -> FilterChoices:
    """Read what a form offers beside a filter: what has been deleted only if it is chosen."""
    chosen = wanted.bot_ids[0] if len(wanted.bot_ids) == 1 else None
    heartbeats: Sequence[Row[Any]]
    if chosen is None:
        heartbeats = list(connection.execute(HEARTBEATS_OF_PROJECT, {"project_id": project.id}))
    else:
        heartbeats = _of_bots(connection, _HEARTBEATS, HEARTBEAT, wanted.bot_ids)
    members = _of_bots(connection, _MEMBERS, MEMBER, wanted.bot_ids)
    return FilterChoices(
        bot_choices(connection, project, BOT.c.id == chosen),
        _chosen_first(connection, _HEARTBEATS, HEARTBEAT, wanted.heartbeat_id, heartbeats),
        _chosen_first(connection, _MEMBERS, MEMBER, wanted.member_id, members),
    )


def bot_choices(connection: Connection, project: Project, chosen: ColumnElement[bool]) -> Sequence[Row[Any]]:
    """Read the bots that a form offers, the chosen one first; one that has been deleted only if it is chosen."""
    offered = BOT.c.deleted_at.is_(None) | chosen
    listed = select(BOT.c.uuid, BOT.c.name, BOT.c.deleted_at).where(BOT.c.project_id == project.id, offered)
    return list(connection.execute(listed.order_by(~chosen, BOT.c.id).limit(MAX_CHOICES)))


def _of_bots(connection: Connection, rows: Any, table: Any, bot_ids: Sequence[int]) -> Sequence[Row[Any]]:
    newest = rows.where(table.c.bot_id.in_(bot_ids), table.c.deleted_at.is_(None)).order_by(table.c.id.desc())
    return list(connection.execute(newest.limit(MAX_CHOICES)))


def _chosen_first(
    connection: Connection, rows: Select[Any], table: Any, chosen: int | None, offered: Sequence[Row[Any]]
) -> Sequence[Row[Any]]:
    if chosen is None:
        return offered
    return [*connection.execute(rows.where(table.c.id == chosen)), *(row for row in offered if row.id != chosen)]


def _named(connection: Connection, table: Any, noun: str, uuid: str | None, bot_ids: Sequence[int]) -> Row[Any] | None:
    if uuid is None:
        return None
    named = select(table.c.id, table.c.bot_id).where(table.c.uuid == as_public_id(uuid))
    row = connection.execute(named).first()
    if row is None or row.bot_id not in bot_ids:
        raise NotFound(noun, uuid[:64])
    return row
