"""Slows those who fail to get in, by address and by name; what works costs nothing here, and never waits for others.

Each process knows whom it has seen fail; the store counts the failures of all processes together.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from time import monotonic
from typing import NoReturn

from prometheus_client import Counter

from heartbeat.domain.errors import TooManyFailures, Unavailable
from heartbeat.domain.failure_sources import longest_wait, of_address
from heartbeat.domain.key_secrets import MIN_LENGTH_SHOWN
from heartbeat.domain.slowdown import Slowdown, after_failure
from heartbeat.store.database.database import Database
from heartbeat.store.projects.auth_failures import CountedFailure, count_failures, drop_failures, works_from

log = logging.getLogger(__name__)

# The kinds of failures.
WITH_KEY, AT_SIGN_IN, WITH_LINK = "key", "sign_in", "link"
# Failures are written together, so many times a second at most; those who failed wait for it.
PAUSE_SECONDS = 0.05
# What a process remembers: of others who failed, and of keys that worked, each with its address.
MAX_SOURCES, MAX_WORKED = 10_000, 2_000
# Of those who wait, so many keys a second are looked up all the same.
LOOKS_A_SECOND = 50
# A flood from ever new addresses leaves so many rows, and those that each process writes until it looks again.
MAX_ROWS, DROP_EVERY = 10_000, 1_000


@dataclass
class _Batch:
    failures: dict[str, int] = field(default_factory=dict)
    done: asyncio.Future[dict[str, CountedFailure]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class AuthThrottle:
    """The failures that one process has seen, and those of all that it heard of when it wrote its own."""

    def __init__(self, database: Database, now: Callable[[], datetime], free: int, counter: Counter) -> None:
        """`free` failures of an address have no consequence; `counter` counts all, by `kind` and `outcome`."""
        self._database = database
        self._now = now
        self._free = free
        self._failed = counter
        self._sources: dict[str, Slowdown] = {}
        self._worked: dict[tuple[str, str], None] = {}
        self._batch: _Batch | None = None
        self._writing: asyncio.Task[None] | None = None
        self._looks = (0, 0)
        self._written, self._told_at = 0, 0.0
        self._untold: list[str] = []

    def note_worked(self, address: str, kept: str) -> None:
        """Note that a key, by its hash, has worked from an address."""
        pair = (address, kept)
        if pair not in self._worked:
            self._worked[pair] = None
            if len(self._worked) > MAX_WORKED:
                del self._worked[next(iter(self._worked))]

    def waits(self, address: str) -> bool:
        """Tell whether what comes from this address is not looked at for now."""
        return bool(self._sources) and self._wait(of_address(address)) > 0

    async def admit(self, kind: str, address: str, secret: str, hashes: Sequence[str]) -> None:
        """Raise `TooManyFailures` while the address waits, unless this key is known to be right there.

        One that nobody can guess is looked up even so, and one that was used there last.
        """
        wait = self._wait(of_address(address))
        if not wait or (address, hashes[0]) in self._worked:
            return
        where = None if len(secret) >= MIN_LENGTH_SHOWN else address
        if self._may_look() and await self._database.read_inline(works_from, hashes, where, self._now()):
            return
        self._refuse(kind, wait)

    def require_no_wait(self, kind: str, *sources: str) -> None:
        """Raise `TooManyFailures` while one of these waits."""
        if wait := self._wait(*sources):
            self._refuse(kind, wait)

    def _refuse(self, kind: str, wait: int) -> NoReturn:
        self._failed.labels(kind, "refused").inc()
        raise TooManyFailures(wait)

    async def count(self, kind: str, address: str) -> None:
        """Count a failure of this address; raises `TooManyFailures` if it has to wait already, here or elsewhere."""
        await self.count_for(kind, of_address(address))

    async def count_for(self, kind: str, *sources: str) -> None:
        """`count` for all of these."""
        self.require_no_wait(kind, *sources)
        self._failed.labels(kind, "failed").inc()
        # At once, so that of many at the same time no more are looked at than in turn.
        for source in sources:
            last, longest = self._sources.get(source), longest_wait(source)
            self._remember(source, after_failure(last, self._now(), self._free, longest))
        counted = await self._write(sources)
        if waited := [source for source in sources if source in counted and counted[source].waited]:
            self.require_no_wait(kind, *waited)

    def _wait(self, *sources: str) -> int:
        """Return for how many seconds these have to wait, if one has to."""
        known = (self._sources.get(source) for source in sources)
        return max((ceil(one.wait(self._now()).total_seconds()) for one in known if one), default=0)

    def _remember(self, source: str, slowdown: Slowdown) -> None:
        self._sources.pop(source, None)
        self._sources[source] = slowdown
        if len(self._sources) > MAX_SOURCES:
            self._sources.pop(next(iter(self._sources)))

    def _may_look(self) -> bool:
        second, looks = self._looks
        now = int(monotonic())
        self._looks = (now, looks + 1 if second == now else 1)
        return self._looks[1] <= LOOKS_A_SECOND

    async def _write(self, sources: Sequence[str]) -> dict[str, CountedFailure]:
        if self._batch is None or self._writing is None or self._writing.done():
            self._batch = _Batch()
            # Of no request: its time and its ids are not theirs who fail meanwhile.
            self._writing = asyncio.get_running_loop().create_task(self._write_all(), context=Context())
        batch = self._batch
        for source in sources:
            batch.failures[source] = batch.failures.get(source, 0) + 1
        return await asyncio.shield(batch.done)

    async def _write_all(self) -> None:
        while self._batch and self._batch.failures:
            batch, self._batch = self._batch, _Batch()
            counted = await self._counted(batch.failures)
            for source, one in counted.items():
                # Further failures may have come meanwhile.
                known = self._sources.get(source, one.slowdown)
                clears_at = max(known.clears_at, one.slowdown.clears_at)
                self._remember(source, Slowdown(clears_at, max(known.until, one.slowdown.until)))
            self._untold += [source for source, one in counted.items() if one.begins]
            batch.done.set_result(counted)
            if monotonic() - self._told_at >= 1:
                self._tell()
            await asyncio.sleep(PAUSE_SECONDS)
        self._batch = None
        self._tell()

    async def _counted(self, failures: dict[str, int]) -> dict[str, CountedFailure]:
        try:
            counted = await self._database.write(count_failures, failures, self._now(), self._free)
            self._written += len(failures)
            if self._written >= DROP_EVERY:
                self._written = 0
                await self._database.write(drop_failures, self._now(), MAX_ROWS)
        except Unavailable as problem:
            # Then this process counts alone.
            log.warning("failures to get in were not counted: %s", problem)
        except Exception:
            log.exception("failures to get in were not counted")
        else:
            return counted
        return {}

    def _tell(self) -> None:
        if self._untold:
            who = "is" if len(self._untold) == 1 else f"and {len(self._untold) - 1} more are"
            log.warning("too many failed to get in: %s %s slowed", self._untold[0], who)
            self._untold.clear()
            self._told_at = monotonic()
