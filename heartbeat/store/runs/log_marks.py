"""Up to where marks are made in a bot's lists of logs: below are no runs in progress."""

from sqlalchemy import Connection, bindparam, func, select

from heartbeat.store.database.list_marks import NEWEST, Parameters, committed
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.run_indexes import of_running
from heartbeat.store.tables.runs import Run

RUN = columns(Run)

_OF_BOT = RUN.c.bot_id == bindparam("bot_id")
FIRST_RUNNING = of_running(select(func.min(RUN.c.id))).where(_OF_BOT)


def settled(connection: Connection, of_list: Parameters) -> int:
    """The id before which each run of a bot is committed, and has ended."""
    running = connection.execute(FIRST_RUNNING, of_list).scalar()
    return min(committed(connection, RUN, _OF_BOT, of_list), running or NEWEST)
