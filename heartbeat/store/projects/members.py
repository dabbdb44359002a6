"""Look up subscribers: the one that a request names, and the public ids of those that heartbeats belong to."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from heartbeat.domain.errors import NotFound
from heartbeat.store.database.rows import columns, first
from heartbeat.store.projects.access import as_number, as_public_id
from heartbeat.store.tables.bots import Bot, Subscriber
from heartbeat.store.tables.heartbeats import Heartbeat

SUBSCRIBER = columns(Subscriber)

NOT_DELETED = SUBSCRIBER.c.deleted_at.is_(None)


def subscriber(connection: Connection, bot: Bot, key: str) -> Subscriber:
    """Read the bot's subscriber with this public id or number; raises `NotFound`."""
    number = as_number(key)
    named = SUBSCRIBER.c.uuid == as_public_id(key) if number is None else SUBSCRIBER.c.id == number
    member = first(connection, Subscriber, select(SUBSCRIBER).where(named, SUBSCRIBER.c.bot_id == bot.id, NOT_DELETED))
    if member is None:
        raise NotFound("subscriber", key[:64])
    return member


def member_uuids(connection: Connection, heartbeats: Iterable[Heartbeat]) -> dict[int | None, str]:
    """Map the numbers of these heartbeats' members to their public ids; `None`, a bot without a member, is in none."""
    numbers = {heartbeat.member_id for heartbeat in heartbeats if heartbeat.member_id is not None}
    if not numbers:
        return {}
    rows = connection.execute(select(SUBSCRIBER.c.id, SUBSCRIBER.c.uuid).where(SUBSCRIBER.c.id.in_(numbers)))
    return {row.id: row.uuid for row in rows}
