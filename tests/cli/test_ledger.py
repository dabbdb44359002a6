"""`heartbeat project grant` and `heartbeat doctor --ledger`."""

import json
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from heartbeat.domain import credits
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.credits import Entry, Usage
from heartbeat.store.tables.projects import Project
from tests.support.commands import Run

USAGE, ENTRY = columns(Usage), columns(Entry)


@pytest.fixture
def project(database_url: str, heartbeat: Run, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project whose billing period begins on the 15th; the commands will use its database."""
    monkeypatch.setenv("HEARTBEAT_DATABASE_URL", database_url)
    assert heartbeat("project", "create", "Acme", "--id=acme", "--anchor-day=15").code == 0
    return database_url


def entries(url: str) -> list[tuple[str, int, str | None]]:
    granted = select(ENTRY.c.kind, ENTRY.c.granted, ENTRY.c.note).where(ENTRY.c.granted != 0).order_by(ENTRY.c.id)
    with closing(Database(url)) as database:
        return [tuple(row) for row in database.read_now(lambda connection: connection.execute(granted).all())]


def test_an_operator_gives_and_takes_back(project: str, heartbeat: Run) -> None:
    _, ends = credits.period(datetime.now(UTC), 15)
    grant = heartbeat("project", "grant", "acme", "500", "--note", "A welcome gift")
    assert (grant.code, grant.err) == (0, "")
    assert grant.out.splitlines() == [
        "project  acme",
        "granted  500",
        f"until    {ends:%Y-%m-%d}",
        "That is all grants of this billing period.",
    ]
    taken = heartbeat("project", "grant", "acme", "-120", "--json")
    assert json.loads(taken.out) == {"project": "acme", "granted": 380, "until": f"{ends:%Y-%m-%d}"}
    assert entries(project) == [("grant", 500, "A welcome gift"), ("adjust", -120, None)]
    assert heartbeat("doctor", "--ledger").code == 0


def test_a_key_makes_a_grant_repeatable(project: str, heartbeat: Run) -> None:
    for said in ("That is all grants", "nothing was granted again"):
        done = heartbeat("project", "grant", "acme", "7", "--key=invoice-17")
        assert (done.code, said in done.out, "granted  7\n" in done.out) == (0, True, True)
    other = heartbeat("project", "grant", "acme", "8", "--key=invoice-17")
    assert (other.code, other.out) == (1, "")
    assert "used for another grant" in other.err
    assert entries(project) == [("grant", 7, None)]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["acme", "0"], 2, "0 credits are no grant"),
        (["acme", "many"], 2, "'credits': Input should be a valid integer"),
        (["acme", "1.5"], 2, "'credits': Input should be a valid integer"),
        (["acme", "100000001"], 2, "100000000"),
        (["acme"], 2, "Missing argument"),
        (["none", "5"], 1, "There is no project 'none' here"),
        (["acme", "5", "--nope"], 2, "--nope"),
    ],
)
def test_what_is_no_grant_is_said_in_one_line(
    project: str, heartbeat: Run, arguments: list[str], code: int, says: str
) -> None:
    done = heartbeat("project", "grant", *arguments)
    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert done.err.count("\n") == 1
    assert entries(project) == []


def test_the_doctor_names_every_balance_that_is_wrong(project: str, heartbeat: Run) -> None:
    assert heartbeat("project", "grant", "acme", "500").code == 0
    sound = heartbeat("doctor", "--ledger")
    assert (sound.code, sound.out) == (0, "Every balance is the sum of its entries.\n")
    with closing(Database(project)) as database:
        database.write_now(lambda connection: connection.execute(update(USAGE).values(granted=501, held=3)))
    begins, _ = credits.period(datetime.now(UTC), 15)
    broken = heartbeat("doctor", "--ledger")
    assert (broken.code, broken.err) == (1, "")
    assert broken.out.splitlines() == [
        f"acme, period {begins:%Y-%m-%d}: held is 3, and its entries come to 0",
        f"acme, period {begins:%Y-%m-%d}: granted is 501, and its entries come to 500",
        "2 balances are wrong.",
    ]


def test_a_ledger_out_of_reach_is_one_line(heartbeat: Run) -> None:
    away = "postgresql://nobody:secret@127.0.0.1:1/none?connect_timeout=2"
    done = heartbeat("doctor", "--ledger", HEARTBEAT_DATABASE_URL=away)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("heartbeat: The database cannot be used: ")


def test_a_project_gets_a_budget_and_loses_it_again(project: str, heartbeat: Run) -> None:
    budget = columns(Project).c.credit_budget
    each = "a budget of 5000 credits in each billing period"
    for amount, expected, said in (("5000", 5000, each), ("none", None, "no budget of its own")):
        done = heartbeat("project", "budget", "acme", amount)
        assert (done.code, done.out) == (0, f"acme has {said} from now on.\n")
        with closing(Database(project)) as database:
            assert database.read_now(lambda c: c.execute(select(budget)).scalar_one()) == expected
    assert heartbeat("project", "budget", "nobody", "1").code == 1
    for wrong in ("-1", "much", "1" * 12):
        assert heartbeat("project", "budget", "acme", wrong).code == 2
