"""Who is meant by what Temporal was told of them."""

from sqlalchemy import Connection, select

from heartbeat.domain.actors import Actor
from heartbeat.store.database.rows import first
from heartbeat.store.projects.projects import KEY
from heartbeat.store.tables.users import User
from heartbeat.store.users.users import USER, actor_of_user


def words_of(connection: Connection, reference: str) -> str:
    """Say who an `Actor.reference` stands for, also of a key that was revoked or a person who was removed."""
    key = connection.execute(select(KEY.c.name).where(KEY.c.uuid == reference)).scalar()
    if key is not None:
        return Actor("key", reference, key).words
    user = first(connection, User, select(USER).where(USER.c.uuid == reference))
    return actor_of_user(user).words if user else reference
