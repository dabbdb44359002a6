"""Targets: where messages go."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select, true, update

from heartbeat.domain.errors import Conflict, NotFound
from heartbeat.store.audit.recording import field_changes, record
from heartbeat.store.database.pages import ListFilter, Page, having_words
from heartbeat.store.database.rows import all_joined, columns, joined, many
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.tables.bots import Bot, Subscriber
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Notification, Target

TARGET, NOTIFICATION = columns(Target), columns(Notification)
BOT, HEARTBEAT, MEMBER = columns(Bot), columns(Heartbeat), columns(Subscriber)
NOT_DELETED = TARGET.c.deleted_at.is_(None)
RECORDED = ("channel", "name", "config", "sealed_config", "events", "cooldown_seconds", "is_enabled")
SHOWN: Mapping[str, ColumnElement[bool]] = {"on": TARGET.c.is_enabled, "off": ~TARGET.c.is_enabled}
EVERYTHING = ListFilter()
# The old and the new value of fields of a target's config, by name.
ConfigChanges = Mapping[str, tuple[Any, Any]]
# An event writes a row for each of them.
MAX_TARGETS = 100
# So many messages are looked through for the last error.
RECENT_MESSAGES = 500

_NAMED = (
    TARGET.outerjoin(BOT, BOT.c.id == TARGET.c.bot_id)
    .outerjoin(HEARTBEAT, HEARTBEAT.c.id == TARGET.c.heartbeat_id)
    .outerjoin(MEMBER, MEMBER.c.id == TARGET.c.member_id)
)
_ALL = select(TARGET, BOT.c.uuid, HEARTBEAT.c.uuid, MEMBER.c.uuid).select_from(_NAMED)


@dataclass(frozen=True)
class ListedTarget:
    """A target and the public ids of the bot, the heartbeat and the member that it is for, if it is for one."""

    target: Target
    bot_uuid: str | None
    heartbeat_uuid: str | None
    member_uuid: str | None


def target(connection: Connection, access: Access, uuid: str) -> ListedTarget:
    """The project's target with this public id; raises `NotFound`."""
    which = (TARGET.c.uuid == as_public_id(uuid)) & (TARGET.c.project_id == access.project.id) & NOT_DELETED
    row = joined(connection, (Target,), _ALL.where(which), {})
    if row is None:
        raise NotFound("target", uuid[:64])
    return ListedTarget(*row)


def lock_target(connection: Connection, access: Access, uuid: str) -> ListedTarget:
    """`target`, which nobody else writes before this transaction ends."""
    connection.execute(select(TARGET.c.id).where(TARGET.c.uuid == as_public_id(uuid)).with_for_update())
    return target(connection, access, uuid)


def targets(
    connection: Connection, access: Access, page: Page, wanted: ListFilter = EVERYTHING
) -> tuple[list[ListedTarget], int]:
    """Read one page of a project's targets, or of those that hear of the bot that is named, and their number.

    Words stand in the name or the channel; `show` is a key of `SHOWN`.
    """
    which = and_(
        TARGET.c.project_id == access.project.id,
        NOT_DELETED,
        *having_words(wanted.words, TARGET.c.uuid, TARGET.c.name, TARGET.c.channel),
    )
    which = which & SHOWN.get(wanted.show, true())
    if bot := access.named_bot:
        which &= TARGET.c.bot_id.is_(None) | (TARGET.c.bot_id == bot.id)
    oldest = _ALL.where(which).order_by(TARGET.c.id).limit(page.size).offset(page.offset)
    rows = [ListedTarget(*row) for row in all_joined(connection, (Target,), oldest, {})]
    return rows, _count(connection, TARGET, which)


def create_target(connection: Connection, access: Access, fields: Mapping[str, Any], now: datetime) -> ListedTarget:
    """Add a target; `fields` are columns by name, its `uuid` too: secrets are sealed with it. Raises `Conflict`."""
    if _count(connection, TARGET, (TARGET.c.project_id == access.project.id) & NOT_DELETED) >= MAX_TARGETS:
        raise Conflict("too_many_targets", f"A project has {MAX_TARGETS} targets at the most; delete one first.")
    connection.execute(TARGET.insert().values(project_id=access.project.id, created_at=now, updated_at=now, **fields))
    made = target(connection, access, fields["uuid"])
    _record(connection, "create", made.target, fields)
    return made


def write_target(
    connection: Connection, access: Access, uuid: str, fields: Mapping[str, Any], now: datetime
) -> ListedTarget:
    """Write the columns in `fields`; one that is enabled is tried again. Raises `NotFound`."""
    row = target(connection, access, uuid).target
    changes = {**fields, "updated_at": now}
    if fields.get("is_enabled"):
        changes["disabled_reason"] = None
    connection.execute(update(TARGET).where(TARGET.c.id == row.id).values(changes))
    _record(connection, "update", row, fields)
    return target(connection, access, uuid)


def change_target_config(connection: Connection, row: Target, changes: ConfigChanges, now: datetime) -> None:
    """Write what a receiver says is another now, unless somebody changed it meanwhile."""
    if changes and all(row.config.get(name) == old for name, (old, _) in changes.items()):
        config = {**row.config, **{name: new for name, (_, new) in changes.items()}}
        connection.execute(update(TARGET).where(TARGET.c.id == row.id).values(config=config, updated_at=now))
        _record(connection, "update", row, {"config": config})


def follow_receiver(connection: Connection, access: Access, uuid: str, changes: ConfigChanges, now: datetime) -> None:
    """`change_target_config` of the project's target with this public id. Raises `NotFound`."""
    change_target_config(connection, target(connection, access, uuid).target, changes, now)


def delete_target(connection: Connection, access: Access, uuid: str, now: datetime) -> None:
    """Send it nothing more, and forget where it is; its past notifications stay. Raises `NotFound`."""
    row = target(connection, access, uuid).target
    delete_targets(connection, TARGET.c.id == row.id, now)


def delete_targets(connection: Connection, which: ColumnElement[bool], now: datetime) -> None:
    """`delete_target` for all for which `which` holds: with a bot, a heartbeat or a subscriber its targets go."""
    deleted = {"deleted_at": now, "config": {}, "sealed_config": None, "is_enabled": False}
    gone = update(TARGET).where(which, NOT_DELETED).values(deleted).returning(TARGET)
    for row in many(connection, Target, gone):
        _record(connection, "delete", row, {})


def _record(connection: Connection, verb: str, row: Target, fields: Mapping[str, Any]) -> None:
    recorded = {name: value for name, value in fields.items() if name in RECORDED}
    # An address that messages are sent to often is a secret, whatever it is called.
    changes = field_changes({} if verb == "create" else vars(row), recorded, {"config"})
    record(connection, row.project_id, f"target.{verb}", row.uuid, row.name, changes)


def last_errors(connection: Connection, access: Access) -> dict[int, str]:
    """Map a target's id to the error of its newest message, if that has one; looks at recent messages alone."""
    attempted = select(NOTIFICATION.c.id, NOTIFICATION.c.target_id).where(
        NOTIFICATION.c.project_id == access.project.id, NOTIFICATION.c.attempts > 0
    )
    recent = attempted.order_by(NOTIFICATION.c.id.desc()).limit(RECENT_MESSAGES).subquery()
    newest = select(func.max(recent.c.id)).group_by(recent.c.target_id)
    errors = select(NOTIFICATION.c.target_id, NOTIFICATION.c.last_error).where(
        NOTIFICATION.c.id.in_(newest), NOTIFICATION.c.last_error.is_not(None)
    )
    return {row.target_id: row.last_error for row in connection.execute(errors)}


def _count(connection: Connection, source: Any, which: ColumnElement[bool]) -> int:
    total: int = connection.execute(select(func.count()).select_from(source).where(which)).scalar_one()
    return total
