"""A list of runs goes on where it was left, whatever was removed meanwhile."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from heartbeat.domain.errors import NotFound
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.retention.logs import remove_runs
from heartbeat.store.runs.search import IdRange, RunFilter, id_range, place, read_piece
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from tests.support.past_runs import a_run
from tests.support.seeds import NOW

RUN = columns(Run)


def test_a_list_goes_on_behind_a_run_that_was_removed(database: Database, heartbeat: Heartbeat) -> None:
    wanted = RunFilter(heartbeat.project_id, (heartbeat.bot_id,))
    at = [NOW + timedelta(minutes=number) for number in range(6)]
    database.write_now(lambda c: [a_run(c, heartbeat, uuid=f"log_{n}", created_at=at[n]) for n in range(6)])

    def page(before: str | None) -> tuple[list[str], IdRange | None]:
        ids = database.read_now(id_range, wanted, before)
        piece = database.read_now(read_piece, wanted, ids, 2)
        return [row.uuid for row in piece.rows], piece.rest

    def remove(connection: Connection, *uuids: str) -> None:
        remove_runs(connection, list(connection.execute(RUN.select().where(RUN.c.uuid.in_(uuids))).scalars()))

    newest, rest = page(None)
    assert rest is not None
    left = database.read_now(place, rest)
    assert left is not None
    # In the middle of a page, too: its last run is gone before it is read where it ends.
    database.write_now(remove, "log_4")
    again = database.read_now(place, rest)
    assert again is not None
    assert (left.started_at, again.started_at, again.position) == (at[4], at[3], left.position)
    assert (newest, page(left.position)[0]) == (["log_5", "log_4"], ["log_3", "log_2"])
    # The id of a run is a position, too.
    assert page("log_3")[0] == ["log_2", "log_1"]
    with pytest.raises(NotFound):
        page("log_4")
    database.write_now(remove, *(f"log_{number}" for number in range(4)))
    assert page(left.position) == ([], None)
    assert database.read_now(place, rest) is None
