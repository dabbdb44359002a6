"""Heartbeats: found, listed, switched on and off, deleted. What its schedule must know bumps a row's version."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, update

from heartbeat.domain.errors import NotFound
from heartbeat.store.heartbeats.plan_limits import require_gap, require_heartbeats
from heartbeat.store.heartbeats.tick_accounting import cadence_of, leave, moved_to, over
from heartbeat.store.notifications.targets import TARGET, delete_targets
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.rows import columns, exactly_one, first, many
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat

HEARTBEAT, BOT = columns(Heartbeat), columns(Bot)

FLAG_TURNED_OFF = "The bot's heartbeat flag was turned off; turning it on again lifts this pause."
NO_PAUSE = {"pause_reason": None, "pause_since": None, "pause_message": None, "probe_at": None, "probes": 0}
NEXT_VERSION = HEARTBEAT.c.version + 1

# A change of one of these changes which ticks are due.
CADENCE = ("timezone", "cron_pattern", "interval_minutes", "active_hours_start", "active_hours_end", "active_days")
DUE = {*CADENCE, "anchor_at", "enabled"}

# Scheduled tasks are rows of the same table; what is said of heartbeats is not said of them.
NOT_DELETED = HEARTBEAT.c.deleted_at.is_(None)
IS_HEARTBEAT = NOT_DELETED & (HEARTBEAT.c.type == "heartbeat")
_OF_BOT = select(HEARTBEAT).where(HEARTBEAT.c.bot_id == bindparam("bot_id"), IS_HEARTBEAT)
_ONE = _OF_BOT.where(HEARTBEAT.c.uuid == bindparam("uuid"))
_ALL = _OF_BOT.order_by(HEARTBEAT.c.id)
_LOCKED = select(HEARTBEAT).where(HEARTBEAT.c.id == bindparam("id")).with_for_update(key_share=True)
_OF_MEMBER = _ALL.where(HEARTBEAT.c.member_id == bindparam("member_id"))


def heartbeat(connection: Connection, bot: Bot, uuid: str) -> Heartbeat:
    """The bot's heartbeat with this public id; raises `NotFound`."""
    found = first(connection, Heartbeat, _ONE, {"uuid": as_public_id(uuid), "bot_id": bot.id})
    if found is None:
        raise NotFound("heartbeat", uuid[:64])
    return found


def heartbeats(connection: Connection, bot: Bot, member_id: int | None = None) -> list[Heartbeat]:
    """A bot's heartbeats, oldest first; with `member_id` those of one subscriber."""
    if member_id is None:
        return many(connection, Heartbeat, _ALL, {"bot_id": bot.id})
    return many(connection, Heartbeat, _OF_MEMBER, {"bot_id": bot.id, "member_id": member_id})


def count_heartbeats(connection: Connection, bot: Bot) -> int:
    """How many heartbeats a bot has."""
    of_bot = select(func.count()).select_from(HEARTBEAT).where(HEARTBEAT.c.bot_id == bot.id, IS_HEARTBEAT)
    return connection.execute(of_bot).scalar_one()


def lock_bot(connection: Connection, bot: Bot) -> Bot:
    """The bot as it is now, locked until the transaction ends: what is decided about its heartbeats stays true."""
    found = first(
        connection,
        Bot,
        select(BOT).where(BOT.c.id == bot.id, BOT.c.deleted_at.is_(None)).with_for_update(key_share=True),
    )
    if found is None:
        raise NotFound("bot", bot.uuid)
    return found


def enable(connection: Connection, access: Access, now: datetime) -> Heartbeat:
    """Switch a heartbeat on, lift its pause and start its streak of failures anew."""
    bot = lock_bot(connection, access.bot)
    found = heartbeat(connection, bot, access.heartbeat.uuid)
    require_heartbeats(access.project, access.plan, bot)
    require_gap(access.project, access.plan, cadence_of(found))
    anew = {"error_count": 0} if found.error_count else {}
    return change(connection, found, anew | enabling(found), now)


def disable(connection: Connection, access: Access, now: datetime) -> Heartbeat:
    """Switch a heartbeat off because its owner wants it: it is not paused, it is off."""
    found = heartbeat(connection, access.bot, access.heartbeat.uuid)
    return change(connection, found, disabling(found), now)


def enabling(there: Heartbeat) -> dict[str, Any]:
    """The columns that switch a heartbeat on; nothing when it is on already."""
    return {} if there.enabled else {"enabled": True, "error_count": 0, **NO_PAUSE, "version": NEXT_VERSION}


def disabling(there: Heartbeat) -> dict[str, Any]:
    """The columns that switch a heartbeat off and forget a pause; nothing when it is off already."""
    if not there.enabled and there.pause_reason is None:
        return {}
    return {"enabled": False, **NO_PAUSE, "version": NEXT_VERSION}


def change(connection: Connection, there: Heartbeat, changes: Mapping[str, Any], now: datetime) -> Heartbeat:
    """Write `changes` to a heartbeat and return it as it is then. What is due from now on may be something else."""
    if not changes:
        return there
    if DUE & changes.keys():
        # A run that is being opened holds this row while it writes the log of a tick: who wrote that log first and
        # then waited for the row would be waited for.
        there = exactly_one(connection, Heartbeat, _LOCKED, {"id": there.id})
        leave(connection, there, now)
        changes = {**changes, **moved_to(Heartbeat.model_construct(**{**vars(there), **changes}), now)}
        if changes.get("enabled"):
            changes |= over(there, now, now)
    written = update(HEARTBEAT).where(HEARTBEAT.c.id == there.id).values(**changes, updated_at=now).returning(HEARTBEAT)
    return exactly_one(connection, Heartbeat, written)


def delete_heartbeat(connection: Connection, access: Access, now: datetime) -> list[str]:
    """Delete a heartbeat; its logs and its ledger stay. Returns it as one whose schedule must follow.

    Raises `NotFound`.
    """
    # Who enables it or changes it holds the bot: nothing is switched on after it was deleted.
    bot = lock_bot(connection, access.bot)
    row = heartbeat(connection, bot, access.heartbeat.uuid)
    return delete_heartbeats(connection, HEARTBEAT.c.id == row.id, now)


def delete_heartbeats(connection: Connection, which: ColumnElement[bool], now: datetime) -> list[str]:
    """Delete all heartbeats for which `which` holds, and their targets; returns those whose schedules must follow."""
    delete_targets(connection, TARGET.c.heartbeat_id.in_(select(HEARTBEAT.c.id).where(which)), now)
    gone = {"deleted_at": now, "enabled": False, "version": NEXT_VERSION}
    return _change_all(connection, which, gone, now)


def switch_flag(connection: Connection, bot: Bot, on: bool, now: datetime) -> list[str]:
    """Pause what a bot runs, or lift exactly the pauses that this made; returns those whose schedules must follow."""
    of_bot = (HEARTBEAT.c.bot_id == bot.id) & NOT_DELETED
    if on:
        mine = (HEARTBEAT.c.pause_reason == "operator") & (HEARTBEAT.c.pause_message == FLAG_TURNED_OFF)
        lifted = {"enabled": True, **NO_PAUSE, "version": NEXT_VERSION}
        return _change_all(connection, of_bot & mine, lifted, now)
    stopped = {"enabled": False, "pause_reason": "operator", "pause_since": now, "pause_message": FLAG_TURNED_OFF}
    return _change_all(connection, of_bot & HEARTBEAT.c.enabled, {**stopped, "version": NEXT_VERSION}, now)


def rename(connection: Connection, bot: Bot) -> list[str]:
    """A bot's name shows in its schedules; returns those that must follow."""
    of_bot = update(HEARTBEAT).where(HEARTBEAT.c.bot_id == bot.id, NOT_DELETED).values(version=NEXT_VERSION)
    return list(connection.execute(of_bot.returning(HEARTBEAT.c.uuid)).scalars())


def _change_all(
    connection: Connection, which: ColumnElement[bool], changes: Mapping[str, Any], now: datetime
) -> list[str]:
    all_of_them = select(HEARTBEAT).where(which, NOT_DELETED).order_by(HEARTBEAT.c.id).with_for_update(key_share=True)
    found = many(connection, Heartbeat, all_of_them)
    return [change(connection, there, changes, now).uuid for there in found]
