"""The token of a connection as a session with its server uses it: always a good one, or a reason why there is none."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from heartbeat.agents.tools.mcp.authorization.problems import AuthorizationDown, NotSignedIn
from heartbeat.domain.errors import Unavailable
from heartbeat.domain.tool_connections import CONNECTED
from heartbeat.secrets.keyring import CannotOpen
from heartbeat.store.heartbeats.reconnects import lose, miss_scopes
from heartbeat.store.tables.tool_connections import ToolConnection
from heartbeat.store.tools.connections import mark_used, want_scopes
from heartbeat.tool_servers.refreshing import Refresher

log = logging.getLogger(__name__)

# A request that is sent now arrives before its token is over.
SOON = timedelta(minutes=1)
MARK_EVERY = timedelta(hours=1)
MAX_SCOPE_LENGTH = 200
REFUSED_ANEW = "refused_anew"
SIGN_IN_AGAIN = "does not take our sign-in any more; a person has to sign in to it again."
DOWN = "cannot be used now: it needs a new token, and its authorization server does not answer."
STORE_AWAY = "cannot be used now: our own store is away."
UNREADABLE = "cannot be used: its secrets cannot be opened here, and the operator's log says why."
MORE_SCOPES = "wants more than was granted{}; a person has to sign in to it again and allow that."


@contextmanager
def _in_words() -> Iterator[None]:
    """Have what is wrong on our side said like what is wrong on the other: the SDK is in between."""
    try:
        yield
    except Unavailable:
        raise AuthorizationDown(STORE_AWAY) from None
    except CannotOpen as problem:
        log.error("%s", problem)
        raise NotSignedIn(UNREADABLE) from None


class ConnectionAccess:
    """`AccessToken` of a connection: `value` is what its row has, and what a refresh puts there."""

    def __init__(self, refresher: Refresher, row: ToolConnection) -> None:
        self.value = refresher.tokens(row).access_token
        self._refresher = refresher
        self._row = row
        self._used_at = row.used_at

    async def freshen(self) -> None:
        now, expires_at = self._refresher.now(), self._row.expires_at
        with _in_words():
            await self._mark_used()
            if expires_at is None or now < self._due(expires_at):
                return
            if not await self._renew(refused=False) and expires_at <= now:
                raise AuthorizationDown(DOWN)

    async def replace(self, refused: str, wanted_scope: str | None) -> bool:
        with _in_words():
            if wanted_scope is not None:
                return await self._widen(wanted_scope.split())
            # Another request of the session may have been refused first.
            if self.value == refused and not await self._renew(refused=True):
                raise AuthorizationDown(DOWN)
            return True

    def _due(self, expires_at: datetime) -> datetime:
        """From when on a request asks for a new token first: for one that lives a minute, not in all its life."""
        refresh_at = self._row.refresh_at or expires_at - SOON
        return min(expires_at, max(refresh_at, expires_at - SOON))

    async def give_up(self) -> None:
        with _in_words():
            await self._refresher.database.write(lose, self._row, REFUSED_ANEW, self._refresher.now())

    async def _renew(self, *, refused: bool) -> bool:
        """Returns whether there is another token now. Raises `NotSignedIn`."""
        row, value = await self._refresher.refresh(self._row, refused=refused), self.value
        if row is None or row.state != CONNECTED:
            raise NotSignedIn(SIGN_IN_AGAIN)
        self._row, self.value = row, self._refresher.tokens(row).access_token
        return self.value != value

    async def _widen(self, scopes: list[str]) -> bool:
        """A client of its own asks for more by itself; for a person's, a person has to be asked."""
        refresher, row = self._refresher, self._row
        missing = [scope for scope in scopes if scope not in row.scopes and len(scope) <= MAX_SCOPE_LENGTH]
        if row.grant_type == "client_credentials":
            if await refresher.database.write(want_scopes, row, missing, refresher.now()):
                return await self._renew(refused=False)
        else:
            await refresher.database.write(miss_scopes, row, missing, refresher.now())
        raise NotSignedIn(MORE_SCOPES.format(f" ({' '.join(missing)})" if missing else ""))

    async def _mark_used(self) -> None:
        now = self._refresher.now()
        if self._used_at is None or now - self._used_at > MARK_EVERY:
            self._used_at = now
            await self._refresher.database.write(mark_used, self._row.id, now)
