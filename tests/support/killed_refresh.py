"""A process that refreshes a connection and is killed at a moment: before or after a transaction, by its function."""

import asyncio
import os
import signal
import sys
from datetime import datetime
from typing import ParamSpec, TypeVar

from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.database.sqlite_reader import Query
from heartbeat.store.tools.connections import connection_by_id
from heartbeat.tool_servers.refreshing import Refresher

P = ParamSpec("P")
T = TypeVar("T")


class Killed(Database):
    """`moment` is such as "before save_refreshed"; at any other it goes on."""

    moment = ""

    async def write(self, change: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._die(f"before {change.__name__}")
        result = await super().write(change, *args, **kwargs)
        self._die(f"after {change.__name__}")
        return result

    def _die(self, moment: str) -> None:
        if moment == self.moment:
            os.kill(os.getpid(), signal.SIGKILL)


async def refresh(connection_id: int, now: datetime, moment: str) -> None:
    settings = Settings()
    database = Killed(settings.store_url())
    database.moment = moment
    row = await database.read(connection_by_id, connection_id)
    assert row is not None
    await Refresher(database, settings, lambda: now).refresh(row)


def main() -> None:
    connection_id, now, moment = sys.argv[1:]
    asyncio.run(refresh(int(connection_id), datetime.fromisoformat(now), moment))
