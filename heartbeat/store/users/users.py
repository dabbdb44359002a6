"""People: made, found, removed. What each may do in a project is a membership."""

from datetime import datetime

from sqlalchemy import Connection, delete, select

from heartbeat.domain.actors import NOWHERE, Actor, Visit
from heartbeat.domain.ids import new_id
from heartbeat.domain.people import fold_email
from heartbeat.domain.text import storable_text
from heartbeat.store.audit.recording import Changes, record
from heartbeat.store.database.acting import act_as, actor_of
from heartbeat.store.database.rows import columns, exactly_one, first, insert, many
from heartbeat.store.tables.projects import DashboardSession
from heartbeat.store.tables.users import Membership, PasswordReset, User, UserIdentity

USER, IDENTITY, MEMBERSHIP = columns(User), columns(UserIdentity), columns(Membership)
SESSION, RESET = columns(DashboardSession), columns(PasswordReset)
NO_SECOND_FACTOR = {"sealed_totp_secret": None, "totp_counter": None, "recovery_codes": None}
# All that opens an account of ours.
NO_CREDENTIALS = {"password_hash": None, **NO_SECOND_FACTOR}
NOT_REMOVED = USER.c.removed_at.is_(None)


def user_by_email(connection: Connection, email: str) -> User | None:
    """Read the person with this address, however it is written; `None` if there is none or they were removed."""
    return first(connection, User, select(USER).where(USER.c.email == storable_text(fold_email(email)), NOT_REMOVED))


def user_by_id(connection: Connection, user_id: int) -> User | None:
    """Read a person; `None` if they were removed."""
    return first(connection, User, select(USER).where(USER.c.id == user_id, NOT_REMOVED))


def lock_user(connection: Connection, user_id: int) -> User:
    """Read a person whom nobody else writes before this transaction ends."""
    return exactly_one(connection, User, select(USER).where(USER.c.id == user_id).with_for_update())


def users(connection: Connection) -> list[User]:
    """List everybody who was not removed, by their addresses."""
    return many(connection, User, select(USER).where(NOT_REMOVED).order_by(USER.c.email))


def create_user(connection: Connection, email: str, name: str, now: datetime) -> User | None:
    """Insert a person who cannot sign in yet; somebody who was removed comes back as they are now.

    `None` when there is somebody with this address.
    """
    row = {"uuid": new_id("usr"), "email": fold_email(email), "name": name, "created_at": now, "removed_at": None}
    statement = insert(connection, USER).values(row)
    again = {"name": name, "created_at": now, "removed_at": None}
    statement = statement.on_conflict_do_update(
        index_elements=["email"], set_=again, where=USER.c.removed_at.is_not(None)
    )
    return first(connection, User, statement.returning(USER))


def sign_out_everywhere(connection: Connection, user_id: int) -> None:
    """End a person's sessions, and the links with which their password could be set."""
    for table in (SESSION, RESET):
        connection.execute(delete(table).where(table.c.user_id == user_id))


def act_as_user(connection: Connection, user: User) -> None:
    """Say that this person acts from here on, from where the transaction was asked for."""
    act_as(connection, actor_of_user(user, actor_of(connection).visit))


def actor_of_user(user: User, visit: Visit = NOWHERE) -> Actor:
    """Say who a person is, who acts or is acted on."""
    return Actor("user", user.uuid, user.name, user.email, visit)


def record_user(connection: Connection, user: User, action: str, changes: Changes | None = None) -> None:
    """Record in each project of a person what became of them."""
    mine = select(MEMBERSHIP.c.project_id).where(MEMBERSHIP.c.user_id == user.id)
    for project_id in connection.execute(mine).scalars().all():
        record(connection, project_id, action, user.uuid, actor_of_user(user).words, changes)


def user_of_identity(connection: Connection, issuer: str, subject: str) -> User | None:
    """Read the person whom this issuer knows so, also one who was removed; `None` if there is none."""
    known = (IDENTITY.c.issuer == issuer) & (IDENTITY.c.subject == subject)
    return first(connection, User, select(USER).join(IDENTITY, IDENTITY.c.user_id == USER.c.id).where(known))


def add_identity(connection: Connection, user: User, issuer: str, subject: str, now: datetime) -> None:
    """Remember that this issuer knows a person so. A repeat changes nothing."""
    row = {"user_id": user.id, "issuer": issuer, "subject": subject, "created_at": now}
    connection.execute(insert(connection, IDENTITY).values(row).on_conflict_do_nothing())
