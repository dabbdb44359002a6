"""Everybody's reads on SQLite, those that come together in one transaction: in one thread, or on the loop itself.

A thread a read costs more than the read: the loop and the reader take the interpreter's lock from each other at
every call into SQLite. Measured on 2 cores with 16 callers and three small selects a read: 1,600 reads a second
through a pool of four threads, 3,400 through one thread. A read of one row by its key costs a tenth of a
millisecond, and more than that again to hand it to the thread and back: authenticated reads a second, 1,900 through
the thread, 2,850 on the loop.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine

P = ParamSpec("P")
T = TypeVar("T")
Query = Callable[Concatenate[Connection, P], T]
Job = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], asyncio.Future[Any]]
Gathering = dict[asyncio.AbstractEventLoop, list[Job]]
Result = tuple[asyncio.Future[Any], Any, Exception | None]


class SqliteReader:
    """Runs functions of a connection in the order they come. None of them may write."""

    def __init__(self, engine: Engine) -> None:
        self._thread_connection, self._inline_connection = _KeptConnection(engine), _KeptConnection(engine)
        self._gathering: Gathering = {}
        self._gathering_inline: Gathering = {}
        self._batches: SimpleQueue[list[Job] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="store-reader", daemon=True)
        self._thread.start()

    async def read(self, query: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the query returns or raises. It sees every transaction that was committed before this call."""
        return await self._gather(self._gathering, self._send, query, args, kwargs)

    async def read_inline(self, query: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` on the loop itself, which stands still meanwhile: for a few rows that are found by their keys."""
        return await self._gather(self._gathering_inline, self._run_inline, query, args, kwargs)

    def _gather(
        self,
        gathering: Gathering,
        send: Callable[[asyncio.AbstractEventLoop], None],
        query: Callable[..., T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> asyncio.Future[T]:
        if not self._thread.is_alive():
            raise RuntimeError("the store is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        batch = gathering.setdefault(loop, [])
        if not batch:
            # Whatever else this turn of the loop asks for goes along.
            loop.call_soon(send, loop)
        batch.append((query, args, kwargs, future))
        return future

    def close(self) -> None:
        """Finish what was sent, end the thread and give the connections back."""
        self._batches.put(None)
        self._thread.join()
        self._thread_connection.close()
        self._inline_connection.close()

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        self._batches.put(self._gathering.pop(loop))

    def _run_inline(self, loop: asyncio.AbstractEventLoop) -> None:
        _settle(self._inline_connection.run(self._gathering_inline.pop(loop)))

    def _work(self) -> None:
        while (batch := self._batches.get()) is not None:
            results = self._thread_connection.run(batch)
            # A loop that was closed meanwhile has nobody left who waits.
            with suppress(RuntimeError):
                batch[0][-1].get_loop().call_soon_threadsafe(_settle, results)


class _KeptConnection:
    """A connection of its own, kept: to take one from a pool and give it back costs half as much as such a read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        # Two loops may read at once.
        self._lock = threading.Lock()

    def run(self, batch: list[Job]) -> list[Result]:
        """Each job of a batch, all of them on the same state of the database."""
        with self._lock:
            return self._run(batch)

    def _run(self, batch: list[Job]) -> list[Result]:
        try:
            connection = self._connected()
            driver: Any = connection.connection.dbapi_connection
            driver.execute("BEGIN")
            try:
                return [_result(connection, job) for job in batch]
            finally:
                driver.rollback()
        except Exception as problem:
            self.close()
            return [(job[-1], None, problem) for job in batch]

    def _connected(self) -> Connection:
        if self._connection is None:
            # The transactions are begun and ended here, so the library need not look after them.
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self._connection

    def close(self) -> None:
        """Give the connection back; the next batch opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _result(connection: Connection, job: Job) -> Result:
    query, args, kwargs, future = job
    try:
        return future, query(connection, *args, **kwargs), None
    except Exception as problem:
        return future, None, problem


def _settle(results: list[Result]) -> None:
    for future, result, problem in results:
        if future.done():
            continue
        if problem is not None:
            future.set_exception(problem)
        else:
            future.set_result(result)
