"""`heartbeat hold` and `heartbeat release`, with nothing but the database."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from getpass import getuser

import pytest

from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats.project_holds import hold_in_force
from heartbeat.store.projects.projects import project
from heartbeat.store.tables.projects import ProjectHold
from tests.support.commands import Run


@pytest.fixture
def acme(database_url: str, heartbeat: Run, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HEARTBEAT_DATABASE_URL", database_url)
    assert heartbeat("project", "create", "Acme", "--id=acme").code == 0
    return database_url


def hold_of(url: str) -> ProjectHold | None:
    with closing(Database(url)) as database:
        return database.read_now(lambda c: hold_in_force(c, project(c, "acme"), datetime.now(UTC)))


def test_a_project_is_put_on_hold_and_released(acme: str, heartbeat: Run) -> None:
    ends = (datetime.now(UTC) + timedelta(hours=5)).replace(microsecond=0)
    there = ends.replace(tzinfo=None)
    done = heartbeat("hold", "The shop is moving.", f"--until={there.isoformat()}", "--cancel")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"acme is on hold until {ends:%Y-%m-%d %H:%M} UTC: nothing starts any more.")
    assert "cancels the runs in progress" in done.out
    row = hold_of(acme)
    assert row is not None
    assert (row.reason, row.until, row.running) == ("The shop is moving.", ends, "cancel")
    assert row.held_by == f"{getuser()} at the command line"
    done = heartbeat("release", "--project=acme")
    assert (done.code, done.out) == (0, "acme is not on hold.\n")
    assert hold_of(acme) is None
    assert "until `heartbeat release`" in heartbeat("hold", "Again.").out


@pytest.mark.parametrize("words", [(), (" ",), ("x" * 501,), ("Why", "--until=soon"), ("Why", "--until=2020-01-01")])
def test_what_is_wrong_is_said_in_a_line(acme: str, heartbeat: Run, words: tuple[str, ...]) -> None:
    done = heartbeat("hold", *words)
    assert done.code in (1, 2)
    assert len(done.err.splitlines()) == 1
    assert hold_of(acme) is None
