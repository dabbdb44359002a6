"""The logs of a bot's heartbeats, newest first. Pages come from an index, totals from the heartbeats' counters."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, select

from heartbeat.store.database import columns
from heartbeat.store.pages import Page
from heartbeat.store.tables import Bot, Heartbeat, Run

RUN, HEARTBEAT = columns(Run), columns(Heartbeat)

COUNTERS = {"success": "success_count", "error": "total_error_count", "skipped": "skipped_count", "cancelled": "cancelled_count"}
SHOWN = [column for column in RUN.c if column.name not in ("instruction", "max_reply_tokens")]


@dataclass(frozen=True)
class Filter:
    """Which of a bot's logs: of one heartbeat, of one member, with one status (`running` are runs that are no logs yet)."""

    bot_id: int
    heartbeat_id: int | None = None
    member_id: int | None = None
    status: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value is not None}


def logs(connection: Connection, wanted: Filter, page: Page) -> tuple[list[Row[Any]], int]:
    """One page of logs, each a run's columns and its `heartbeat_uuid`, and how many there are in all."""
    total = _count_running(connection, wanted) if wanted.status == "running" else _total(connection, wanted)
    if page.offset >= total:
        return [], total
    rows = connection.execute(
        _page(frozenset(wanted.given)), {**wanted.given, "limit": page.size, "offset": page.offset}
    )
    return list(rows), total


@cache
def _page(given: frozenset[str]) -> Select[Any]:
    """The ids come first, from the index alone; a run that is still going is no log."""
    ids = select(RUN.c.id).where(*_equal(RUN, given))
    if "status" not in given:
        running = select(RUN.c.id).where(RUN.c.bot_id == bindparam("bot_id"), RUN.c.status == "running")
        ids = ids.where(RUN.c.id.not_in(running))
    ids = ids.order_by(RUN.c.id.desc()).limit(bindparam("limit")).offset(bindparam("offset"))
    return (
        select(*SHOWN, HEARTBEAT.c.uuid.label("heartbeat_uuid"))
        .join(HEARTBEAT, HEARTBEAT.c.id == RUN.c.heartbeat_id)
        .where(RUN.c.id.in_(ids))
        .order_by(RUN.c.id.desc())
    )
