"""What is worth telling, and whom: written with what caused it."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from heartbeat.store.database import Database
from heartbeat.store.heartbeats.tick_accounting import account, due
from heartbeat.store.notifications.targets import delete_target
from heartbeat.store.runs.closing import Ending, close_run
from heartbeat.store.runs.opening import TickClaim, open_run
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Finding, Target
from heartbeat.store.tables.runs import Run
from tests.support.desk import Desk
from tests.support.receiver import Receiver
from tests.support.runs import HOUSE
from tests.support.seeds import a_bot, a_heartbeat, a_project

DISK = {"title": "Disk is full", "severity": "critical", "fingerprint": "disk", "detail": "98 %"}


def test_a_streak_is_told_once_and_its_end_once(desk: Desk) -> None:
    desk.target()
    closed = [desk.fails(), desk.fails(), desk.run(), desk.run()]
    assert [len(result.notification_uuids) for result in closed] == [1, 0, 1, 0]
    assert desk.kinds() == ["run.failed", "run.recovered"]
    failed, recovered = desk.rows(Event)
    assert (failed.data["code"], failed.data["message"], recovered.data["failures"]) == ("key_rejected", "No key.", 2)
    assert [row.status for row in desk.notifications()] == ["pending", "pending"]


async def test_who_closes_again_tells_what_nobody_set_out_to_tell(desk: Desk, receiver: Receiver) -> None:
    desk.target(receiver.url)
    first = desk.fails()
    [run] = desk.rows(Run)

    def again() -> tuple[str, ...]:
        return desk.database.write_now(lambda c: close_run(c, run.uuid, Ending("error"), desk.now)).notification_uuids

    assert (len(first.notification_uuids), again()) == (1, first.notification_uuids)
    await desk.deliver(first.notification_uuids[0])
    assert again() == ()
    assert desk.kinds() == ["run.failed"]


def test_a_pause_says_why_and_how_to_resume(desk: Desk) -> None:
    for _ in range(3):
        desk.fails()
    assert desk.kinds() == ["run.failed", "heartbeat.paused"]
    paused = desk.rows(Event)[1].data
    assert paused["reason"] == "errors"
    assert paused["message"].startswith("Failed 3 times in a row; the last error: No key.")
    assert "POST /v1/bot/heartbeat/enable" in paused["resume"]


def test_a_first_failure_that_pauses_is_one_message(desk: Desk) -> None:
    desk.change(Heartbeat, max_consecutive_errors=1)
    desk.fails()
    assert desk.kinds() == ["heartbeat.paused"]


def test_a_budget_that_is_used_up_is_told_as_a_pause(desk: Desk) -> None:
    desk.target()
    desk.change(Heartbeat, credit_budget=0)
    desk.now += timedelta(minutes=1)
    claim = TickClaim(desk.heartbeat.uuid, "schedule", None, "tick", "run-1", desk.now)
    opening = desk.database.write_now(lambda c: open_run(c, claim, HOUSE, desk.now))
    assert opening.run is not None
    assert opening.run.skip_reason == "budget"
    [told] = desk.rows(Event)
    assert (told.kind, told.data["reason"]) == ("heartbeat.paused", "budget")
    assert "credit_budget" in told.data["resume"]
    assert len(desk.notifications()) == 1


def test_the_caller_of_a_manual_run_has_its_answer(desk: Desk) -> None:
    desk.target()
    desk.fails(trigger="manual")
    desk.run(trigger="manual")
    assert (desk.kinds(), desk.notifications()) == ([], [])


def test_a_rehearsal_tells_nobody_and_knows_nothing(desk: Desk) -> None:
    desk.target()
    desk.fails(dry_run=True)
    desk.reports(DISK, dry_run=True)
    assert (desk.kinds(), desk.rows(Finding)) == ([], [])


def test_a_gap_is_one_message(desk: Desk) -> None:
    desk.target()
    later = desk.now + timedelta(hours=3)
    desk.database.write_now(lambda c: account(c, desk.heartbeat, due(desk.heartbeat, later), later))
    assert [(it.kind, it.data["ticks"]) for it in desk.rows(Event)] == [("heartbeat.missed", 180)]
    assert len(desk.notifications()) == 1


def test_those_hear_who_want_to(desk: Desk) -> None:
    def other(connection):  # type: ignore[no-untyped-def]
        bot = a_bot(connection, desk.project)
        return bot.id, a_heartbeat(connection, bot).id

    bot, heartbeat = desk.database.write_now(other)
    mine = {"bot_id": desk.heartbeat.bot_id}
    hearing = [desk.target(), desk.target(**mine), desk.target(**mine, heartbeat_id=desk.heartbeat.id)]
    hearing.append(desk.target(events=["run.recovered", "run.failed"]))
    for deaf in ({"bot_id": bot}, {"heartbeat_id": heartbeat}, {"events": ["run.finding"]}, {"is_enabled": False}):
        desk.target(**deaf)
    gone = desk.target().uuid
    desk.database.write_now(lambda c: delete_target(c, desk.project, gone, desk.now))
    desk.fails()
    assert [row.target_id for row in desk.notifications()] == [target.id for target in hearing]


def test_another_projects_target_hears_nothing(desk: Desk, database: Database) -> None:
    stranger = database.write_now(lambda c: a_project(c, name="Stranger"))
    desk.target()
    desk.change(Target, project_id=stranger.id)
    desk.fails()
    assert (desk.kinds(), desk.notifications()) == (["run.failed"], [])


@pytest.mark.parametrize("targets", [0, 3])
def test_a_plain_success_costs_no_statement_more(desk: Desk, targets: int) -> None:
    for _ in range(targets):
        desk.target()
    spoken: list[str] = []

    def listen(connection, cursor, statement, *_):  # type: ignore[no-untyped-def]
        spoken.append(statement.lower())

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        desk.run(Ending("success"))
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    assert any("update heartbeat" in statement for statement in spoken)
    # Opening looks up everything about the heartbeat at once, whether anybody listens among it.
    spoken = [statement for statement in spoken if not statement.startswith("select heartbeat.id")]
    for table in (" event", "target", "finding", "notification"):
        assert not [it for it in spoken if f"from{table}" in it or f"from {table}" in it or f"into {table}" in it]
