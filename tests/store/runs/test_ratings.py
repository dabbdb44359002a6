"""What people say of runs: the last word counts, in the run, in the numbers of its day, and in what is told."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from heartbeat.domain.errors import Conflict, NotFound
from heartbeat.store.credits.stats import stats
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.runs.ratings import Rating, rate
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import DailyRollup, HeartbeatDay
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from tests.support.past_runs import a_run
from tests.support.seeds import NOW, access_to

LATER = NOW + timedelta(days=2)


@pytest.fixture
def rated(database: Database, heartbeat: Heartbeat) -> str:
    """The log id of a run that can be rated."""
    return database.write_now(lambda c: a_run(c, heartbeat, created_at=NOW))


def said(database: Database, run_uuid: str, liked: bool | None, note: str | None = None) -> Run:
    return database.write_now(lambda c: rate(c, run_uuid, Rating(liked, note, "a key of the project"), LATER))


def counted(database: Database) -> list[tuple[int, int]]:
    tables = (HeartbeatDay, DailyRollup)
    rows = database.read_now(lambda c: [row for table in tables for row in many(c, table, select(columns(table)))])
    return [(row.liked, row.disliked) for row in rows]


def test_the_last_word_counts_once(database: Database, rated: str) -> None:
    for liked, note, sums in (
        (True, "Just right.", (1, 0)),
        (True, "Just right.", (1, 0)),
        (False, None, (0, 1)),
        (None, "Forget it.", (0, 0)),
        (None, None, (0, 0)),
        (False, "It forgot a ticket.", (0, 1)),
    ):
        run = said(database, rated, liked, note)
        assert run.liked is liked
        if liked is None:
            assert (run.rating_note, run.rated_by, run.rated_at) == (None, None, None)
        else:
            assert (run.rating_note, run.rated_by, run.rated_at) == (note, "a key of the project", LATER)
        assert counted(database) == [sums, sums]


@pytest.mark.parametrize(
    ("columns_of_run", "words"),
    [
        ({"status": "running", "duration_ms": None}, "has not ended yet"),
        ({"status": "skipped"}, "nothing ran"),
        ({"status": "success", "dry_run": True}, "A rehearsal is not rated"),
    ],
)
def test_what_cannot_be_rated(
    database: Database, heartbeat: Heartbeat, columns_of_run: dict[str, Any], words: str
) -> None:
    uuid = database.write_now(lambda c: a_run(c, heartbeat, created_at=NOW, **columns_of_run))
    with pytest.raises(Conflict, match=words):
        said(database, uuid, True)


@pytest.mark.parametrize("uuid", ["log_none", "", "a b", "\0"])
def test_an_unknown_run(database: Database, uuid: str) -> None:
    with pytest.raises(NotFound):
        said(database, uuid, True)


def test_the_share_that_people_liked_over_7_and_30_days(database: Database, heartbeat: Heartbeat) -> None:
    def seed(connection):
        for days, liked in ((0, True), (6, False), (7, True), (29, True), (30, False)):
            uuid = a_run(connection, heartbeat, created_at=NOW - timedelta(days=days))
            rate(connection, uuid, Rating(liked, None, "a test"), NOW)
        bot = exactly_one(connection, Bot, select(columns(Bot)).where(columns(Bot).c.id == heartbeat.bot_id))
        return access_to(connection, bot)

    access = database.write_now(seed)
    for days in (1, 30, 365):
        recent = database.read_now(lambda c, days=days: stats(c, access, NOW.date(), days)).recent
        rates = {count: (sums.liked, sums.disliked, sums.liked_rate) for count, sums in recent.items()}
        assert rates == {7: (1, 1, 50.0), 30: (3, 1, 75.0)}
