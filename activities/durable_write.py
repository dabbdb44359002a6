"""Writes that outlast a store that is away."""

import asyncio
from typing import ParamSpec, TypeVar

from heartbeat.domain.errors import Unavailable
from heartbeat.store.database.database import Database
from heartbeat.store.database.sqlite_reader import Query

P = ParamSpec("P")
T = TypeVar("T")

RETRY_SECONDS = 1


async def write_durably(database: Database, change: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Write the outcome of what is paid for, called or sent already; a failed attempt would do it a second time."""
    while True:
        try:
            return await database.write(change, *args, **kwargs)
        except Unavailable:
            await asyncio.sleep(RETRY_SECONDS)
