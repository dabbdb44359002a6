"""A worker process that stands still right after a transaction that left something to tell, before anybody is told.

It does so once for each file that `HALT_ONCE` names, which it takes away; whoever made the file kills it or lets it go
on. Everything else is the product's own worker.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

import worker
from heartbeat.domain.contracts import CloseRunResult, ThinkResult
from heartbeat.store.database.database import Database
from heartbeat.store.database.sqlite_reader import Query

P = ParamSpec("P")
T = TypeVar("T")


class Halting(Database):
    async def write(self, change: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        result = await super().write(change, *args, **kwargs)
        verdict = result.close_result if isinstance(result, ThinkResult) else result
        if isinstance(verdict, CloseRunResult) and verdict.notification_uuids:
            _stand_still_once()
        return result


def _stand_still_once() -> None:
    with suppress(FileNotFoundError):
        Path(os.environ["HALT_ONCE"]).unlink()
        os.kill(os.getpid(), signal.SIGSTOP)


def main() -> None:
    worker.Database = Halting  # type: ignore[attr-defined]
    worker.main()
