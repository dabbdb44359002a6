"""The numbers of a day: each log once, in the row of its heartbeat and in that of its bot."""

import json
from datetime import timedelta

from sqlalchemy import select

from heartbeat.domain.durations import bucket
from heartbeat.domain.failure_policy import Ending
from heartbeat.store.credits.rollup import add_to_day
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, many
from heartbeat.store.overview.daily_numbers import days_of_bot, days_of_heartbeat, days_of_project, runs_of_project
from heartbeat.store.runs.closing import close_run
from heartbeat.store.tables.credits import DailyRollup, HeartbeatDay
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.runs import by_hand, changed, opened_run
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, access_to


def days(database: Database, table: type) -> list:
    return database.read_now(lambda c: many(c, table, select(columns(table))))


def test_a_run_is_in_both_rows_once_however_often_it_is_closed(database: Database, heartbeat: Heartbeat) -> None:
    for number, seconds in enumerate((4, 4, 90)):
        run = opened_run(database, by_hand(heartbeat, f"log_{number}"))
        changed(database, type(run), credits_charged=2, cost_nano_usd=5)
        for _ in range(2):
            later = NOW + timedelta(seconds=seconds)
            database.write_now(lambda c, run=run, later=later: close_run(c, run.uuid, Ending("success"), later))
    for [row] in (days(database, HeartbeatDay), days(database, DailyRollup)):
        assert (row.day, row.success, row.credits, row.cost_nano_usd) == ("2026-11-20", 3, 6, 15)
        assert json.loads(row.durations) == {str(bucket(4_000)): 2, str(bucket(90_000)): 1}


def test_a_tick_that_never_ran_took_no_time(database: Database, heartbeat: Heartbeat) -> None:
    for added in ({"skipped": 3}, {"success": 1, "duration_ms": 7}, {"skipped": 1}):
        database.write_now(lambda c, added=added: add_to_day(c, heartbeat, NOW, added))
    for [row] in (days(database, HeartbeatDay), days(database, DailyRollup)):
        assert (row.skipped, row.success, json.loads(row.durations)) == (4, 1, {str(bucket(7)): 1})


def test_the_days_of_a_project_are_those_of_its_bots_together(database: Database) -> None:
    def seed(connection):
        project = a_project(connection)
        bots = [a_bot(connection, project) for _ in range(2)]
        heartbeats = [a_heartbeat(connection, bot) for bot in (*bots, bots[0])]
        stranger = a_heartbeat(connection, a_bot(connection, a_project(connection)))
        for heartbeat in (*heartbeats, stranger):
            for model in ("one", "other"):
                add_to_day(connection, heartbeat, NOW, {"success": 1, "duration_ms": 50}, model)
        add_to_day(connection, heartbeats[0], NOW - timedelta(days=3), {"error": 1, "duration_ms": 9_000})
        add_to_day(connection, heartbeats[0], NOW - timedelta(days=4), {"error": 1, "duration_ms": 9_000})
        return access_to(connection, bots[0], heartbeats[0])

    access = database.write_now(seed)
    sources = {
        days_of_project: (access.project, 6),
        days_of_bot: (access.bot, 4),
        days_of_heartbeat: (access.heartbeat, 2),
    }
    for read, (of, successes) in sources.items():
        numbers = database.read_now(read, of, NOW.date(), 4)
        assert [day.isoformat()[-2:] for day in numbers] == ["17", "18", "19", "20"]
        first, *_, last = numbers.values()
        assert (first.sums.error, last.sums.success, last.sums.error) == (1, successes, 0)
        assert (first.durations, last.durations) == ({bucket(9_000): 1}, {bucket(50): successes})
    runs = database.read_now(runs_of_project, access.project, NOW.date(), 4)
    assert [(sums.success, sums.error) for sums in runs.values()] == [(0, 1), (0, 0), (0, 0), (6, 0)]
