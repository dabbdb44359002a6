"""The tables of people: who they are, what they may do in which project, and the links that let them in."""

from datetime import datetime

from sqlalchemy import JSON, Index
from sqlmodel import Field, SQLModel

from heartbeat.store.tables.types import BIG, time


class User(SQLModel, table=True):
    """A person who signs in: with a password, or as somebody whom another issuer knows (`UserIdentity`).

    `email` is in lower case. `password_hash` is argon2's whole text. Of a second factor the secret is sealed for the
    row; a code counts up to `totp_counter` only once. `recovery_codes` are hashes of those that were not used yet. A
    person who was removed signs in nowhere, and may be invited anew.
    """

    id: int = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    email: str = Field(unique=True)
    name: str
    password_hash: str | None = None
    sealed_totp_secret: str | None = None
    totp_counter: int | None = Field(default=None, sa_type=BIG)
    recovery_codes: list[str] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    created_at: datetime = time()
    removed_at: datetime | None = time(default=None)


class UserIdentity(SQLModel, table=True):
    """A person as an issuer of OpenID Connect knows them, which stays theirs when their e-mail address changes."""

    __tablename__ = "user_identity"
    id: int = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    issuer: str
    subject: str
    created_at: datetime = time()

    __table_args__ = (Index("uq_user_identity", "issuer", "subject", unique=True),)


class Membership(SQLModel, table=True):
    """What a person may do in a project: `role` is a preset of scopes, `source` says who gave it: invited or group."""

    id: int = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user.id")
    project_id: int = Field(foreign_key="project.id", index=True)
    role: str
    source: str = "invited"
    created_at: datetime = time()

    __table_args__ = (Index("uq_membership", "user_id", "project_id", unique=True),)


class ProjectInvitation(SQLModel, table=True):
    """A link that makes whoever opens it a member, as its SHA-256: for one e-mail address, one use, and a week.

    `invited_by_id` is the id of whoever made it; with a person's being an admin it ends, too, and with its key.
    """

    __tablename__ = "invitation"
    id: int = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    project_id: int = Field(foreign_key="project.id", index=True)
    email: str
    role: str
    hash: str = Field(unique=True)
    invited_by: str
    invited_by_id: str | None = None
    created_at: datetime = time()
    expires_at: datetime = time()
    used_at: datetime | None = time(default=None)


class PasswordReset(SQLModel, table=True):
    """A link with which a person gives themselves another password, as its SHA-256, until it is used."""

    __tablename__ = "password_reset"
    hash: str = Field(primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    expires_at: datetime = time()
