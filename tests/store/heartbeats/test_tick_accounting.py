"""Every tick of an enabled heartbeat has exactly one log, whatever was down when it was due."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from heartbeat.domain.cadence.ticks import Cadence
from heartbeat.domain.failure_policy import Ending
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.missed_ticks import GRACE, silence, silent, write_off
from heartbeat.store.heartbeats.states import leave
from heartbeat.store.heartbeats.tick_accounting import due
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.restored import settle_restored
from heartbeat.store.tables.credits import DailyRollup
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event
from heartbeat.store.tables.runs import Run
from tests.support.runs import by_hand, changed, opened, scheduled
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, heartbeat_row

MINUTE = timedelta(minutes=1)


@pytest.fixture
def heartbeat(database: Database) -> Heartbeat:
    row = database.write_now(lambda c: a_heartbeat(c, a_bot(c, a_project(c)), next_tick_at=NOW + MINUTE))
    assert row.accounted_until == NOW
    return row


def logs(database: Database) -> list[tuple[int, str, str | None]]:
    """Each tick's minute after NOW, its status and its reason, in order."""
    table = columns(Run)
    statement = select(table).where(table.c.scheduled_for.is_not(None)).order_by(table.c.scheduled_for)
    rows = database.read_now(lambda c: list(c.execute(statement)))
    return [((row.scheduled_for - NOW) // MINUTE, row.status, row.skip_reason) for row in rows]


def run_tick(database: Database, heartbeat: Heartbeat, minute: int, *, late: float = 0.5, lasts: float = 10) -> str:
    """A tick that is opened `late` seconds late and closed `lasts` seconds later; returns what was opened."""
    tick = NOW + minute * MINUTE
    begins = tick + timedelta(seconds=late)
    opening = opened(database, scheduled(heartbeat, tick), now=begins)
    if opening.run is None or opening.run.status != "running":
        return opening.reason
    uuid, ends = opening.run.uuid, begins + timedelta(seconds=lasts)
    database.write_now(lambda c: close_run(c, uuid, Ending("success"), ends))
    return "ran"


def events(database: Database) -> list[tuple[str, dict[str, object]]]:
    table = columns(Event)
    shown = select(table.c.kind, table.c.data).order_by(table.c.id)
    return database.read_now(lambda c: [tuple(row) for row in c.execute(shown)])


def test_ticks_on_time_are_one_run_each(database: Database, heartbeat: Heartbeat) -> None:
    assert [run_tick(database, heartbeat, minute) for minute in (1, 2, 3)] == ["ran"] * 3
    assert logs(database) == [(minute, "success", None) for minute in (1, 2, 3)]
    row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    assert (row.accounted_until, row.next_tick_at) == (NOW + 3 * MINUTE, NOW + 4 * MINUTE)


def test_after_an_outage_one_run_for_the_newest_missed_tick(database: Database, heartbeat: Heartbeat) -> None:
    run_tick(database, heartbeat, 1)
    # Temporal asks for the oldest tick it missed, twelve minutes late.
    assert run_tick(database, heartbeat, 2, late=12 * 60) == "ran"
    missed = [(minute, "skipped", "missed") for minute in range(2, 14)]
    assert logs(database) == [(1, "success", None), *missed, (14, "success", None)]
    # What it asks for afterwards has its log.
    for minute in range(3, 15):
        assert run_tick(database, heartbeat, minute, late=13 * 60) == "this tick has its log already"
    row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    assert (row.missed_count, row.skipped_count, row.success_count) == (12, 12, 2)
    # A gap is one event, however many ticks it swallowed.
    gap = {"ticks": 12, "first": (NOW + 2 * MINUTE).isoformat(), "last": (NOW + 13 * MINUTE).isoformat()}
    assert events(database) == [("heartbeat.missed", gap)]


def test_a_heartbeat_that_wants_no_catching_up(database: Database, heartbeat: Heartbeat) -> None:
    changed(database, Heartbeat, catch_up="none")
    assert run_tick(database, heartbeat, 1, late=20) == "ran"
    assert run_tick(database, heartbeat, 2, late=6 * 60) == "ran"
    changed(database, Heartbeat, cron_pattern="0 * * * *")
    assert run_tick(database, heartbeat, 60, late=6 * 60) == "it came too late, and catch_up is none"
    assert logs(database)[-1] == (60, "skipped", "missed")
    row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    assert row.missed_count == row.skipped_count == 7
    assert sum(data["ticks"] for _, data in events(database)) == 7


def test_a_day_late_is_missed_however_long_it_was_queued(database: Database, heartbeat: Heartbeat) -> None:
    """No worker for days: Temporal has kept the workflow of a tick that comes once a month."""
    changed(database, Heartbeat, cron_pattern=f"{(NOW + MINUTE).minute} {NOW.hour} {NOW.day} * *")
    assert run_tick(database, heartbeat, 1, late=24 * 3600 + 60) == "it came more than a day late"
    assert logs(database) == [(1, "skipped", "missed")]
    assert [kind for kind, _ in events(database)] == ["heartbeat.missed"]


def test_nearly_a_day_late_it_is_caught_up(database: Database, heartbeat: Heartbeat) -> None:
    changed(database, Heartbeat, cron_pattern=f"{(NOW + MINUTE).minute} {NOW.hour} {NOW.day} * *")
    assert run_tick(database, heartbeat, 1, late=24 * 3600 - 60) == "ran"


def test_ticks_that_fell_into_a_run_are_overlap(database: Database, heartbeat: Heartbeat) -> None:
    """Temporal drops them silently; the next run that opens knows."""
    run_tick(database, heartbeat, 1, lasts=200)
    run_tick(database, heartbeat, 5)
    assert logs(database) == [
        (1, "success", None),
        (2, "skipped", "overlap"),
        (3, "skipped", "overlap"),
        (4, "skipped", "overlap"),
        (5, "success", None),
    ]
    assert database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid)).missed_count == 0


def test_an_operators_backfill_runs_ticks_that_were_never_due(database: Database, heartbeat: Heartbeat) -> None:
    assert run_tick(database, heartbeat, -30) == "ran"
    run_tick(database, heartbeat, -30)
    assert logs(database) == [(-30, "success", None)]
    assert database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid)).accounted_until == NOW


def test_what_was_due_is_accounted_for_before_what_is_due_changes(database: Database, heartbeat: Heartbeat) -> None:
    run_tick(database, heartbeat, 1)
    later = NOW + 4 * MINUTE + timedelta(seconds=30)
    database.write_now(lambda c: leave(c, heartbeat_row(c, heartbeat.uuid), later))
    assert logs(database) == [(1, "success", None), *((minute, "skipped", "missed") for minute in (2, 3, 4))]


def test_one_that_is_off_owes_nothing(database: Database, heartbeat: Heartbeat) -> None:
    changed(database, Heartbeat, enabled=False)
    database.write_now(lambda c: leave(c, heartbeat_row(c, heartbeat.uuid), NOW + 60 * MINUTE))
    assert logs(database) == []
    assert database.read_now(lambda c: silent(c, NOW + 60 * MINUTE, 10)) == []


def test_a_pause_for_errors_accounts_for_the_ticks_during_the_run(database: Database, heartbeat: Heartbeat) -> None:
    changed(database, Heartbeat, max_consecutive_errors=1)
    run = opened(database, scheduled(heartbeat, NOW + MINUTE), now=NOW + MINUTE).run
    assert run is not None
    ends = NOW + 3 * MINUTE + timedelta(seconds=5)
    database.write_now(lambda c: close_run(c, run.uuid, Ending("error", "x", "No."), ends))
    assert logs(database) == [(1, "error", None), (2, "skipped", "overlap"), (3, "skipped", "overlap")]


def test_a_silent_heartbeat_is_found_after_its_grace(database: Database, heartbeat: Heartbeat) -> None:
    due = NOW + MINUTE
    assert database.read_now(lambda c: silent(c, due + GRACE, 10)) == []
    late = due + GRACE + timedelta(seconds=1)
    assert database.read_now(lambda c: silent(c, late, 10)) == [heartbeat.uuid]
    missed = database.write_now(lambda c: silence(c, heartbeat.uuid, late))
    assert missed is not None
    assert (missed.lost, missed.catch_up) == ([due], due)


def test_those_that_are_spread_do_not_hide_one_that_is_lost(database: Database, heartbeat: Heartbeat) -> None:
    bot = database.write_now(lambda c: a_bot(c, a_project(c)))
    spread = database.write_now(lambda c: a_heartbeat(c, bot, jitter_seconds=600, next_tick_at=NOW))
    late = NOW + MINUTE + GRACE + timedelta(seconds=1)
    assert database.read_now(lambda c: silent(c, late, 1)) == [heartbeat.uuid]
    assert database.read_now(lambda c: silent(c, late + timedelta(seconds=600), 1)) == [spread.uuid]


def test_those_whose_run_goes_on_do_not_hide_one_that_is_lost(database: Database, heartbeat: Heartbeat) -> None:
    """Runs that wait for a person, say: their ticks are overlap, and are logged when they end."""
    bot = database.write_now(lambda c: a_bot(c, a_project(c)))
    waits = database.write_now(lambda c: a_heartbeat(c, bot, next_tick_at=NOW))
    run = opened(database, scheduled(waits, NOW + MINUTE), now=NOW + MINUTE).run
    assert run is not None
    late = NOW + 5 * MINUTE
    changed(database, Heartbeat, next_tick_at=NOW + 2 * MINUTE)
    assert database.read_now(lambda c: silent(c, late, 1)) == [heartbeat.uuid]
    database.write_now(lambda c: close_run(c, run.uuid, Ending("success"), late))
    assert database.read_now(lambda c: silent(c, late, 2)) == [heartbeat.uuid, waits.uuid]


@pytest.mark.parametrize("when", [{"cron_pattern": "* * * * *"}, {"cron_pattern": None, "interval_minutes": 1}])
def test_a_tick_is_not_looked_for_beyond_what_is_due(when: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """One minute a week of every minute: to count 5,000 ticks ahead took longer than a transaction may."""
    looked_at, is_active = [], Cadence._is_active
    monkeypatch.setattr(Cadence, "_is_active", lambda cadence, tick: looked_at.append(tick) or is_active(cadence, tick))
    seldom = {"active_hours_start": "03:00", "active_hours_end": "03:01", "active_days": "1"}
    row = Heartbeat.model_construct(**when, **seldom, timezone="UTC", anchor_at=NOW, accounted_until=NOW)
    assert len(due(row, NOW + timedelta(days=8))) in (1, 2)
    assert max(looked_at) <= NOW + timedelta(days=8 + 7)


def test_silence_of_more_than_a_day_is_written_off(database: Database, heartbeat: Heartbeat) -> None:
    changed(database, Heartbeat, cron_pattern="0 9 * * *")
    late = NOW + timedelta(days=3)
    missed = database.write_now(lambda c: silence(c, heartbeat.uuid, late))
    assert missed is not None
    assert (len(missed.lost), missed.catch_up is None) == (3, False)
    changed(database, Heartbeat, catch_up="none")
    assert database.write_now(lambda c: write_off(c, heartbeat.uuid, late, late)) == 3
    assert database.write_now(lambda c: write_off(c, heartbeat.uuid, late, late)) == 0
    assert database.read_now(lambda c: silent(c, late, 10)) == []


def test_what_came_while_a_run_was_in_progress_is_not_caught_up(database: Database, heartbeat: Heartbeat) -> None:
    """A run that waited for a person for long, say: the ticks meanwhile are skipped, the newest among them."""
    run = opened(database, scheduled(heartbeat, NOW + MINUTE), now=NOW + MINUTE).run
    assert run is not None
    ended = NOW + 3 * MINUTE + timedelta(seconds=5)
    database.write_now(lambda c: close_run(c, run.uuid, Ending("success"), ended))
    late = NOW + 3 * MINUTE + GRACE + timedelta(seconds=1)
    missed = database.write_now(lambda c: silence(c, heartbeat.uuid, late))
    assert missed is not None
    assert (missed.lost, missed.catch_up) == ([NOW + 2 * MINUTE, NOW + 3 * MINUTE], None)
    assert database.write_now(lambda c: write_off(c, heartbeat.uuid, late, late)) == 0
    assert [reason for _, _, reason in logs(database)] == [None, "overlap", "overlap"]


def test_what_came_while_the_database_was_away_is_missed_and_its_newest_caught_up(
    database: Database, heartbeat: Heartbeat
) -> None:
    """A run that was under way in the backup is closed once that is put back, and did not last so long."""
    assert opened(database, scheduled(heartbeat, NOW + MINUTE), now=NOW + MINUTE).run is not None
    late = NOW + 3 * MINUTE + GRACE + timedelta(seconds=1)
    assert database.write_now(lambda c: settle_restored(c, late)).closed == 1
    missed = database.write_now(lambda c: silence(c, heartbeat.uuid, late))
    assert missed is not None
    assert missed.catch_up == NOW + 3 * MINUTE
    assert database.write_now(lambda c: write_off(c, heartbeat.uuid, late, late)) == 2
    assert [reason for _, _, reason in logs(database)] == [None, "missed", "missed"]


def test_no_catching_up_while_a_manual_run_is_in_progress(database: Database, heartbeat: Heartbeat) -> None:
    opened(database, by_hand(heartbeat), now=NOW + timedelta(seconds=30))
    late = NOW + 4 * MINUTE
    missed = database.write_now(lambda c: silence(c, heartbeat.uuid, late))
    assert missed is not None
    assert missed.catch_up is None
    database.write_now(lambda c: write_off(c, heartbeat.uuid, late, late))
    assert {reason for _, _, reason in logs(database)} == {"overlap"}


def test_days_of_minutes_are_accounted_for(database: Database, heartbeat: Heartbeat) -> None:
    ticks = 5_432
    run = opened(database, scheduled(heartbeat, NOW + MINUTE), now=NOW + ticks * MINUTE).run
    assert run is not None
    assert run.scheduled_for == NOW + ticks * MINUTE
    row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    assert row.missed_count == ticks - 1
    rollup = database.read_now(lambda c: c.execute(select(columns(DailyRollup))).all())
    assert sum(day.skipped for day in rollup) == ticks - 1
