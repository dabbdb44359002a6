"""Old entries become closing balances, and the books still prove themselves."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, update

from heartbeat.store.credits.audit import audit, audit_newest
from heartbeat.store.credits.grants import grant
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.heartbeats import states
from heartbeat.store.retention import ledger
from heartbeat.store.retention.aged import prune_deleted
from heartbeat.store.retention.ledger import FIRST_ENTRY, FoldedProject, fold_deleted, fold_entries, projects_to_fold
from heartbeat.store.retention.logs import remove_runs
from heartbeat.store.retention.pruning import Pruning
from heartbeat.store.tables.credits import Entry, HeartbeatDay, PeriodSpender, Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run
from tests.support.past_runs import a_run, an_entry, change
from tests.support.seeds import a_bot, a_heartbeat, a_project

ENTRY, USAGE, RUN, HEARTBEAT = columns(Entry), columns(Usage), columns(Run), columns(Heartbeat)
SEPTEMBER, OCTOBER, NOVEMBER = (datetime(2025, month, 1, tzinfo=UTC) for month in (9, 10, 11))
SPENT_NOTHING = {"period_credits": 0, "period_held": 0}
NOW = datetime(2026, 12, 3, 12, tzinfo=UTC)


def charged(connection: Connection, heartbeat: Heartbeat, *starts: datetime) -> str:
    """A run that was charged 2 credits for a step in each of these periods."""
    amount = 2 * len(starts)
    uuid = a_run(connection, heartbeat, created_at=starts[0], finished_at=starts[-1], credits_charged=amount)
    for step, start in enumerate(starts):
        an_entry(connection, uuid, step, "reserve", held=9, period_start=start, created_at=start)
        amounts: dict[str, Any] = {"credits": 2, "held": -9, "absorbed": 1, "tokens": 1_500_000_000}
        an_entry(connection, uuid, step, "settle", **amounts, period_start=start, created_at=start)
        used = (USAGE.c.project_id == heartbeat.project_id) & (USAGE.c.period_start == start)
        connection.execute(update(USAGE).where(used).values(credits=USAGE.c.credits + 2))
        mine = HEARTBEAT.c.id == heartbeat.id
        connection.execute(update(HEARTBEAT).where(mine, HEARTBEAT.c.period_start < start).values(SPENT_NOTHING))
        newer = mine & (HEARTBEAT.c.period_start <= start)
        spent = {"period_start": start, "period_credits": HEARTBEAT.c.period_credits + 2}
        connection.execute(update(HEARTBEAT).where(newer).values(spent))
    return uuid


@pytest.fixture
def heartbeats(database: Database) -> list[Heartbeat]:
    """Two heartbeats of a project with three periods and a grant in each; October was their last."""

    def write(connection: Connection) -> list[Heartbeat]:
        project = a_project(connection)
        for start in (SEPTEMBER, OCTOBER, NOVEMBER):
            grant(connection, project, 50, "a gift", f"gift {start:%m}", start)
        bot, sums = a_bot(connection, project), {"period_start": OCTOBER}
        rows = [a_heartbeat(connection, bot, **sums), a_heartbeat(connection, bot, prompt="Another", **sums)]
        for heartbeat in rows:
            charged(connection, heartbeat, SEPTEMBER)
            charged(connection, heartbeat, SEPTEMBER)
            charged(connection, heartbeat, OCTOBER)
        return rows

    return database.write_now(write)


def lines(database: Database) -> list[tuple[str, int | None, int, int, int]]:
    """The entries of runs and what they became: kind, heartbeat, credits, held, absorbed."""
    listed = [ENTRY.c.kind, ENTRY.c.heartbeat_id, ENTRY.c.credits, ENTRY.c.held, ENTRY.c.absorbed]
    which = select(*listed).where(ENTRY.c.granted == 0, ENTRY.c.kind != "period")
    order = which.order_by(ENTRY.c.period_start, ENTRY.c.heartbeat_id, ENTRY.c.id)
    return [tuple(row) for row in database.read_now(lambda c: c.execute(order).all())]


async def prune(database: Database) -> int:
    return await Pruning(database, {}).run(NOW, seconds=60.0)


async def test_each_heartbeat_has_one_line_for_each_period(database: Database, heartbeats: list[Heartbeat]) -> None:
    first, second = (heartbeat.id for heartbeat in heartbeats)
    assert database.read_now(audit) == []
    kept = database.write_now(charged, heartbeats[0], NOVEMBER)
    assert await prune(database) == 12
    assert database.read_now(audit_newest, 2_000, NOW) == []
    assert lines(database) == [
        *[("closing", first, 4, 0, 2), ("closing", second, 4, 0, 2)],
        *[("closing", first, 2, 0, 1), ("closing", second, 2, 0, 1)],
        *[("reserve", first, 0, 9, 0), ("settle", first, 2, -9, 1)],
    ]
    assert database.read_now(audit) == []
    # Grants keep their lines: none is given twice.
    project = database.read_now(lambda c: exactly_one(c, Project, select(columns(Project))))
    again = database.write_now(grant, project, 50, "a gift", "gift 09", NOW)
    assert again.repeated
    assert await prune(database) == 0
    # Runs that are as old have no entries of their own any more; of the others each is still held to its entries.
    database.write_now(lambda c: c.execute(ENTRY.delete().where(ENTRY.c.run_id.is_not(None))))
    assert kept in {difference.whose for difference in database.read_now(audit)}


@pytest.mark.parametrize("what", ["a later period", "in progress", "not what it was charged", "still held"])
async def test_what_is_not_settled_for_good_stays(database: Database, heartbeats: list[Heartbeat], what: str) -> None:
    def write(connection: Connection) -> str:
        uuid = charged(connection, heartbeats[0], SEPTEMBER, *([NOVEMBER] if what == "a later period" else []))
        if what == "in progress":
            change(connection, uuid, status="running")
        if what == "not what it was charged":
            change(connection, uuid, credits_charged=7)
        if what == "still held":
            an_entry(connection, uuid, 5, "reserve", held=1, period_start=SEPTEMBER)
        return uuid

    uuid = database.write_now(write)
    before = database.read_now(audit)
    assert await prune(database) == 12
    of_run = select(func.count()).select_from(ENTRY.join(RUN, RUN.c.id == ENTRY.c.run_id)).where(RUN.c.uuid == uuid)
    assert database.read_now(lambda c: c.execute(of_run).scalar_one()) >= 2
    assert database.read_now(audit) == before


async def test_what_is_not_settled_keeps_nothing_else_from_being_folded(
    database: Database, heartbeats: list[Heartbeat], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many entries of it come first."""
    monkeypatch.setattr(ledger, "BATCH_SIZE", 2)
    monkeypatch.setattr(ledger, "OLDEST", ledger.OLDEST.limit(2))
    first = select(func.min(RUN.c.id)).scalar_subquery()
    database.write_now(lambda c: c.execute(update(RUN).where(RUN.c.id == first).values(credits_charged=7)))
    assert await prune(database) == 10
    assert [line[0] for line in lines(database)].count("settle") == 1


async def test_a_project_that_was_not_used_since_keeps_its_lines(database: Database) -> None:
    """Its period has not ended by any row, and nothing of it grows."""

    def write(connection: Connection) -> None:
        project = a_project(connection)
        grant(connection, project, 50, None, "gift", SEPTEMBER)
        charged(connection, a_heartbeat(connection, a_bot(connection, project), period_start=SEPTEMBER), SEPTEMBER)

    database.write_now(write)
    assert database.read_now(projects_to_fold, NOW) == []
    assert await prune(database) == 0


def test_one_that_is_interrupted_changed_nothing(database: Database, heartbeats: list[Heartbeat]) -> None:
    before = lines(database)
    folded = FoldedProject(heartbeats[0].project_id, NOVEMBER)

    def is_killed(connection: Connection) -> None:
        assert fold_entries(connection, folded, FIRST_ENTRY, NOW).folded == 12
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.write_now(is_killed)
    assert lines(database) == before


async def test_of_heartbeats_that_were_deleted_the_project_has_the_balance(
    database: Database, heartbeats: list[Heartbeat]
) -> None:
    def write(connection: Connection) -> None:
        states.delete(connection, heartbeats[0], NOW - timedelta(days=500))
        remove_runs(connection, list(connection.execute(select(RUN.c.id)).scalars()))

    assert await prune(database) == 12
    database.write_now(write)
    folded = FoldedProject(heartbeats[0].project_id, NOVEMBER)
    assert database.write_now(fold_deleted, folded, NOW) == 2
    assert database.write_now(fold_deleted, folded, NOW) == 0
    assert {line[:3] for line in lines(database)} == {
        *[("closing", None, 4), ("closing", None, 2)],
        *[("closing", heartbeats[1].id, 4), ("closing", heartbeats[1].id, 2)],
    }
    assert database.read_now(audit) == []
    for rows in (columns(HeartbeatDay), columns(PeriodSpender)):
        database.write_now(lambda c, table=rows: c.execute(table.delete()))
    assert database.write_now(prune_deleted, Heartbeat, NOW) == 1
    left = database.read_now(lambda c: many(c, Heartbeat, select(HEARTBEAT)))
    assert [heartbeat.id for heartbeat in left] == [heartbeats[1].id]
