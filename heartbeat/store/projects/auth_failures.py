"""Failures to get in, counted in the store, so that who is slowed by one API process is slowed by all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, select, update

from heartbeat.domain.failure_sources import longest_wait
from heartbeat.domain.slowdown import Slowdown, after_failure
from heartbeat.store.database.rows import columns, insert, many
from heartbeat.store.projects.projects import KEY, WORKS
from heartbeat.store.tables.projects import AuthFailure

FAILURE = columns(AuthFailure)
WRITE = (
    update(FAILURE)
    .where(FAILURE.c.source == bindparam("of"))
    .values(clears_at=bindparam("clears"), until=bindparam("ends"))
)


@dataclass(frozen=True)
class CountedFailure:
    """What became of a source: it `waited` before, as another process knew, or now `begins` to wait."""

    slowdown: Slowdown
    waited: bool
    begins: bool


def recent_failures(connection: Connection, sources: Sequence[str], now: datetime) -> int:
    """Count the failures of a source that are not forgiven yet; of several, that with the most counts."""
    rows = many(connection, AuthFailure, select(FAILURE).where(FAILURE.c.source.in_(sources)))
    return max((Slowdown(row.clears_at, row.until).failures(now) for row in rows), default=0)


def count_failures(
    connection: Connection, failures: Mapping[str, int], now: datetime, free: int
) -> dict[str, CountedFailure]:
    """Count so many failures of each source; those of one that waits are not looked at, and so do not count."""
    # Always in the same order, so that no two processes wait for each other.
    sources = sorted(failures)
    new = [{"source": source, "clears_at": now, "until": now} for source in sources]
    connection.execute(insert(connection, FAILURE).on_conflict_do_nothing(), new)
    chosen = select(FAILURE).where(FAILURE.c.source.in_(sources)).order_by(FAILURE.c.source).with_for_update()
    counted = {
        source: _counted(Slowdown(clears_at, until), failures[source], now, free, longest_wait(source))
        for source, clears_at, until in connection.execute(chosen).all()
    }
    changes = [
        {"of": source, "clears": one.slowdown.clears_at, "ends": one.slowdown.until}
        for source, one in counted.items()
        if not one.waited
    ]
    if changes:
        connection.execute(WRITE, changes)
    return counted


def _counted(last: Slowdown, failures: int, now: datetime, free: int, longest: timedelta) -> CountedFailure:
    slowdown = last
    for _ in range(failures):
        if slowdown.wait(now):
            break
        slowdown = after_failure(slowdown, now, free, longest)
    begins = last.failures(now) <= free < slowdown.failures(now)
    return CountedFailure(slowdown, bool(last.wait(now)), begins)


def drop_failures(connection: Connection, now: datetime, most: int) -> None:
    """Remove what is forgiven, and beyond `most` rows those that are forgiven first."""
    connection.execute(delete(FAILURE).where(FAILURE.c.clears_at <= now))
    too_many = connection.execute(select(func.count()).select_from(FAILURE)).scalar_one() - most
    if too_many > 0:
        first = select(FAILURE.c.source).order_by(FAILURE.c.clears_at, FAILURE.c.source).limit(too_many)
        connection.execute(delete(FAILURE).where(FAILURE.c.source.in_(first)))


def works_from(connection: Connection, hashes: Sequence[str], address: str | None, now: datetime) -> bool:
    """Tell whether the key works that is kept by one of these hashes, last used from `address` if that is given."""
    which = KEY.c.hash.in_(hashes) & WORKS
    if address is not None:
        which &= KEY.c.last_used_from == address
    return connection.execute(select(KEY.c.id).where(which), {"now": now}).first() is not None
