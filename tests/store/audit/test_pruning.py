"""Old entries of an audit log go as the plan says, and the rest of the chain is proved as before."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, func, select, update

from heartbeat.domain.plans import Plan
from heartbeat.store.audit.recording import ENTRY, HEAD, record
from heartbeat.store.audit.verification import prove_chain
from heartbeat.store.database.database import Database
from heartbeat.store.retention.pruning import Pruning
from heartbeat.store.tables.projects import Project
from tests.support.seeds import a_project

DAY = timedelta(days=1)


@pytest.fixture
def project(database: Database) -> Project:
    """A project with seven entries, the first of which says that it was made."""
    project = database.write_now(a_project)
    for number in range(6):
        database.write_now(lambda c, n=number: record(c, project.id, "thing.make", f"thing_{n}"))
    return project


def numbers(database: Database) -> list[int]:
    return database.read_now(lambda c: list(c.execute(select(ENTRY.c.number).order_by(ENTRY.c.number)).scalars()))


async def prune(database: Database, days: int | None, later: timedelta) -> None:
    plans = {"self_hosted": Plan(audit_days=days)}
    await Pruning(database, plans).run(datetime.now(UTC) + later, seconds=20.0)


async def test_what_is_old_goes_from_the_beginning_on_and_the_rest_is_proved(
    database: Database, project: Project
) -> None:
    old = update(ENTRY).where(ENTRY.c.number <= 4).values(at=datetime.now(UTC) - 40 * DAY)
    database.write_now(lambda c: c.execute(old))
    await prune(database, 30, timedelta())
    assert numbers(database) == [5, 6, 7]
    proof = database.read_now(prove_chain, project.id)
    assert (proof.entries, proof.number, proof.problem) == (3, 7, "")
    database.write_now(lambda c: c.execute(delete(ENTRY).where(ENTRY.c.number == 5)))
    assert database.read_now(prove_chain, project.id).problem == "after entry 4 comes entry 6"


async def test_a_log_that_is_young_is_kept_whole(database: Database, project: Project) -> None:
    await prune(database, 30, timedelta())
    assert numbers(database) == [1, 2, 3, 4, 5, 6, 7]


async def test_all_may_go_and_the_chain_goes_on(database: Database, project: Project) -> None:
    await prune(database, 30, 31 * DAY)
    assert numbers(database) == []
    assert database.read_now(prove_chain, project.id).problem == ""
    database.write_now(lambda c: record(c, project.id, "thing.make", "thing_8"))
    proof = database.read_now(prove_chain, project.id)
    assert (proof.entries, proof.number, proof.problem) == (1, 8, "")
    database.write_now(lambda c: c.execute(update(HEAD).values(first_number=6)))
    assert database.read_now(prove_chain, project.id).problem == "after entry 6 comes entry 8"


async def test_a_plan_that_says_nothing_keeps_all(database: Database, project: Project) -> None:
    await prune(database, None, 4_000 * DAY)
    assert database.read_now(lambda c: c.execute(select(func.count()).select_from(ENTRY)).scalar_one()) == 7
