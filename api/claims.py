"""The claim to an Idempotency-Key while its answer is made: kept alive, and held against others at every change."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from heartbeat.domain.clock import Clock
from heartbeat.domain.errors import Unavailable
from heartbeat.store.database.database import Database
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.idempotency import LEASE, IdempotencyClaim, begin_change, renew

P = ParamSpec("P")
T = TypeVar("T")

Change = Callable[Concatenate[Connection, Access, P], T]
RENEW_SECONDS = LEASE.total_seconds() / 3


class HeldClaim:
    """A claim that this process holds.

    Once it has derived an id (`new_id`) the request may be carried out again: what it makes is known by that id.
    Without one its first change says in the same transaction that it was made, and then nobody makes it again.
    """

    def __init__(self, claim: IdempotencyClaim, database: Database, now: Clock) -> None:
        self.claim = claim
        self._database = database
        self._now = now
        self._is_repeatable = False
        # A change must not meet a claim that is being renewed.
        self.lock = asyncio.Lock()

    def new_id(self, prefix: str) -> str:
        """Derive the public id of what this request makes: the same in every attempt."""
        self._is_repeatable = True
        return self.claim.new_id(prefix)

    async def keep(self) -> None:
        """Renew the claim until it is lost."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            with suppress(Unavailable):
                async with self.lock:
                    renewed = await self._database.write(renew, self.claim, self._now())
                    if renewed is None:
                        return
                    self.claim = renewed

    def guarded(self, change: Change[P, T]) -> Change[P, T]:
        """Have `change` raise `Conflict` when another attempt has taken the claim over."""
        if self._is_repeatable:
            return change

        def of_claim(connection: Connection, access: Access, /, *args: P.args, **kwargs: P.kwargs) -> T:
            begin_change(connection, self.claim)
            return change(connection, access, *args, **kwargs)

        return of_claim
