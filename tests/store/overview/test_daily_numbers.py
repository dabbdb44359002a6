"""What the charts show of the last days."""

from datetime import timedelta

from sqlalchemy import Connection

from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.overview.daily_numbers import days_of_project, runs_of_project
from heartbeat.store.tables.credits import DailyRollup
from heartbeat.store.tables.projects import Project
from tests.support.seeds import NOW, a_bot, a_project

TODAY = NOW.date()


def test_a_day_of_a_process_whose_clock_is_ahead_is_not_shown_yet(database: Database) -> None:
    def seed(connection: Connection) -> Project:
        project = a_project(connection)
        bot = a_bot(connection, project)
        for days, runs in ((0, 2), (1, 5)):
            day = {"bot_id": bot.id, "day": (TODAY + timedelta(days=days)).isoformat(), "type": "heartbeat"}
            connection.execute(columns(DailyRollup).insert().values(**day, success=runs))
        return project

    project = database.write_now(seed)
    shown = database.read_now(days_of_project, project, TODAY, 2)
    assert {day: numbers.sums.success for day, numbers in shown.items()} == {TODAY - timedelta(days=1): 0, TODAY: 2}
    counted = database.read_now(runs_of_project, project, TODAY, 2)
    assert {day: sums.success for day, sums in counted.items()} == {TODAY - timedelta(days=1): 0, TODAY: 2}
