"""Which schedules are compared with their rows: those that nobody has looked at for the longest time."""

from datetime import timedelta

from sqlalchemy import Connection

from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats.sync import compare_next, count_living, longest_uncompared, mark_compared
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project


def uuids(connection: Connection, limit: int) -> list[str]:
    return [row.heartbeat.uuid for row in longest_uncompared(connection, limit)]


def test_each_has_its_turn_and_who_started_nothing_is_the_first(database: Database) -> None:
    def seed(connection: Connection) -> None:
        bot = a_bot(connection, a_project(connection))
        for number, minutes in enumerate((3, None, 1, None, 2)):
            compared_at = None if minutes is None else NOW + timedelta(minutes=minutes)
            a_heartbeat(connection, bot, uuid=f"hb_{number}", compared_at=compared_at)
        a_heartbeat(connection, bot, uuid="hb_gone", deleted_at=NOW)

    database.write_now(seed)
    assert database.read_now(count_living) == 5
    assert database.read_now(uuids, 9) == ["hb_1", "hb_3", "hb_2", "hb_4", "hb_0"]
    assert database.read_now(uuids, 1) == ["hb_1"]
    database.write_now(mark_compared, ["hb_1", "hb_3"], [], NOW + timedelta(minutes=4))
    assert database.read_now(uuids, 3) == ["hb_2", "hb_4", "hb_0"]
    database.write_now(compare_next, "hb_0")
    assert database.read_now(uuids, 2) == ["hb_0", "hb_2"]
