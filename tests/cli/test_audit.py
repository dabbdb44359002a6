"""`heartbeat doctor --audit`: the audit log of every project, proved or not."""

import json
from contextlib import closing

import pytest
from sqlalchemy import delete, select, update

from heartbeat.store.audit.recording import ENTRY, HEAD
from heartbeat.store.database.database import Database
from tests.support.commands import Run


def test_the_log_is_proved_and_who_changed_it_is_found_out(
    database_url: str, heartbeat: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTBEAT_DATABASE_URL", database_url)
    assert heartbeat("project", "create", "Acme", "--id=acme").code == 0
    assert heartbeat("project", "budget", "acme", "500").code == 0
    with closing(Database(database_url)) as database:
        last = select(ENTRY).order_by(ENTRY.c.number.desc()).limit(1)
        entry = database.read_now(lambda connection: connection.execute(last).one())
        proved = heartbeat("doctor", "--audit")
        assert (entry.actor_kind, entry.action) == ("shell", "project.update")
        assert (proved.code, f"the last is {entry.number}, {entry.hash}" in proved.out) == (0, True)

        statement = update(ENTRY).where(ENTRY.c.number == 1).values(actor_name="nobody")
        database.write_now(lambda connection: connection.execute(statement))
    broken = heartbeat("doctor", "--audit")
    assert (broken.code, broken.out) == (1, "acme: the audit log was changed: entry 1 is not as it was written.\n")


def test_a_log_in_which_nothing_stands_says_so(
    database_url: str, heartbeat: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTBEAT_DATABASE_URL", database_url)
    assert heartbeat("project", "create", "Acme", "--id=acme").code == 0
    with closing(Database(database_url)) as database:
        for table in (ENTRY, HEAD):
            database.write_now(lambda connection, table=table: connection.execute(delete(table)))
    proved = heartbeat("doctor", "--audit")
    assert (proved.code, proved.out) == (0, "acme: nothing was recorded yet.\n")


def test_the_log_is_written_in_the_order_of_the_chain(
    database_url: str, heartbeat: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTBEAT_DATABASE_URL", database_url)
    for project in ("acme", "umbrella"):
        assert heartbeat("project", "create", project, f"--id={project}").code == 0
        assert heartbeat("project", "budget", project, "500").code == 0
    lines = [json.loads(line) for line in heartbeat("export", "audit").out.splitlines()]
    assert [(line["project"], line["number"], line["action"]) for line in lines] == [
        ("acme", 1, "project.create"),
        ("acme", 2, "project.update"),
        ("umbrella", 1, "project.create"),
        ("umbrella", 2, "project.update"),
    ]
    assert lines[1]["changes"] == {"credit_budget": [None, 500]}
    assert heartbeat("export", "audit", "--project=umbrella").out.splitlines() == [json.dumps(one) for one in lines[2:]]
