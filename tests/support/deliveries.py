"""A notification target of the world's project, and what was delivered to it."""

from datetime import UTC, datetime

from sqlalchemy import select

from heartbeat.domain.ids import new_id
from heartbeat.store.database.rows import columns, many
from heartbeat.store.notifications.targets import create_target
from heartbeat.store.tables.notifications import Notification, Target
from tests.support.patience import until
from tests.support.receiver import Receiver
from tests.support.seeds import access_to
from tests.support.store_world import SECRET
from tests.support.world import World


async def target(world: World, receiver: Receiver, **fields: object) -> Target:
    row = {"uuid": new_id("tgt"), "channel": "webhook", "name": "On call", "cooldown_seconds": 0, "is_enabled": True}
    row |= {"config": {"url": receiver.url, "secret": SECRET}, **fields}
    now = datetime.now(UTC)
    return (await world.database.write(lambda c: create_target(c, access_to(c, world.bot), row, now))).target


async def notifications(world: World) -> list[Notification]:
    table = columns(Notification)
    return await world.database.read(lambda c: many(c, Notification, select(table).order_by(table.c.id)))


async def settled(world: World, count: int) -> list[Notification]:
    """Once there are so many and all are delivered."""
    delivered = ["delivered"] * count
    return await until(lambda: notifications(world), lambda rows: [row.status for row in rows] == delivered)
