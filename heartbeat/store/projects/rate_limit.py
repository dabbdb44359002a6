"""Requests a minute, for the plans that limit them.

Own code: counted in the store, the limit holds over all API processes and needs no further server.
"""

from datetime import datetime

from sqlalchemy import Connection, delete

from heartbeat.domain.errors import RateLimited
from heartbeat.domain.quotas import WINDOW_SECONDS, Quota, QuotaUse
from heartbeat.store.database.rows import columns, insert
from heartbeat.store.tables.projects import RequestWindow

WINDOW = columns(RequestWindow)


def count_request(connection: Connection, project_id: int, quota: Quota, now: datetime) -> list[QuotaUse]:
    """Count one request into the minute of `now`; raises `RateLimited` beyond the quota, and then counts nothing."""
    minute = int(now.timestamp()) // WINDOW_SECONDS
    statement = insert(connection, WINDOW).values(project_id=project_id, minute=minute, requests=1)
    requests = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["project_id", "minute"], set_={"requests": WINDOW.c.requests + 1}
        ).returning(WINDOW.c.requests)
    ).scalar_one()
    if requests == 1:
        connection.execute(delete(WINDOW).where(WINDOW.c.project_id == project_id, WINDOW.c.minute < minute))
    uses = [QuotaUse(quota, max(0, quota.limit - requests), WINDOW_SECONDS - now.second)]
    if requests > quota.limit:
        raise RateLimited(uses[0], uses)
    return uses
