"""What a notification target can be of: the bots, heartbeats and subscribers of a project."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from heartbeat.store.bots.bots import BOT
from heartbeat.store.bots.subscribers import SUBSCRIBER
from heartbeat.store.heartbeats.heartbeats import HEARTBEAT, IS_HEARTBEAT
from heartbeat.store.overview.projects import PROMPT_START, access_to_bot, access_to_heartbeat
from heartbeat.store.projects.access import Access, as_public_id

# More than a person looks through; of others the page of the heartbeat or the subscriber leads to the form.
MAX_OPTIONS = 100

_BOTS = (BOT.c.project_id == bindparam("project")) & BOT.c.deleted_at.is_(None)
_BOT = (BOT.c.uuid.label("bot_uuid"), BOT.c.name.label("bot_name"))
BOTS = select(BOT.c.uuid, BOT.c.name).where(_BOTS).order_by(BOT.c.id).limit(MAX_OPTIONS)
HEARTBEATS = (
    select(HEARTBEAT.c.uuid, HEARTBEAT.c.label, func.substr(HEARTBEAT.c.prompt, 1, PROMPT_START).label("prompt"), *_BOT)
    .where(_BOTS, HEARTBEAT.c.bot_id == BOT.c.id, IS_HEARTBEAT)
    .order_by((HEARTBEAT.c.uuid == bindparam("wanted")).desc(), BOT.c.id, HEARTBEAT.c.id)
    .limit(MAX_OPTIONS)
)
MEMBERS = (
    select(SUBSCRIBER.c.uuid, SUBSCRIBER.c.name, SUBSCRIBER.c.email, *_BOT)
    .where(_BOTS, SUBSCRIBER.c.bot_id == BOT.c.id, SUBSCRIBER.c.deleted_at.is_(None))
    .order_by((SUBSCRIBER.c.uuid == bindparam("wanted")).desc(), BOT.c.id, SUBSCRIBER.c.id)
    .limit(MAX_OPTIONS)
)


@dataclass(frozen=True)
class PossibleOwners:
    """The first of each that a target can be of."""

    bots: Sequence[Any]
    heartbeats: Sequence[Any]
    members: Sequence[Any]


def possible_owners(connection: Connection, access: Access, wanted: str) -> PossibleOwners:
    """List the first hundred of each, and before them the heartbeat or subscriber with the public id `wanted`."""
    values = {"project": access.project.id, "wanted": as_public_id(wanted)}
    return PossibleOwners(
        connection.execute(BOTS, {"project": access.project.id}).all(),
        connection.execute(HEARTBEATS, values).all(),
        connection.execute(MEMBERS, values).all(),
    )


def access_to_owner(connection: Connection, access: Access, bot_uuid: str, heartbeat_uuid: str) -> Access:
    """Narrow the access to what a target is to be of; either may be empty. Raises `NotFound`."""
    if not bot_uuid:
        return access
    narrowed = access_to_bot(connection, access, bot_uuid)
    return access_to_heartbeat(connection, narrowed, heartbeat_uuid) if heartbeat_uuid else narrowed
