"""Pages of open findings: the worst first, from whichever end they are read."""

from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import Connection

from heartbeat.store.database.database import Database
from heartbeat.store.database.pages import Page
from heartbeat.store.notifications.findings import SEVERITIES
from heartbeat.store.overview.waiting import open_findings
from heartbeat.store.tables.notifications import Finding
from heartbeat.store.tables.projects import Project
from tests.support.pending_rows import a_finding
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project


@pytest.mark.parametrize("count", [0, 1, 8, 9, 23])
def test_pages_from_both_ends_are_one_list(database: Database, count: int) -> None:
    random = Random(14)

    def seed(connection: Connection) -> tuple[Project, list[Finding]]:
        project = a_project(connection)
        heartbeats = [a_heartbeat(connection, a_bot(connection, project)) for _ in range(3)]
        found = []
        for number in range(count):
            seen = {"last_seen_at": NOW - timedelta(hours=random.randrange(4)), "severity": random.choice(SEVERITIES)}
            found.append(a_finding(connection, random.choice(heartbeats), fingerprint=f"{number}", **seen))
        a_finding(connection, heartbeats[0], state="resolved", fingerprint="over")
        return project, found

    project, found = database.write_now(seed)
    found.sort(key=lambda one: (SEVERITIES.index(one.severity), one.last_seen_at, one.id), reverse=True)
    pages = [database.read_now(open_findings, project, Page(number, 4)) for number in range(1, 9)]
    assert [[row.finding.id for row in page] for page in pages] == [
        [one.id for one in found[first : first + 4]] for first in range(0, 32, 4)
    ]
