"""Passwords as the store keeps them, and the links with which a person gives themselves another one."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from heartbeat.domain.errors import Forbidden
from heartbeat.store.audit.recording import CHANGED
from heartbeat.store.database.rows import first
from heartbeat.store.projects.projects import digest
from heartbeat.store.tables.users import User
from heartbeat.store.users.users import (
    NO_CREDENTIALS,
    NOT_REMOVED,
    RESET,
    USER,
    act_as_user,
    record_user,
    sign_out_everywhere,
)

LASTS = timedelta(days=1)
USED = "This link was used already, was replaced by another, or is older than a day. Ask the operator for another one."


def set_password(connection: Connection, user: User, password_hash: str) -> None:
    """Give a person another password. Whoever was signed in as them is not any more, and no older link works."""
    record_user(connection, user, "member.update", {"password": CHANGED})
    connection.execute(update(USER).where(USER.c.id == user.id).values(password_hash=password_hash))
    sign_out_everywhere(connection, user.id)


def hand_to_issuer(connection: Connection, user: User, issuer: str) -> None:
    """Have a person sign in at an issuer alone: password and second factor go, and whoever was signed in as them."""
    lost = {"password": CHANGED} if user.password_hash else {}
    factor = {"second_factor": ["on", "off"]} if user.sealed_totp_secret else {}
    record_user(connection, user, "member.update", {"issuer": [None, issuer], **lost, **factor})
    connection.execute(update(USER).where(USER.c.id == user.id).values(NO_CREDENTIALS))
    sign_out_everywhere(connection, user.id)


def new_reset(connection: Connection, user: User, now: datetime) -> str:
    """Make a link to another password and return its token, which is not kept; an earlier one ends."""
    connection.execute(delete(RESET).where(RESET.c.user_id == user.id))
    token = secrets.token_urlsafe(32)
    record_user(connection, user, "member.reset")
    connection.execute(RESET.insert().values(hash=digest(token), user_id=user.id, expires_at=now + LASTS))
    return token


def user_of_reset(connection: Connection, token: str, now: datetime) -> User:
    """Read whose password a link is for; raises `Forbidden` when it was used, is too old, or is none."""
    mine = (RESET.c.hash == digest(token)) & (RESET.c.expires_at > now) & NOT_REMOVED
    user = first(connection, User, select(USER).join(RESET, RESET.c.user_id == USER.c.id).where(mine))
    if user is None:
        raise Forbidden("link_used", USED)
    return user


def use_reset(connection: Connection, token: str, password_hash: str, now: datetime) -> User:
    """Use a link up: the person has this password from now on. Raises `Forbidden`."""
    user = user_of_reset(connection, token, now)
    if connection.execute(delete(RESET).where(RESET.c.hash == digest(token))).rowcount == 0:
        raise Forbidden("link_used", USED)
    act_as_user(connection, user)
    set_password(connection, user, password_hash)
    return user
