"""The tables of tool servers that are signed in to: what was granted, and who is on the way to grant it."""

from datetime import datetime

from sqlalchemy import JSON, Index, text
from sqlmodel import Field, SQLModel

from heartbeat.store.tables import bots  # noqa: F401 - rows here refer to rows there
from heartbeat.store.tables.types import time


class ToolConnection(SQLModel, table=True):
    """What an authorization server lets a tool do: for its bot, or for one member of a tool that is `per_member`.

    `state` is `not_connected`, `connected` or `needs_reconnect`. `sealed_client` is our client at `issuer` with that
    one's metadata, `sealed_tokens` what it granted for `scopes`; `wanted_scopes` are those and what its server wanted
    since. New tokens are asked for from `refresh_at` on, by `refresh_holder` alone until `refresh_lease_until`.
    `last_error` is a code.
    """

    __tablename__ = "tool_connection"
    id: int = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    tool_id: int = Field(foreign_key="tool.id", ondelete="CASCADE")
    member_id: int | None = Field(default=None, foreign_key="subscriber.id")
    grant_type: str = "authorization_code"
    state: str = "not_connected"
    issuer: str | None = None
    scopes: list[str] = Field(default_factory=list, sa_type=JSON)
    wanted_scopes: list[str] = Field(default_factory=list, sa_type=JSON)
    sealed_client: str | None = None
    sealed_tokens: str | None = None
    expires_at: datetime | None = time(default=None)
    connected_at: datetime | None = time(default=None)
    refreshed_at: datetime | None = time(default=None)
    used_at: datetime | None = time(default=None)
    last_error: str | None = None
    refresh_at: datetime | None = time(default=None)
    refresh_holder: str | None = None
    refresh_lease_until: datetime | None = time(default=None)
    created_at: datetime = time()
    updated_at: datetime = time()

    __table_args__ = (
        # Two of no member would not be equal to one index over both.
        Index(
            "uq_tool_connection",
            "tool_id",
            unique=True,
            sqlite_where=text("member_id IS NULL"),
            postgresql_where=text("member_id IS NULL"),
        ),
        Index("uq_tool_connection_member", "tool_id", "member_id", unique=True),
        Index("ix_tool_connection_refresh", "state", "refresh_at"),
        Index(
            "ix_tool_connection_member",
            "member_id",
            sqlite_where=text("member_id IS NOT NULL"),
            postgresql_where=text("member_id IS NOT NULL"),
        ),
    )


class PendingSignIn(SQLModel, table=True):
    """A person who is at an authorization server now. It is gone once it came back, which it can do once.

    The store keeps the SHA-256 of `state`, and of the cookie of the browser that began it where one did. `return_path`
    is a page of ours.
    """

    __tablename__ = "pending_sign_in"
    id: int = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    state_hash: str = Field(unique=True)
    connection_id: int = Field(foreign_key="tool_connection.id", ondelete="CASCADE", index=True)
    browser_hash: str | None = None
    return_path: str | None = None
    sealed_context: str
    expires_at: datetime = time(index=True)
    created_at: datetime = time()
