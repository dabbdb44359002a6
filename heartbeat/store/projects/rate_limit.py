"""Requests a minute, for the plans that limit them.

Own code: counted in the store, the limit holds over all API processes and needs no further server.
"""

from datetime import datetime

from sqlalchemy import Connection, delete

from heartbeat.domain.errors import RateLimited
from heartbeat.store.database.rows import columns, insert
from heartbeat.store.tables.projects import RequestWindow

WINDOW = columns(RequestWindow)


def count_request(connection: Connection, project_id: int, limit: int, now: datetime) -> None:
    """Count one request into the minute of `now`; raises `RateLimited` beyond `limit`."""
    minute = int(now.timestamp()) // 60
    statement = insert(connection, WINDOW).values(project_id=project_id, minute=minute, requests=1)
    requests = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["project_id", "minute"], set_={"requests": WINDOW.c.requests + 1}
        ).returning(WINDOW.c.requests)
    ).scalar_one()
    if requests == 1:
        connection.execute(delete(WINDOW).where(WINDOW.c.project_id == project_id, WINDOW.c.minute < minute))
    if requests > limit:
        raise RateLimited(limit, 60 - now.second)
