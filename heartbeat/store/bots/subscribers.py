"""Subscribers: the members of a bot's audience. A deleted one takes its heartbeats along."""

from datetime import datetime

from sqlalchemy import Connection, func, select, update

from heartbeat.domain.ids import new_id
from heartbeat.store.audit.recording import field_changes, record
from heartbeat.store.database.pages import Page, having_words
from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.heartbeats.heartbeats import delete_heartbeats, lock_bot
from heartbeat.store.memory.memory import forget_member
from heartbeat.store.notifications.targets import TARGET, delete_targets
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import NOT_DELETED, subscriber
from heartbeat.store.tables.bots import Bot, Subscriber
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tools.connections import forget_grants_of_member

SUBSCRIBER, BOT, HEARTBEAT = columns(Subscriber), columns(Bot), columns(Heartbeat)
# Whoever asks to be forgotten is not to be found in the audit log.
PERSONAL = ("email", "name")


def subscribers(connection: Connection, access: Access, page: Page, words: str = "") -> tuple[list[Subscriber], int]:
    """Read one page of the subscribers of a project, oldest bot first, or of the bot that is named, and their count.

    With `words`, only those whose name or address has each.
    """
    which = (BOT.c.project_id == access.project.id) & BOT.c.deleted_at.is_(None) & NOT_DELETED
    if bot := access.named_bot:
        which &= BOT.c.id == bot.id
    for condition in having_words(words, SUBSCRIBER.c.uuid, SUBSCRIBER.c.name, SUBSCRIBER.c.email):
        which &= condition
    joined = SUBSCRIBER.join(BOT, BOT.c.id == SUBSCRIBER.c.bot_id)
    total = connection.execute(select(func.count()).select_from(joined).where(which)).scalar_one()
    in_order = select(SUBSCRIBER).select_from(joined).where(which).order_by(BOT.c.id, SUBSCRIBER.c.id)
    return many(connection, Subscriber, in_order.limit(page.size).offset(page.offset)), total


def create_subscriber(
    connection: Connection, access: Access, email: str | None, name: str | None, now: datetime
) -> Subscriber:
    """Insert a member of a bot's audience."""
    values = {"uuid": new_id("mem"), "bot_id": access.bot.id, "email": email, "name": name, "subscribed_at": now}
    made = exactly_one(connection, Subscriber, SUBSCRIBER.insert().values(values).returning(SUBSCRIBER))
    changes = field_changes({}, {"email": email, "name": name, "bot": access.bot.uuid}, PERSONAL)
    record(connection, access.project.id, "subscriber.create", made.uuid, changes=changes)
    return made


def forget_subscriber(connection: Connection, access: Access, key: str) -> None:
    """Delete what was remembered about one member; raises `NotFound`."""
    member = subscriber(connection, access.bot, key)
    forget_member(connection, member)
    record(connection, access.project.id, "subscriber.forget", member.uuid)


def delete_subscriber(connection: Connection, access: Access, key: str, now: datetime) -> list[str]:
    """Delete a member with its heartbeats, targets, memories and what it signed in to. Raises `NotFound`.

    Returns the heartbeats whose schedules must follow.
    """
    # `configure` locks the bot too: no heartbeat is made for a member that is being deleted.
    bot = lock_bot(connection, access.bot)
    member = subscriber(connection, bot, key)
    connection.execute(update(SUBSCRIBER).where(SUBSCRIBER.c.id == member.id).values(deleted_at=now))
    delete_targets(connection, TARGET.c.member_id == member.id, now)
    forget_member(connection, member)
    forget_grants_of_member(connection, member.id)
    record(connection, access.project.id, "subscriber.delete", member.uuid)
    return delete_heartbeats(connection, (HEARTBEAT.c.bot_id == bot.id) & (HEARTBEAT.c.member_id == member.id), now)
