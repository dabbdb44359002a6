"""Targets: where messages go, and what became of each message."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, update

from heartbeat.domain.errors import Conflict, NotFound
from heartbeat.store.pages import Page
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.rows import all_joined, columns, joined
from heartbeat.store.tables.bots import Bot, Subscriber
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Notification, Target
from heartbeat.store.tables.projects import Project

TARGET, NOTIFICATION, EVENT = columns(Target), columns(Notification), columns(Event)
BOT, HEARTBEAT, MEMBER = columns(Bot), columns(Heartbeat), columns(Subscriber)
NOT_DELETED = TARGET.c.deleted_at.is_(None)
# An event writes a row for each of them.
MAX_TARGETS = 100
# So many messages are looked through for what went wrong last.
RECENT_MESSAGES = 500

_NAMED = (
    TARGET.outerjoin(BOT, BOT.c.id == TARGET.c.bot_id)
    .outerjoin(HEARTBEAT, HEARTBEAT.c.id == TARGET.c.heartbeat_id)
    .outerjoin(MEMBER, MEMBER.c.id == TARGET.c.member_id)
)
_ALL = select(TARGET, BOT.c.uuid, HEARTBEAT.c.uuid, MEMBER.c.uuid).select_from(_NAMED)


@dataclass(frozen=True)
class ListedTarget:
    """A target and the public ids of those whose it is."""

    target: Target
    bot: str | None
    heartbeat: str | None
    member: str | None


def target(connection: Connection, access: Access, uuid: str) -> ListedTarget:
    """The project's target with this public id; raises `NotFound`."""
    mine = (TARGET.c.uuid == as_public_id(uuid)) & (TARGET.c.project_id == access.project.id) & NOT_DELETED
    found = joined(connection, (Target,), _ALL.where(mine), {})
    if found is None:
        raise NotFound("target", uuid[:64])
    return ListedTarget(*found)


def targets(connection: Connection, access: Access, page: Page) -> tuple[list[ListedTarget], int]:
    """One page of a project's targets, or of those that hear of the bot that is named, and how many there are."""
    wanted = (TARGET.c.project_id == access.project.id) & NOT_DELETED
    if bot := access.named_bot:
        wanted &= TARGET.c.bot_id.is_(None) | (TARGET.c.bot_id == bot.id)
    listed = _ALL.where(wanted).order_by(TARGET.c.id).limit(page.size).offset(page.offset)
    return [ListedTarget(*row) for row in all_joined(connection, (Target,), listed, {})], _count(
        connection, TARGET, wanted
    )


def create_target(connection: Connection, access: Access, fields: Mapping[str, Any], now: datetime) -> ListedTarget:
    """Add a target; `fields` are columns by name, its `uuid` too: secrets are sealed with it. Raises `Conflict`."""
    if _count(connection, TARGET, (TARGET.c.project_id == access.project.id) & NOT_DELETED) >= MAX_TARGETS:
        raise Conflict("too_many_targets", f"A project has {MAX_TARGETS} targets at the most; delete one first.")
    connection.execute(TARGET.insert().values(project_id=access.project.id, created_at=now, updated_at=now, **fields))
    return target(connection, access, fields["uuid"])


def write_target(
    connection: Connection, access: Access, uuid: str, fields: Mapping[str, Any], now: datetime
) -> ListedTarget:
    """Write the columns in `fields`; one that is enabled is tried again. Raises `NotFound`."""
    row = target(connection, access, uuid).target
    changes = {**fields, "updated_at": now}
    if fields.get("is_enabled"):
        changes["disabled_reason"] = None
    connection.execute(update(TARGET).where(TARGET.c.id == row.id).values(changes))
    return target(connection, access, uuid)


def delete_target(connection: Connection, access: Access, uuid: str, now: datetime) -> None:
    """Send it nothing more, and forget where it is; what it was told stays. Raises `NotFound`."""
    row = target(connection, access, uuid).target
    delete_targets(connection, TARGET.c.id == row.id, now)


def delete_targets(connection: Connection, which: ColumnElement[bool], now: datetime) -> None:
    """`delete_target` for all for which `which` holds: with a bot, a heartbeat or a subscriber its targets go."""
    gone = {"deleted_at": now, "config": {}, "sealed_config": None, "is_enabled": False}
    connection.execute(update(TARGET).where(which, NOT_DELETED).values(gone))


@dataclass(frozen=True)
class ListedNotification:
    """A notification with its target and its event, the public ids of those it is about and of its summary, and what
    they are called; `timezone` is the heartbeat's."""

    notification: Notification
    target: Target
    event: Event
    bot: str
    heartbeat: str
    summary: str | None
    bot_name: str
    label: str | None
    timezone: str


def notifications(
    connection: Connection, access: Access, equal: Mapping[str, Any], page: Page
) -> tuple[list[ListedNotification], int]:
    """One page of the notifications of a project or of the bot that is named, newest first, and how many there are.

    `equal` may hold the `status`, the event's `kind` and the public ids of the `target` and `heartbeat` to have.
    """
    columns_of = {"status": NOTIFICATION.c.status, "kind": EVENT.c.kind}
    public_ids = {"target": TARGET.c.uuid, "heartbeat": HEARTBEAT.c.uuid}
    # By bot, for that is what the index is of.
    bot, bot_id = access.named_bot, NOTIFICATION.c.bot_id
    wanted = bot_id == bot.id if bot else bot_id.in_(_bots(access.project))
    wanted &= NOTIFICATION.c.project_id == access.project.id
    for name, value in equal.items():
        wanted &= public_ids[name] == as_public_id(value) if name in public_ids else columns_of[name] == value
    together = NOTIFICATION.join(TARGET, TARGET.c.id == NOTIFICATION.c.target_id)
    together = together.join(EVENT, EVENT.c.id == NOTIFICATION.c.event_id).join(BOT, BOT.c.id == EVENT.c.bot_id)
    together = together.join(HEARTBEAT, HEARTBEAT.c.id == EVENT.c.heartbeat_id)
    other = NOTIFICATION.alias()
    summary = select(other.c.uuid).where(other.c.id == NOTIFICATION.c.summary_id).scalar_subquery()
    around = (BOT.c.uuid, HEARTBEAT.c.uuid, summary, BOT.c.name, HEARTBEAT.c.label, HEARTBEAT.c.timezone)
    listed = select(NOTIFICATION, TARGET, EVENT, *around).select_from(together)
    newest = listed.where(wanted).order_by(NOTIFICATION.c.id.desc()).limit(page.size).offset(page.offset)
    rows = [ListedNotification(*row) for row in all_joined(connection, (Notification, Target, Event), newest, {})]
    return rows, _count(connection, together, wanted)


def last_errors(connection: Connection, access: Access) -> dict[int, str]:
    """What went wrong with the newest message of each target that has one, by its number; of late messages alone."""
    late = select(NOTIFICATION.c.id, NOTIFICATION.c.target_id).where(
        NOTIFICATION.c.bot_id.in_(_bots(access.project)), NOTIFICATION.c.attempts > 0
    )
    late_ones = late.order_by(NOTIFICATION.c.id.desc()).limit(RECENT_MESSAGES).subquery()
    newest = select(func.max(late_ones.c.id)).group_by(late_ones.c.target_id)
    found = select(NOTIFICATION.c.target_id, NOTIFICATION.c.last_error).where(
        NOTIFICATION.c.id.in_(newest), NOTIFICATION.c.last_error.is_not(None)
    )
    return {row.target_id: row.last_error for row in connection.execute(found)}


def _bots(project: Project) -> Any:
    return select(BOT.c.id).where(BOT.c.project_id == project.id)


def _count(connection: Connection, among: Any, wanted: ColumnElement[bool]) -> int:
    total: int = connection.execute(select(func.count()).select_from(among).where(wanted)).scalar_one()
    return total
