"""Statements that are handed to the driver: values, errors and transactions as with the library around them."""

from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.exc import IntegrityError, NoResultFound

from heartbeat.store.database.database import Database
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import columns, exactly_one, insert_once, many
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run, Step
from tests.support.statements import statements

RUN, STEP = columns(Run), columns(Step)

BY_ID = select(RUN).where(RUN.c.id == bindparam("id"))
RENAME = Prepared(update(RUN).where(RUN.c.id == bindparam("key")).values(prompt=bindparam("words")))
PAIRS = Prepared(select(RUN.c.id, STEP.c.id, RUN.c.uuid).outerjoin(STEP).where(RUN.c.id == bindparam("id")))


def copied(connection: Connection, run: Run, **changes: Any) -> Run | None:
    row = run.model_dump(exclude={"id"}) | {"uuid": "log_copy", "workflow_id": "copy", "scheduled_for": None} | changes
    rows = many(connection, Run, insert_once(connection.dialect.name, RUN), row)
    return rows[0] if rows else None


def test_values_come_and_go_as_with_the_library(database: Database, run: Run) -> None:
    changes = {"report": {"outcome": "done", "findings": []}, "fallback_models": ["a:b"], "dry_run": True, "gate": None}
    written = database.write_now(copied, run, **changes)
    assert written is not None
    read = [database.read_now(exactly_one, Run, how, {"id": written.id}) for how in (BY_ID, Prepared(BY_ID))]
    assert written.model_dump() == read[0].model_dump() == read[1].model_dump()
    assert [getattr(written, name) for name in changes] == [*changes.values()]


def test_of_a_row_that_is_there_nothing_comes_back(database: Database, run: Run) -> None:
    assert database.write_now(copied, run, uuid=run.uuid) is None


def test_an_update_counts_its_rows_and_is_committed(database: Database, run: Run) -> None:
    def rename(connection: Connection, run_id: int) -> int:
        return RENAME.run(connection, {"key": run_id, "words": "100 % 東京"}).rowcount

    assert [database.write_now(rename, run_id) for run_id in (run.id, -1)] == [1, 0]
    assert database.read_now(exactly_one, Run, BY_ID, {"id": run.id}).prompt == "100 % 東京"


def test_columns_of_one_name_are_told_apart_by_their_places(database: Database, run: Run) -> None:
    result = database.read_now(lambda c: PAIRS.run(c, {"id": run.id}))
    assert result.one() == (run.id, None, run.uuid)


def test_no_row_at_all(database: Database, run: Run) -> None:
    result = database.read_now(lambda c: PAIRS.run(c, {"id": -1}))
    assert (result.first(), result.scalar(), result.all()) == (None, None, [])
    with pytest.raises(NoResultFound):
        result.scalar_one()


def test_an_error_is_the_library_s_without_the_values(database: Database, run: Run) -> None:
    with pytest.raises(IntegrityError) as problem:
        database.write_now(copied, run, prompt=None)
    assert (problem.value.hide_parameters, "INSERT INTO run" in str(problem.value)) == (True, True)
    assert database.read_now(exactly_one, Run, BY_ID, {"id": run.id}).status == "running"


def test_whoever_listens_hears_of_them(database: Database, run: Run) -> None:
    with statements(database._engine) as sent:
        database.read_now(lambda c: PAIRS.run(c, {"id": run.id}))
    assert sent[-1].startswith("SELECT run.id")


def test_lists_are_refused(database: Database, heartbeat: Heartbeat) -> None:
    among = Prepared(select(RUN.c.id).where(RUN.c.id.in_([1, 2])))
    with pytest.raises(AssertionError):
        database.read_now(lambda c: among.run(c))
