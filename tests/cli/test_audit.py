"""`heartbeat doctor --audit`: the audit log of every project, proved or not."""

from contextlib import closing

import pytest
from sqlalchemy import select, update

from heartbeat.store.audit.recording import ENTRY
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
