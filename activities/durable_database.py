"""Reads and writes that outlast a store that is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from heartbeat.domain.errors import Unavailable
from heartbeat.store.database.database import Database
from heartbeat.store.database.sqlite_reader import Query

P = ParamSpec("P")
T = TypeVar("T")

RETRY_SECONDS = 1


async def write_durably(database: Database, change: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Write what an attempt must not end for: its outcome, which is paid for, called or sent already, or its beginning.

    A failed attempt would do it a second time, or count as one though it asked nobody. The activity's time bounds it.
    """
    return await _outlast(lambda: database.write(change, *args, **kwargs))


async def read_durably(database: Database, query: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Read what an attempt begins with, or what is told of its outcome."""
    return await _outlast(lambda: database.read_inline(query, *args, **kwargs))


async def _outlast(trial: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await trial()
        except Unavailable:
            await asyncio.sleep(RETRY_SECONDS)
