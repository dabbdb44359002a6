"""The heartbeats that used most in a period that is over are kept, and shown as long as they are right."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, func, select, update

from heartbeat.store.credits.past_periods import unsummed_periods, wrong_spenders
from heartbeat.store.credits.periods import BillingPeriod
from heartbeat.store.credits.rollup import add_to_day
from heartbeat.store.credits.usage import spending
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.retention.pruning import Pruning
from heartbeat.store.tables.credits import PeriodSpender, Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from tests.support.held_credits import spend
from tests.support.seeds import a_bot, a_heartbeat, a_project

START, END, DAY = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), timedelta(days=1)
NOW = END + timedelta(hours=1)
SPENDER, USAGE = columns(PeriodSpender), columns(Usage)
Shown = Callable[[], list[int]]


def ended(connection: Connection, heartbeat: Heartbeat, when: datetime, used: int) -> None:
    """What a run that began then and has ended adds to its day."""
    add_to_day(connection, heartbeat, when, {"success": 1, "credits": used, "duration_ms": 7}, "one")


@pytest.fixture
def project(database: Database) -> Project:
    return database.write_now(a_project)


@pytest.fixture
def heartbeats(database: Database, project: Project) -> list[Heartbeat]:
    """Two that used 3 and 5 credits in November, and credits in December."""

    def seed(connection: Connection) -> list[Heartbeat]:
        bot = a_bot(connection, project)
        rows = [a_heartbeat(connection, bot) for _ in range(2)]
        for heartbeat, used in zip(rows, (3, 5), strict=True):
            for when in (START, NOW):
                assert spend(connection, project, heartbeat, when, used)
                ended(connection, heartbeat, when, used)
        return rows

    return database.write_now(seed)


@pytest.fixture
def shown(database: Database, project: Project) -> Shown:
    """Of each heartbeat what it used in November, the largest first."""
    period = BillingPeriod(START, END, is_over=True)
    return lambda: [row.used for row in database.read_now(spending, project, period).by_heartbeat]


async def upkeep(database: Database, now: datetime) -> None:
    await Pruning(database, {}).run(now, seconds=60.0)


async def test_what_is_kept_is_shown_without_the_days(
    database: Database, project: Project, heartbeats: list[Heartbeat], shown: Shown
) -> None:
    assert shown() == [5, 3], "added up from the days"
    await upkeep(database, NOW)
    kept = select(SPENDER.c.period_start, SPENDER.c.heartbeat_id, SPENDER.c.credits).order_by(SPENDER.c.credits)
    november = [(START, heartbeats[0].id, 3), (START, heartbeats[1].id, 5)]
    assert [tuple(row) for row in database.read_now(lambda c: c.execute(kept).all())] == november
    database.write_now(lambda c: c.execute(update(SPENDER).values(credits=SPENDER.c.credits + 1)))
    assert shown() == [6, 4], "what was kept"
    differences = database.read_now(wrong_spenders, NOW)
    assert [(row.whose, row.balance, row.entries) for row in differences] == [
        (f"{heartbeats[number].uuid}, period 2026-11-01", kept, of_days)
        for number, kept, of_days in ((0, 4, 3), (1, 6, 5))
    ]


async def test_a_run_that_ends_long_after_its_period_is_in_it(
    database: Database, heartbeats: list[Heartbeat], shown: Shown
) -> None:
    await upkeep(database, NOW)
    database.write_now(ended, heartbeats[0], END - DAY, 90)
    assert shown() == [93, 5], "at once"
    assert database.read_now(wrong_spenders, NOW) == []
    await upkeep(database, NOW + DAY / 2)
    assert database.read_now(lambda c: c.execute(select(func.max(SPENDER.c.credits))).scalar_one()) == 5
    await upkeep(database, NOW + DAY)
    assert database.read_now(lambda c: c.execute(select(func.max(SPENDER.c.credits))).scalar_one()) == 93
    assert shown() == [93, 5]


@pytest.mark.usefixtures("heartbeats")
async def test_a_period_is_added_up_once_it_is_over_and_later_no_more(database: Database) -> None:
    starts = lambda now: [row.period_start for row in database.read_now(unsummed_periods, now)]  # noqa: E731
    assert (starts(END - DAY), starts(NOW)) == ([START], [START]), "the one under way is looked at when it is old"
    await upkeep(database, END - DAY)
    assert database.read_now(lambda c: c.execute(select(USAGE.c.summed_at)).scalars().all()) == [None, None]
    await upkeep(database, NOW)
    assert starts(NOW + DAY / 2) == []
    assert START in starts(NOW + DAY)
    assert START not in starts(START + timedelta(days=101))
