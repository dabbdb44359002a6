"""The ledger's audit: it is quiet when every balance is the sum of its entries, and names each that is not."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, update

from heartbeat.store.credits.audit import LedgerDifference, audit, audit_newest
from heartbeat.store.credits.grants import grant
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.credits import Entry, Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run
from tests.support.past_runs import a_run, an_entry
from tests.support.seeds import a_bot, a_heartbeat, a_project

BEFORE, START = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 20, tzinfo=UTC)
ENTRY, USAGE, RUN, HEARTBEAT = columns(Entry), columns(Usage), columns(Run), columns(Heartbeat)


def books(connection: Connection) -> tuple[Project, Heartbeat, str]:
    """A project whose run was charged for a step of last period, gave one back, and holds credits for the next."""
    project = a_project(connection)
    grant(connection, project, 50, "a gift", "once", NOW)
    sums = {"period_start": START, "period_credits": 3, "period_held": 8}
    heartbeat = a_heartbeat(connection, a_bot(connection, project), **sums)
    a_heartbeat(connection, a_bot(connection, project), prompt="Never ran")
    uuid = a_run(connection, heartbeat, "running", credits_charged=5, credits_held=8, duration_ms=None)
    a_run(connection, heartbeat, "skipped", credits_charged=0, tokens_used=0)
    an_entry(connection, uuid, 1, "reserve", held=9, period_start=BEFORE)
    an_entry(connection, uuid, 1, "settle", credits=2, held=-9, period_start=BEFORE)
    an_entry(connection, uuid, 2, "reserve", held=7)
    an_entry(connection, uuid, 2, "settle", credits=3, held=-7, absorbed=1)
    an_entry(connection, uuid, 3, "reserve", held=6)
    an_entry(connection, uuid, 3, "release", held=-6)
    an_entry(connection, uuid, 4, "reserve", held=8)
    connection.execute(insert(USAGE).values(project_id=project.id, period_start=BEFORE, credits=2, held=0, granted=0))
    connection.execute(
        update(USAGE).where(USAGE.c.project_id == project.id, USAGE.c.period_start == START).values(credits=3, held=8)
    )
    return project, heartbeat, uuid


def test_books_that_balance(database: Database) -> None:
    project, _, _ = database.write_now(books)
    database.write_now(books)
    for scope in ({}, {"project": project}, {"since": START}, {"project": project, "since": START}):
        assert database.read_now(lambda connection, filters=scope: audit(connection, **filters)) == []


def test_a_store_without_anything(database: Database) -> None:
    assert database.read_now(audit) == []


PERIOD = USAGE.c.period_start == START
WRONG: dict[str, tuple[Callable[[], Any], str, str, int, int]] = {
    "charged": (lambda: update(USAGE).where(PERIOD).values(credits=4), "project", "credits", 4, 3),
    "held": (lambda: update(USAGE).where(PERIOD).values(held=0), "project", "held", 0, 8),
    "granted": (lambda: update(USAGE).where(PERIOD).values(granted=51), "project", "granted", 51, 50),
    "no sums": (lambda: delete(USAGE).where(USAGE.c.period_start == BEFORE), "before", "credits", 0, 2),
    "no grant": (lambda: delete(ENTRY).where(ENTRY.c.kind == "grant"), "project", "granted", 50, 0),
    "heartbeat": (lambda: _of_heartbeat(period_credits=9), "heartbeat", "period_credits", 9, 3),
    "heartbeat held": (lambda: _of_heartbeat(period_held=-1), "heartbeat", "period_held", -1, 8),
    "run": (lambda: _of_run(credits_charged=0), "run", "credits_charged", 0, 5),
    "run held": (lambda: _of_run(credits_held=20), "run", "credits_held", 20, 8),
}


def _of_heartbeat(**values: int) -> Any:
    return update(HEARTBEAT).where(HEARTBEAT.c.period_start == START).values(values)


def _of_run(**values: int) -> Any:
    return update(RUN).where(RUN.c.status == "running").values(values)


@pytest.mark.parametrize("name", WRONG)
def test_each_balance_that_is_wrong_is_named(database: Database, name: str) -> None:
    project, heartbeat, run = database.write_now(books)
    statement, whose, column, balance, entries = WRONG[name]
    database.write_now(lambda connection: connection.execute(statement()))
    names = {
        "project": f"{project.uuid}, period 2026-11-01",
        "before": f"{project.uuid}, period 2026-10-01",
        "heartbeat": heartbeat.uuid,
        "run": run,
    }
    wrong = [LedgerDifference(names[whose], column, balance, entries)]
    assert database.read_now(audit) == wrong
    assert database.read_now(audit, project) == wrong
    lately = database.read_now(audit, project, START)
    assert lately == ([] if whose == "before" else wrong)


def test_an_entry_that_no_balance_followed_is_seen_everywhere(database: Database) -> None:
    project, heartbeat, run = database.write_now(books)
    later = datetime(2026, 12, 1, tzinfo=UTC)
    database.write_now(lambda c: an_entry(c, run, 5, "settle", credits=4, period_start=later))
    assert database.read_now(audit) == [
        LedgerDifference(f"{project.uuid}, period 2026-12-01", "credits", 0, 4),
        LedgerDifference(heartbeat.uuid, "period_credits", 3, 7),
        LedgerDifference(run, "credits_charged", 5, 9),
    ]


def test_only_the_project_that_was_asked_for_is_looked_at(database: Database) -> None:
    sound, _, _ = database.write_now(books)
    broken, _, _ = database.write_now(books)
    wrong = update(USAGE).where(USAGE.c.project_id == broken.id, USAGE.c.period_start == START).values(credits=99)
    database.write_now(lambda connection: connection.execute(wrong))
    assert database.read_now(audit, sound) == []
    assert len(database.read_now(audit, broken)) == 1


def test_no_more_is_named_than_was_asked_for(database: Database) -> None:
    for _ in range(5):
        database.write_now(books)
    database.write_now(lambda connection: connection.execute(update(RUN).values(credits_charged=99)))
    assert len(database.read_now(audit, most=3)) == 3


def test_the_newest_runs_are_looked_at_alone(database: Database) -> None:
    """What Upkeep does each minute, however many runs there are; the ones before are the doctor's."""
    _, _, older = database.write_now(books)
    _, _, newer = database.write_now(books)
    database.write_now(lambda connection: connection.execute(update(RUN).values(credits_charged=4)))
    differences = database.read_now(audit_newest, 2, datetime.now(UTC))
    assert {one.whose for one in differences} >= {newer}
    assert older not in {one.whose for one in differences}
