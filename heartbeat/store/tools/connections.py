"""Connections of tools to servers that ask to be signed in to. Each function is one short transaction's work.

Nothing here opens a secret: what is sealed comes in and goes out as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, not_, or_, select, update

from heartbeat.domain.ids import new_id
from heartbeat.domain.tool_connections import CONNECTED, NEEDS_RECONNECT, refresh_time
from heartbeat.store.audit.recording import CHANGED, Changes, record
from heartbeat.store.database.rows import all_joined, columns, exactly_one, first, insert, joined, many
from heartbeat.store.projects.projects import digest
from heartbeat.store.tables.bots import Bot, Subscriber, Tool
from heartbeat.store.tables.tool_connections import PendingSignIn, ToolConnection

CONNECTION, SIGN_IN = columns(ToolConnection), columns(PendingSignIn)
BOT, TOOL, SUBSCRIBER = columns(Bot), columns(Tool), columns(Subscriber)
SIGN_IN_LASTS = timedelta(hours=1)
# Longer than a refresh may take, with a second request for the token of before. Who died has left it to others then.
LEASE = timedelta(minutes=2)
# A server may name scopes without end, and each new one is told.
MAX_WANTED = 20
UNUSED_AFTER = timedelta(days=30)


@dataclass(frozen=True)
class NewSignIn:
    """A person is sent to an authorization server. `browser` is the value of the cookie that one was given, if any."""

    uuid: str
    connection_id: int
    state: str
    sealed_context: str
    browser: str | None = None
    return_path: str | None = None


@dataclass(frozen=True)
class SealedGrant:
    """What an authorization server granted, sealed for its connection."""

    sealed_client: str
    sealed_tokens: str
    issuer: str | None
    scopes: list[str]
    expires_at: datetime | None


def connection_of(connection: Connection, tool_id: int, member_id: int | None = None) -> ToolConnection | None:
    """Read the connection of a tool, or of one member of a tool that each connects to."""
    return first(connection, ToolConnection, select(CONNECTION).where(_whose(tool_id, member_id)))


def ensure_connection(
    connection: Connection, tool_id: int, member_id: int | None, fields: Mapping[str, Any], now: datetime
) -> ToolConnection:
    """Read the connection, made with `fields` if there is none; one that is there has them written."""
    identity = {"uuid": new_id("conn"), "tool_id": tool_id, "member_id": member_id}
    row = ToolConnection.model_construct(**{**identity, **fields, "created_at": now, "updated_at": now})
    new = insert(connection, CONNECTION).values(row.model_dump(exclude={"id"})).on_conflict_do_nothing()
    created = first(connection, ToolConnection, new.returning(CONNECTION))
    if created is not None:
        _record(connection, "create", created, {})
        return created
    changes = update(CONNECTION).where(_whose(tool_id, member_id)).values({**fields, "updated_at": now})
    return exactly_one(connection, ToolConnection, changes.returning(CONNECTION))


def begin_sign_in(connection: Connection, sign_in: NewSignIn, now: datetime) -> None:
    """Remember a person who is sent to an authorization server; what is too old is forgotten."""
    connection.execute(delete(SIGN_IN).where(SIGN_IN.c.expires_at <= now))
    row = PendingSignIn.model_construct(
        uuid=sign_in.uuid,
        state_hash=digest(sign_in.state),
        connection_id=sign_in.connection_id,
        browser_hash=digest(sign_in.browser) if sign_in.browser else None,
        return_path=sign_in.return_path,
        sealed_context=sign_in.sealed_context,
        expires_at=now + SIGN_IN_LASTS,
        created_at=now,
    )
    connection.execute(SIGN_IN.insert().values(row.model_dump(exclude={"id"})))


def is_awaited(connection: Connection, state: str) -> bool:
    """Whether somebody was sent away with this state and did not come back yet."""
    return connection.execute(select(SIGN_IN.c.id).where(SIGN_IN.c.state_hash == digest(state))).first() is not None


def take_sign_in(connection: Connection, state: str, browser: str | None, now: datetime) -> PendingSignIn | None:
    """Take what was remembered under `state`: once, in time, and in the browser that began it if one did."""
    own = or_(SIGN_IN.c.browser_hash.is_(None), SIGN_IN.c.browser_hash == digest(browser or ""))
    taken = delete(SIGN_IN).where(SIGN_IN.c.state_hash == digest(state), SIGN_IN.c.expires_at > now, own)
    return first(connection, PendingSignIn, taken.returning(SIGN_IN))


def connection_by_id(connection: Connection, connection_id: int) -> ToolConnection | None:
    """Read a connection; `None` when it was deleted meanwhile."""
    return first(connection, ToolConnection, select(CONNECTION).where(CONNECTION.c.id == connection_id))


def save_grant(connection: Connection, uuid: str, grant: SealedGrant, now: datetime) -> ToolConnection | None:
    """Write what was granted to somebody who signed in; `None` when the connection was deleted meanwhile.

    It is sealed for the row with this `uuid`: SQLite gives the number of a deleted row to the next one.
    """
    values = {
        **_granted(grant, now),
        "state": CONNECTED,
        "wanted_scopes": [],
        "connected_at": now,
        "refreshed_at": None,
    }
    granted = _update(connection, CONNECTION.c.uuid == uuid, values)
    if granted is not None:
        _record(connection, "sign_in", granted, {"scopes": [None, grant.scopes], "issuer": [None, grant.issuer]})
    return granted


def mark_used(connection: Connection, connection_id: int, now: datetime) -> None:
    """Note that a run uses the connection."""
    connection.execute(update(CONNECTION).where(CONNECTION.c.id == connection_id).values(used_at=now))


def due_refreshes(connection: Connection, now: datetime, limit: int) -> list[ToolConnection]:
    """List the connections that are due for new tokens, but those that nobody used for long; longest due first."""
    is_used = or_(CONNECTION.c.used_at > now - UNUSED_AFTER, CONNECTION.c.connected_at > now - UNUSED_AFTER)
    due = select(CONNECTION).where(CONNECTION.c.state == CONNECTED, CONNECTION.c.refresh_at <= now, is_used, _free(now))
    return many(connection, ToolConnection, due.order_by(CONNECTION.c.refresh_at, CONNECTION.c.id).limit(limit))


def claim_refresh(connection: Connection, connection_id: int, holder: str, now: datetime) -> ToolConnection | None:
    """Become the one that refreshes this connection, and read it; `None` while somebody else is."""
    which = (CONNECTION.c.id == connection_id) & (CONNECTION.c.state == CONNECTED) & _free(now)
    return _update(connection, which, {"refresh_holder": holder, "refresh_lease_until": now + LEASE})


def leave_refresh(
    connection: Connection, row: ToolConnection, holder: str, code: str | None, refresh_at: datetime | None
) -> ToolConnection | None:
    """Let others refresh a connection that is as it was, at `refresh_at`; `code` says why there are no new tokens."""
    which = (CONNECTION.c.id == row.id) & (CONNECTION.c.refresh_holder == holder)
    return _update(connection, which, {"last_error": code, "refresh_at": refresh_at, **_NO_LEASE})


def save_refreshed(
    connection: Connection, row: ToolConnection, grant: SealedGrant, now: datetime
) -> ToolConnection | None:
    """Write what was granted in place of the tokens of `row`; `None` if it has others by now, or is gone.

    Not only for who holds the lease: what was granted in a request that took too long is all that there is.
    """
    values = {**_granted(grant, now), "state": CONNECTED, "refreshed_at": now}
    return _update(connection, _unmoved(row), values)


def refuse(connection: Connection, row: ToolConnection, code: str, now: datetime) -> ToolConnection | None:
    """Write that a person has to sign in anew; `None` if that was known, or `row` has other tokens by now."""
    values = {"state": NEEDS_RECONNECT, "last_error": code, "refresh_at": None, "updated_at": now} | _NO_LEASE
    return _update(connection, _unmoved(row) & (CONNECTION.c.state == CONNECTED), values)


def want_scopes(connection: Connection, row: ToolConnection, scopes: Sequence[str], now: datetime) -> bool:
    """Have the next sign-in ask for these scopes as well; false if that was known, or is more than anybody reads.

    Locks the row: of calls that are refused side by side one tells it.
    """
    by_id = select(CONNECTION).where(CONNECTION.c.id == row.id)
    known = first(connection, ToolConnection, by_id.with_for_update())
    if known is None:
        return False
    wanted = list(dict.fromkeys([*known.scopes, *known.wanted_scopes, *scopes]))
    if set(scopes) <= {*known.scopes, *known.wanted_scopes} or len(wanted) > len(known.scopes) + MAX_WANTED:
        return False
    connection.execute(update(CONNECTION).where(CONNECTION.c.id == row.id).values(wanted_scopes=wanted, updated_at=now))
    return True


def expect_another_client(connection: Connection, row: ToolConnection, sealed_client: str, now: datetime) -> None:
    """Write another client; what was granted to the one before is forgotten, for this one cannot refresh it."""
    values = {"sealed_client": sealed_client, "updated_at": now}
    _record(connection, "update", row, {"client": CHANGED})
    if row.state == CONNECTED:
        values |= {"state": NEEDS_RECONNECT, "sealed_tokens": None, "expires_at": None, "refresh_at": None} | _NO_LEASE
    connection.execute(update(CONNECTION).where(CONNECTION.c.id == row.id).values(values))


def forget_grants(connection: Connection, tool_id: int) -> None:
    """Forget everything that was granted for a tool, and who is on the way: its server is another one now."""
    gone = delete(CONNECTION).where(CONNECTION.c.tool_id == tool_id).returning(CONNECTION)
    for row in many(connection, ToolConnection, gone):
        _record(connection, "forget", row, {})


def forget_grants_of_member(connection: Connection, member_id: int) -> None:
    """Forget everything that was granted to a subscriber."""
    gone = delete(CONNECTION).where(CONNECTION.c.member_id == member_id).returning(CONNECTION)
    for row in many(connection, ToolConnection, gone):
        _record(connection, "forget", row, {})


def note(connection: Connection, connection_id: int, fields: Mapping[str, Any], now: datetime) -> ToolConnection | None:
    """Write columns of a connection that no token depends on; `None` when it was deleted meanwhile."""
    return _update(connection, CONNECTION.c.id == connection_id, {**fields, "updated_at": now})


def own_connections(connection: Connection, tool_ids: Sequence[int]) -> dict[int, ToolConnection]:
    """Read the connections of bots themselves, by the tool's number."""
    which = CONNECTION.c.tool_id.in_(tool_ids) & CONNECTION.c.member_id.is_(None)
    return {row.tool_id: row for row in many(connection, ToolConnection, select(CONNECTION).where(which))}


def member_connections(connection: Connection, tool_id: int) -> list[tuple[ToolConnection, Subscriber]]:
    """Read the connections of subscribers, and whose they are."""
    of_members = select(CONNECTION, SUBSCRIBER).join(SUBSCRIBER, SUBSCRIBER.c.id == CONNECTION.c.member_id)
    of_tool = of_members.where(CONNECTION.c.tool_id == tool_id).order_by(CONNECTION.c.id)
    return [(row[0], row[1]) for row in all_joined(connection, (ToolConnection, Subscriber), of_tool, {})]


def invited(
    connection: Connection, tool_uuid: str, member_id: int | None
) -> tuple[Tool, Bot, ToolConnection | None] | None:
    """Read what a link to sign in is for; `None` when the tool, its bot or the member is gone."""
    of_tool = select(TOOL, BOT).join(BOT, BOT.c.id == TOOL.c.bot_id)
    member = exists().where(
        SUBSCRIBER.c.id == member_id, SUBSCRIBER.c.bot_id == BOT.c.id, SUBSCRIBER.c.deleted_at.is_(None)
    )
    whose = not_(TOOL.c.per_member) if member_id is None else and_(TOOL.c.per_member, member)
    which = of_tool.where(TOOL.c.uuid == tool_uuid, BOT.c.deleted_at.is_(None), whose)
    row = joined(connection, (Tool, Bot), which, {})
    return None if row is None else (row[0], row[1], connection_of(connection, row[0].id, member_id))


def listing_connection(connection: Connection, tool: Tool) -> ToolConnection | None:
    """Read the connection with which a server is asked what it offers: of a subscriber, if each has one."""
    if not tool.per_member:
        return connection_of(connection, tool.id)
    latest = select(CONNECTION).where(CONNECTION.c.tool_id == tool.id, CONNECTION.c.state == CONNECTED)
    return first(connection, ToolConnection, latest.order_by(CONNECTION.c.connected_at.desc()).limit(1))


def _record(connection: Connection, verb: str, row: ToolConnection, changes: Changes) -> None:
    of_tool = select(BOT.c.project_id, TOOL.c.server_label).join(BOT, BOT.c.id == TOOL.c.bot_id)
    project_id, label = connection.execute(of_tool.where(TOOL.c.id == row.tool_id)).one()
    record(connection, project_id, f"connection.{verb}", row.uuid, label, changes)


def _free(now: datetime) -> ColumnElement[bool]:
    until = CONNECTION.c.refresh_lease_until
    # One that ends later was taken by a clock that was wrong, and would last until that time.
    return or_(until.is_(None), until <= now, until > now + 2 * LEASE)


def _unmoved(row: ToolConnection) -> ColumnElement[bool]:
    return (CONNECTION.c.id == row.id) & (CONNECTION.c.sealed_tokens == row.sealed_tokens)


_NO_LEASE: dict[str, Any] = {"refresh_holder": None, "refresh_lease_until": None}


def _granted(grant: SealedGrant, now: datetime) -> dict[str, Any]:
    return {
        "sealed_client": grant.sealed_client,
        "sealed_tokens": grant.sealed_tokens,
        "issuer": grant.issuer,
        "scopes": grant.scopes,
        "expires_at": grant.expires_at,
        "refresh_at": refresh_time(grant.expires_at, now),
        "last_error": None,
        "updated_at": now,
        **_NO_LEASE,
    }


def _whose(tool_id: int, member_id: int | None) -> ColumnElement[bool]:
    own = CONNECTION.c.member_id.is_(None) if member_id is None else CONNECTION.c.member_id == member_id
    return (CONNECTION.c.tool_id == tool_id) & own


def _update(connection: Connection, which: ColumnElement[bool], values: Mapping[str, Any]) -> ToolConnection | None:
    return first(connection, ToolConnection, update(CONNECTION).where(which).values(values).returning(CONNECTION))
