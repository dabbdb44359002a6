"""What asks for a run, a step or an approval that the database has lost is told so."""

import pytest

from heartbeat.domain.errors import NotFound, RunLost
from heartbeat.store.database.database import Database
from heartbeat.store.runs.approvals import decide
from heartbeat.store.runs.steps import read_transcript
from heartbeat.store.runs.tool_calls import read_call
from heartbeat.store.tables.runs import Run
from tests.support.seeds import NOW


def test_a_run_that_is_gone(database: Database, run: Run) -> None:
    assert database.read_now(read_transcript, run.uuid).run.uuid == run.uuid
    with pytest.raises(RunLost, match="log_gone"):
        database.read_now(read_transcript, "log_gone")
    with pytest.raises(RunLost, match=run.uuid):
        database.read_now(read_call, run.uuid, 7)


def test_an_approval_that_is_gone(database: Database) -> None:
    with pytest.raises(NotFound, match="appr_gone"):
        database.write_now(lambda c: decide(c, "appr_gone", "approved", "the key CI", NOW))
