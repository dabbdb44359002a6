"""Keeping tools signed in: new tokens before the old ones expire, asked for once, whoever needs them.

A row's lease makes one holder of everybody who wants to refresh a connection: worker, API, Upkeep. The authorization
server is asked between two transactions. It may have ended the old refresh token by then, so what it answers is written
whatever comes in between; a process that dies in that moment leaves the old token to the next one, which some servers
still take, and a person is told if this one does not.
"""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from heartbeat.domain.clock import Clock, utc_now
from heartbeat.domain.errors import Unavailable
from heartbeat.domain.ids import new_id
from heartbeat.domain.tool_connections import CONNECTED, OAuthClient, OAuthTokens
from heartbeat.secrets.connections import open_client, open_tokens
from heartbeat.secrets.keyring import CannotOpen, Keyring
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats.reconnects import lose
from heartbeat.store.tables.tool_connections import ToolConnection
from heartbeat.store.tools.connections import (
    SealedGrant,
    claim_refresh,
    connection_by_id,
    leave_refresh,
    save_refreshed,
)
from heartbeat.tool_servers.grants import load, sealed_grant

if TYPE_CHECKING:
    from heartbeat.agents.tools.mcp.authorization.problems import AuthorizationProblem
    from heartbeat.agents.tools.mcp.authorization.sign_in import Grant

# How long somebody waits who needs a token that another one is asking for.
PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.2
RETRY_SECONDS = 1.0
AGAIN = timedelta(minutes=2)
# Of the refresh token itself; the last ones are GitHub's and Slack's.
REFUSED_TOKEN = ("invalid_grant", "bad_refresh_token", "invalid_refresh_token")
NO_REFRESH_TOKEN, UNREADABLE = "no_refresh_token", "secret_unreadable"

log = logging.getLogger(__name__)


class Refresher:
    """Refreshes connections, with the parts of a process that this needs."""

    def __init__(self, database: Database, settings: Settings, now: Clock = utc_now) -> None:
        self.database = database
        self.now = now
        self.keyring = Keyring.from_settings(settings)
        self._settings = settings
        self._under_way: set[asyncio.Task[ToolConnection | None]] = set()

    def tokens(self, row: ToolConnection) -> OAuthTokens:
        """Open the tokens of a connection, empty ones if it has none. Raises `CannotOpen`."""
        return open_tokens(self.keyring, row.uuid, row.sealed_tokens) or OAuthTokens(access_token="")

    async def refresh(self, row: ToolConnection, *, refused: bool = False) -> ToolConnection | None:
        """Have other tokens than those of `row`; returns the connection as it is then, `None` if it is gone.

        It has the same tokens still when the authorization server was away, or somebody else took too long. `refused`:
        its access token is not taken any more, however long it was to last.
        """
        holder, access_token = new_id("holder"), self.tokens(row).access_token
        latest = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            leased = await self.database.write(claim_refresh, row.id, holder, self.now())
            if leased is not None:
                return await self._to_its_end(self._refresh(leased, access_token, holder, refused))
            current = await self.database.read(connection_by_id, row.id)
            if current is None or current.state != CONNECTED or self.tokens(current).access_token != access_token:
                return current
            if asyncio.get_running_loop().time() > latest:
                return current
            await asyncio.sleep(POLL_SECONDS)

    async def _to_its_end(self, work: Coroutine[Any, Any, ToolConnection | None]) -> ToolConnection | None:
        """Whoever asked may be cancelled; what the authorization server answers must be written all the same."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _refresh(
        self, leased: ToolConnection, access_token: str, holder: str, refused: bool
    ) -> ToolConnection | None:
        await load()
        from heartbeat.agents.tools.mcp.authorization.problems import AuthorizationProblem

        try:
            tokens = self.tokens(leased)
            if tokens.access_token != access_token:
                # Somebody else was faster.
                return await self._leave(leased, holder, leased.last_error, leased.refresh_at)
            began = self.now()
            grant = await self._ask(leased, tokens)
        except CannotOpen as problem:
            log.error("%s", problem)
            return await self._leave(leased, holder, UNREADABLE, self.now() + AGAIN)
        except AuthorizationProblem as problem:
            return await self._not_granted(leased, holder, problem, refused)
        client = open_client(self.keyring, leased.uuid, leased.sealed_client)
        assert client is not None, "it was asked for the tokens"
        return await self._save(leased, sealed_grant(self.keyring, leased.uuid, client, grant, began), tokens)

    async def _ask(self, row: ToolConnection, tokens: OAuthTokens) -> "Grant":
        """Ask for new tokens, with the refresh token of before if the latest is refused: it may never have counted."""
        from heartbeat.agents.tools.mcp.authorization.problems import AuthorizationProblem
        from heartbeat.agents.tools.mcp.authorization.sign_in import refresh_grant

        client = open_client(self.keyring, row.uuid, row.sealed_client)
        if client is None or not client.metadata:
            raise AuthorizationProblem(NO_REFRESH_TOKEN, "It has no client.")
        if row.grant_type == "client_credentials":
            return await self._ask_as_machine(client, row)
        if tokens.refresh_token is None:
            raise AuthorizationProblem(NO_REFRESH_TOKEN, "It has no refresh token.")
        try:
            grant = await refresh_grant(client, tokens, self._settings)
        except AuthorizationProblem as problem:
            if problem.code not in REFUSED_TOKEN or tokens.previous_refresh_token is None:
                raise
            tokens = tokens.model_copy(update={"refresh_token": tokens.previous_refresh_token})
            grant = await refresh_grant(client, tokens, self._settings)
        return replace(grant, tokens=_with_previous(grant.tokens, tokens), scopes=grant.scopes or tuple(row.scopes))

    async def _ask_as_machine(self, client: OAuthClient, row: ToolConnection) -> "Grant":
        """Ask for all that a call has wanted; if that is more than the client may have, for what it had."""
        from heartbeat.agents.tools.mcp.authorization.problems import AuthorizationProblem
        from heartbeat.agents.tools.mcp.authorization.sign_in import grant_to_machine

        scopes = " ".join(row.scopes) or None
        if not row.wanted_scopes:
            return await grant_to_machine(client, scopes, self._settings)
        try:
            return await grant_to_machine(client, " ".join(row.wanted_scopes), self._settings)
        except AuthorizationProblem as problem:
            if problem.code != "invalid_scope":
                raise
            return await grant_to_machine(client, scopes, self._settings)

    async def _not_granted(
        self, row: ToolConnection, holder: str, problem: "AuthorizationProblem", refused: bool
    ) -> ToolConnection | None:
        now = self.now()
        is_good = row.expires_at is not None and row.expires_at > now and not refused
        if problem.code == NO_REFRESH_TOKEN and is_good:
            return await self._leave(row, holder, None, row.expires_at)
        if not problem.is_final:
            return await self._leave(row, holder, problem.code, now + AGAIN)
        log.warning("the sign-in %s is over, and a person has to sign in again: %s", row.uuid, problem.code)
        lost = await self.database.write(lose, row, problem.code, now)
        return lost or await self.database.read(connection_by_id, row.id)

    async def _leave(
        self, row: ToolConnection, holder: str, code: str | None, at: datetime | None
    ) -> ToolConnection | None:
        left = await self.database.write(leave_refresh, row, holder, code, at)
        return left or await self.database.read(connection_by_id, row.id)

    async def _save(self, row: ToolConnection, grant: SealedGrant, tokens: OAuthTokens) -> ToolConnection | None:
        """Write what was granted, however long the store is away: it may be all that is taken by now."""
        current: ToolConnection | None = row
        while current is not None and self.tokens(current).access_token == tokens.access_token:
            with suppress(Unavailable):
                saved = await self.database.write(save_refreshed, current, grant, self.now())
                if saved is not None:
                    return saved
                # The installation's key was changed meanwhile, or somebody signed in.
                current = await self.database.read(connection_by_id, row.id)
                continue
            await asyncio.sleep(RETRY_SECONDS)
        return current


def _with_previous(tokens: OAuthTokens, used: OAuthTokens) -> OAuthTokens:
    is_new = tokens.refresh_token != used.refresh_token
    return tokens.model_copy(update={"previous_refresh_token": used.refresh_token if is_new else None})


async def refresh_all(refresher: Refresher, rows: Sequence[ToolConnection]) -> int:
    """Refresh these side by side; returns how many have other tokens now."""
    results = await asyncio.gather(*(refresher.refresh(row) for row in rows), return_exceptions=True)
    for problem in results:
        if isinstance(problem, BaseException):
            log.error("a connection cannot be refreshed: %s", type(problem).__name__)
    pairs = zip(rows, results, strict=True)
    return sum(isinstance(after, ToolConnection) and after.sealed_tokens != row.sealed_tokens for row, after in pairs)
