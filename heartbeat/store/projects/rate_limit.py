"""Requests a minute, for the plans and keys that limit them.

Own code: counted in the store, a limit holds over all API processes and needs no further server.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete

from heartbeat.domain.errors import RateLimited
from heartbeat.domain.quotas import COSTLY, KEY, PROJECT, WINDOW_SECONDS, Quota, QuotaUse
from heartbeat.store.database.rows import columns, insert
from heartbeat.store.tables.projects import KeyWindow, RequestWindow

WINDOW, KEY_WINDOW = columns(RequestWindow), columns(KeyWindow)


@dataclass(frozen=True)
class CountedRequest:
    """Whose request it is, and what it is counted for: `key_id` may be missing where no quota is the key's."""

    quotas: Sequence[Quota]
    project_id: int
    key_id: int | None = None


def count_request(connection: Connection, request: CountedRequest, now: datetime) -> list[QuotaUse]:
    """Count a request into the minute of `now`; raises `RateLimited` beyond a quota, and then it counts for none."""
    names = {quota.name for quota in request.quotas}
    counts: dict[str, int] = {}
    if names & {PROJECT, COSTLY}:
        counts |= _count_of_project(connection, request.project_id, PROJECT in names, COSTLY in names, now)
    if KEY in names and request.key_id is not None:
        counts[KEY] = _count_of_key(connection, request.key_id, now)
    resets_in = WINDOW_SECONDS - now.second
    over = next((quota for quota in request.quotas if counts[quota.name] > quota.limit), None)
    # What is refused counts for nothing.
    uses = [QuotaUse(one, max(0, one.limit - counts[one.name] + bool(over)), resets_in) for one in request.quotas]
    if over:
        raise RateLimited(next(use for use in uses if use.quota is over), uses)
    return uses


def _count_of_project(
    connection: Connection, project_id: int, counts: bool, costly: bool, now: datetime
) -> dict[str, int]:
    minute = int(now.timestamp()) // WINDOW_SECONDS
    row = {"project_id": project_id, "minute": minute, "requests": int(counts), "costly": int(costly)}
    more = {name: WINDOW.c[name] + row[name] for name in ("requests", "costly")}
    statement = insert(connection, WINDOW).values(row)
    requests, costly_reads = connection.execute(
        statement.on_conflict_do_update(index_elements=["project_id", "minute"], set_=more).returning(
            WINDOW.c.requests, WINDOW.c.costly
        )
    ).one()
    if requests <= 1 and costly_reads <= 1:
        # The minute before stays: a process whose clock is behind still counts in it.
        over = WINDOW.c.minute < minute - 1
        connection.execute(delete(WINDOW).where(WINDOW.c.project_id == project_id, over))
    return {PROJECT: requests, COSTLY: costly_reads}


def _count_of_key(connection: Connection, key_id: int, now: datetime) -> int:
    began_at = now.replace(second=0, microsecond=0)
    statement = insert(connection, KEY_WINDOW).values(key_id=key_id, began_at=began_at, requests=1)
    requests: int = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["key_id", "began_at"], set_={"requests": KEY_WINDOW.c.requests + 1}
        ).returning(KEY_WINDOW.c.requests)
    ).scalar_one()
    if requests == 1:
        over = KEY_WINDOW.c.began_at < began_at - timedelta(seconds=WINDOW_SECONDS)
        connection.execute(delete(KEY_WINDOW).where(KEY_WINDOW.c.key_id == key_id, over))
    return requests
