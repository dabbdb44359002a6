"""One heartbeat, and a run of it that was opened for a tick."""

import pytest

from heartbeat.store.database.database import Database
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from tests.support.runs import opened_run, scheduled
from tests.support.seeds import a_bot, a_heartbeat, a_project


@pytest.fixture
def heartbeat(database: Database) -> Heartbeat:
    return database.write_now(lambda c: a_heartbeat(c, a_bot(c, a_project(c))))


@pytest.fixture
def run(database: Database, heartbeat: Heartbeat) -> Run:
    return opened_run(database, scheduled(heartbeat))
