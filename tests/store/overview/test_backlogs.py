"""What waits, and what was skipped since one looked last."""

from datetime import timedelta

from sqlalchemy import update

from heartbeat.store.database.database import Database
from heartbeat.store.database.list_marks import SETTLED
from heartbeat.store.database.rows import columns, insert
from heartbeat.store.overview.backlogs import backlogs
from heartbeat.store.tables.runs import Approval, Run
from tests.support.past_runs import a_run
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project

RUN = columns(Run)
MINUTE = timedelta(minutes=1)


def test_ticks_that_are_due(database: Database) -> None:
    def seed(connection):
        bot = a_bot(connection, a_project(connection))
        for due, fields in [(2, {}), (5, {"jitter_seconds": 240}), (9, {"enabled": False}), (9, {"deleted_at": NOW})]:
            a_heartbeat(connection, bot, **{"enabled": True, "next_tick_at": NOW - due * MINUTE, **fields})
        a_heartbeat(connection, bot, enabled=True, next_tick_at=NOW + MINUTE)

    database.write_now(seed)
    found = database.read_now(backlogs, None, NOW)
    assert (found.due, found.late_seconds) == (2, 120)
    assert (found.parked, found.parked_seconds, found.skipped) == (0, 0, {})


def test_runs_that_wait_for_credits(database: Database) -> None:
    def seed(connection):
        heartbeat = a_heartbeat(connection, a_bot(connection, a_project(connection)))
        for minutes, parked in ((3, True), (7, True), (20, False)):
            uuid = a_run(connection, heartbeat, "running", created_at=NOW - MINUTE)
            park = update(RUN).where(RUN.c.uuid == uuid).values(parked=parked).returning(RUN.c.id)
            run_id = connection.execute(park).scalar_one()
            of_run = {"bot_id": heartbeat.bot_id, "heartbeat_id": heartbeat.id, "run_id": run_id, "uuid": uuid}
            row = {"step": 2, "round": 1, "tool": "", "arguments": "{}", "reason": "budget", "why": "", **of_run}
            times = {"created_at": NOW - minutes * MINUTE, "expires_at": NOW + MINUTE}
            connection.execute(insert(connection, columns(Approval)).values(**row, **times, state="pending"))

    database.write_now(seed)
    found = database.read_now(backlogs, None, NOW)
    assert (found.parked, found.parked_seconds) == (2, 420)


def test_skipped_ticks_count_once_and_when_all_before_them_are_there(database: Database) -> None:
    heartbeat = database.write_now(lambda c: a_heartbeat(c, a_bot(c, a_project(c))))

    def skipped(reason: str, after: int) -> None:
        at = NOW + after * MINUTE
        database.write_now(lambda c: a_run(c, heartbeat, "skipped", skip_reason=reason, created_at=at))

    skipped("overlap", 0)
    since = database.read_now(backlogs, None, NOW + MINUTE).newest
    skipped("held", 1)
    skipped("missed", 2)
    just_now = database.read_now(backlogs, since, NOW + 2 * MINUTE)
    assert just_now.skipped == {"held": 1}
    later = database.read_now(backlogs, just_now.newest, NOW + 2 * MINUTE + SETTLED)
    assert later.skipped == {"missed": 1}
    assert database.read_now(backlogs, later.newest, NOW + 3 * MINUTE).skipped == {}
