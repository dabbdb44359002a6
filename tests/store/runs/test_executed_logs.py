"""The logs of a heartbeat without its skipped ticks: page by page, newest first."""

from heartbeat.store.database.database import Database
from heartbeat.store.database.pages import Page
from heartbeat.store.runs.logs import executed_logs
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.past_runs import a_run
from tests.support.seeds import heartbeat_row

STATUSES = ("success", "skipped", "error", "skipped", "cancelled", "skipped", "running")


def test_pages_have_what_was_executed_in_its_order(database: Database, heartbeat: Heartbeat) -> None:
    def seed(connection):
        uuids = [a_run(connection, heartbeat, status) for _ in range(3) for status in STATUSES]
        a_run(connection, heartbeat, dry_run=True)
        return [uuid for number, uuid in enumerate(uuids) if number % 7 in (0, 2, 4)][::-1]

    executed = database.write_now(seed)
    row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    pages = [database.read_now(lambda c, n=n: executed_logs(c, row, Page(n, 4))) for n in (1, 2, 3, 4)]
    assert [run.uuid for page, _ in pages for run in page] == executed
    assert [len(page) for page, _ in pages] == [4, 4, 1, 0]
    assert {run.heartbeat_uuid for page, _ in pages for run in page} == {heartbeat.uuid}
