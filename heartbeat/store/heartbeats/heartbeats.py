"""Heartbeats: found, listed, switched on and off, deleted."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, select, update

from heartbeat.domain.errors import NotFound
from heartbeat.domain.pauses import HeartbeatPause
from heartbeat.store.database.pages import Page
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import columns, first, many
from heartbeat.store.heartbeats import states
from heartbeat.store.heartbeats.plan_limits import require_gap, require_heartbeats, require_own_models
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.notifications.targets import TARGET, delete_targets
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Approval

HEARTBEAT, BOT, APPROVAL = columns(Heartbeat), columns(Bot), columns(Approval)

BY_DELETION = "the deletion of its heartbeat"

# Scheduled tasks are rows of the same table; what is said of heartbeats is not said of them.
NOT_DELETED = HEARTBEAT.c.deleted_at.is_(None)
IS_HEARTBEAT = NOT_DELETED & (HEARTBEAT.c.type == "heartbeat")
_OF_BOT = select(HEARTBEAT).where(HEARTBEAT.c.bot_id == bindparam("bot_id"), IS_HEARTBEAT)
_COUNT = Prepared(select(func.count()).where(HEARTBEAT.c.bot_id == bindparam("bot_id"), IS_HEARTBEAT))
_LOCK_BOT = Prepared(
    select(BOT).where(BOT.c.id == bindparam("bot_id"), BOT.c.deleted_at.is_(None)).with_for_update(key_share=True)
)
_ONE = _OF_BOT.where(HEARTBEAT.c.uuid == bindparam("uuid"))
_ALL = _OF_BOT.order_by(HEARTBEAT.c.id)
_OF_MEMBER = _ALL.where(HEARTBEAT.c.member_id == bindparam("member_id"))


def heartbeat(connection: Connection, bot: Bot, uuid: str) -> Heartbeat:
    """The bot's heartbeat with this public id; raises `NotFound`."""
    found = first(connection, Heartbeat, _ONE, {"uuid": as_public_id(uuid), "bot_id": bot.id})
    if found is None:
        raise NotFound("heartbeat", uuid[:64])
    return found


def heartbeats(connection: Connection, bot: Bot, member_id: int | None, after_id: int, limit: int) -> list[Heartbeat]:
    """Read a bot's next heartbeats after one, oldest first; with `member_id` those of one subscriber."""
    statement, parameters = _of_bot(bot, member_id)
    batch = statement.where(HEARTBEAT.c.id > after_id).limit(limit)
    return many(connection, Heartbeat, batch, parameters)


def heartbeats_page(connection: Connection, bot: Bot, member_id: int | None, page: Page) -> tuple[list[Heartbeat], int]:
    """Read one page of a bot's heartbeats or of a subscriber's, oldest first, and their number."""
    statement, parameters = _of_bot(bot, member_id)
    count = select(func.count()).select_from(statement.order_by(None).subquery())
    total: int = connection.execute(count, parameters).scalar_one()
    return many(connection, Heartbeat, statement.limit(page.size).offset(page.offset), parameters), total


def _of_bot(bot: Bot, member_id: int | None) -> tuple[Select[Any], dict[str, int]]:
    if member_id is None:
        return _ALL, {"bot_id": bot.id}
    return _OF_MEMBER, {"bot_id": bot.id, "member_id": member_id}


def count_heartbeats(connection: Connection, bot: Bot) -> int:
    """How many heartbeats a bot has."""
    count: int = _COUNT.run(connection, {"bot_id": bot.id}).scalar_one()
    return count


def lock_bot(connection: Connection, bot: Bot) -> Bot:
    """The bot as it is now, locked until the transaction ends: what is decided about its heartbeats stays true."""
    found = first(connection, Bot, _LOCK_BOT, {"bot_id": bot.id})
    if found is None:
        raise NotFound("bot", bot.uuid)
    return found


def enable(connection: Connection, access: Access, now: datetime) -> Heartbeat:
    """Switch a heartbeat on, lift its pause and start its streak of failures anew."""
    bot = lock_bot(connection, access.bot)
    row = heartbeat(connection, bot, access.heartbeat.uuid)
    require_heartbeats(access.project, access.plan, bot)
    require_gap(access.project, access.plan, cadence_of(row))
    require_own_models(access.project, access.plan, bot, row)
    return states.enable(connection, row, now)


def disable(connection: Connection, access: Access, now: datetime) -> Heartbeat:
    """Switch a heartbeat off because its owner wants it: it is not paused, it is off."""
    return states.disable(connection, heartbeat(connection, access.bot, access.heartbeat.uuid), now)


def delete_heartbeat(connection: Connection, access: Access, now: datetime) -> list[str]:
    """Delete a heartbeat; its logs and its ledger stay. Returns it as one whose schedule must follow.

    Raises `NotFound`.
    """
    # Who enables it or changes it holds the bot: nothing is switched on after it was deleted.
    bot = lock_bot(connection, access.bot)
    row = heartbeat(connection, bot, access.heartbeat.uuid)
    return delete_heartbeats(connection, HEARTBEAT.c.id == row.id, now)


def delete_heartbeats(connection: Connection, which: ColumnElement[bool], now: datetime) -> list[str]:
    """Delete all heartbeats for which `which` holds, and their targets; returns those whose schedules must follow.

    What their runs ask a person for, calls and credits alike, is denied; Upkeep wakes them.
    """
    ids = select(HEARTBEAT.c.id).where(which)
    delete_targets(connection, TARGET.c.heartbeat_id.in_(ids), now)
    deleted = [states.delete(connection, row, now).uuid for row in _locked(connection, which)]
    asked = APPROVAL.c.heartbeat_id.in_(ids) & (APPROVAL.c.state == "pending")
    connection.execute(update(APPROVAL).where(asked).values(denied_by_deletion(now)))
    return deleted


def denied_by_deletion(now: datetime) -> dict[str, Any]:
    """What an approval has that nobody decides any more, for its heartbeat was deleted."""
    return {"state": "denied", "decided_by": BY_DELETION, "decided_at": now}


def switch_flag(connection: Connection, bot: Bot, on: bool, now: datetime) -> list[str]:
    """Pause what a bot runs, or lift exactly the pauses that this made; returns those whose schedules must follow."""
    of_bot = HEARTBEAT.c.bot_id == bot.id
    if on:
        paused = _locked(connection, of_bot & (HEARTBEAT.c.pause_cause == "bot_flag"))
        return [states.lift_pause(connection, row, now).uuid for row in paused]
    running = _locked(connection, of_bot & HEARTBEAT.c.enabled)
    return [states.pause(connection, row, HeartbeatPause("bot_flag"), now).uuid for row in running]


def rename(connection: Connection, bot: Bot) -> list[str]:
    """A bot's name shows in its schedules; returns those that must follow."""
    return states.outdate(connection, (HEARTBEAT.c.bot_id == bot.id) & NOT_DELETED)


def _locked(connection: Connection, which: ColumnElement[bool]) -> list[Heartbeat]:
    in_order = select(HEARTBEAT).where(which, NOT_DELETED).order_by(HEARTBEAT.c.id).with_for_update(key_share=True)
    return many(connection, Heartbeat, in_order)
