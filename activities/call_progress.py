"""How far a tool call has come, written where its run is shown while it goes on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from heartbeat.domain.errors import Unavailable
from heartbeat.store.database.database import Database
from heartbeat.store.runs.tool_calls import CallReceipt, note_progress

WRITE_EVERY_SECONDS = 1.0


class _Latest:
    """What was heard last."""

    def __init__(self) -> None:
        self.words = ""
        self.heard = asyncio.Event()

    def hear(self, words: str) -> None:
        self.words = words
        self.heard.set()


@asynccontextmanager
async def showing_progress(database: Database, receipt: CallReceipt) -> AsyncIterator[Callable[[str], None]]:
    """Take words about a call while the body runs, and write the latest of them once a second at most."""
    latest = _Latest()
    writing = asyncio.create_task(_write(database, receipt, latest))
    try:
        yield latest.hear
    finally:
        writing.cancel()


async def _write(database: Database, receipt: CallReceipt, latest: _Latest) -> None:
    while True:
        await latest.heard.wait()
        # Before it is written: what is heard meanwhile is written next.
        latest.heard.clear()
        # It is for whoever watches: a database that is away keeps no call from going on.
        with suppress(Unavailable):
            await database.write(note_progress, receipt.call, latest.words)
        await asyncio.sleep(WRITE_EVERY_SECONDS)
