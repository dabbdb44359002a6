"""What is worth telling, and whom: written with what caused it."""

from datetime import timedelta

import pytest

from heartbeat.domain.failure_policy import Ending
from heartbeat.domain.plans import Plan
from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats.tick_accounting import account, due
from heartbeat.store.notifications.targets import delete_target
from heartbeat.store.projects.access import Access
from heartbeat.store.runs.candidates import TickClaim
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.opening import open_run
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Finding, Target
from heartbeat.store.tables.runs import Run
from tests.support.receiver import Receiver
from tests.support.runs import LIMITS
from tests.support.seeds import a_bot, a_heartbeat, a_project
from tests.support.statements import statements
from tests.support.store_world import StoreWorld

DISK = {"title": "Disk is full", "severity": "critical", "fingerprint": "disk", "detail": "98 %"}


def test_a_streak_is_told_once_and_its_end_once(world: StoreWorld) -> None:
    world.target()
    closed = [world.fails(), world.fails(), world.run(), world.run()]
    assert [len(result.notification_uuids) for result in closed] == [1, 0, 1, 0]
    assert world.kinds() == ["run.failed", "run.recovered"]
    failed, recovered = world.rows(Event)
    assert (failed.data["code"], failed.data["message"], recovered.data["failures"]) == ("key_rejected", "No key.", 2)
    assert [row.status for row in world.notifications()] == ["pending", "pending"]


async def test_who_closes_again_tells_what_nobody_set_out_to_tell(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    first = world.fails()
    [run] = world.rows(Run)

    def again() -> tuple[str, ...]:
        return world.database.write_now(lambda c: close_run(c, run.uuid, Ending("error"), world.now)).notification_uuids

    assert (len(first.notification_uuids), again()) == (1, first.notification_uuids)
    await world.deliver(first.notification_uuids[0])
    assert again() == ()
    assert world.kinds() == ["run.failed"]


def test_a_pause_says_why_and_how_to_resume(world: StoreWorld) -> None:
    for _ in range(3):
        world.fails()
    assert world.kinds() == ["run.failed", "heartbeat.paused"]
    paused = world.rows(Event)[1].data
    assert paused["reason"] == "errors"
    assert paused["message"].startswith("Failed 3 times in a row; the last error: No key.")
    assert "POST /v1/bot/heartbeat/enable" in paused["resume"]


def test_a_first_failure_that_pauses_is_one_message(world: StoreWorld) -> None:
    world.change(Heartbeat, max_consecutive_errors=1)
    world.fails()
    assert world.kinds() == ["heartbeat.paused"]


def test_a_budget_that_is_used_up_is_told_as_a_pause(world: StoreWorld) -> None:
    world.target()
    world.change(Heartbeat, credit_budget=0)
    world.now += timedelta(minutes=1)
    claim = TickClaim(world.heartbeat.uuid, "schedule", None, "tick", "run-1", world.now)
    opening = world.database.write_now(lambda c: open_run(c, claim, LIMITS, world.now))
    assert opening.run is not None
    assert opening.run.skip_reason == "budget"
    [event] = world.rows(Event)
    assert (event.kind, event.data["reason"]) == ("heartbeat.paused", "budget")
    assert "credit_budget" in event.data["resume"]
    assert len(world.notifications()) == 1


def test_the_caller_of_a_manual_run_has_its_answer(world: StoreWorld) -> None:
    world.target()
    world.fails(trigger="manual")
    world.run(trigger="manual")
    assert (world.kinds(), world.notifications()) == ([], [])


def test_a_rehearsal_tells_nobody_and_knows_nothing(world: StoreWorld) -> None:
    world.target()
    world.fails(dry_run=True)
    world.reports(DISK, dry_run=True)
    assert (world.kinds(), world.rows(Finding)) == ([], [])


def test_a_gap_is_one_message(world: StoreWorld) -> None:
    world.target()
    later = world.now + timedelta(hours=3)
    world.database.write_now(lambda c: account(c, world.heartbeat, due(world.heartbeat, later), later))
    assert [(it.kind, it.data["ticks"]) for it in world.rows(Event)] == [("heartbeat.missed", 180)]
    assert len(world.notifications()) == 1


def test_those_hear_who_want_to(world: StoreWorld) -> None:
    def other(connection):  # type: ignore[no-untyped-def]
        bot = a_bot(connection, world.project)
        return bot.id, a_heartbeat(connection, bot).id

    bot, heartbeat = world.database.write_now(other)
    mine = {"bot_id": world.heartbeat.bot_id}
    hearing = [world.target(), world.target(**mine), world.target(**mine, heartbeat_id=world.heartbeat.id)]
    hearing.append(world.target(events=["run.recovered", "run.failed"]))
    for deaf in ({"bot_id": bot}, {"heartbeat_id": heartbeat}, {"events": ["run.finding"]}, {"is_enabled": False}):
        world.target(**deaf)
    gone = world.target().uuid
    world.database.write_now(lambda c: delete_target(c, Access(world.project, Plan()), gone, world.now))
    world.fails()
    assert [row.target_id for row in world.notifications()] == [target.id for target in hearing]


def test_another_projects_target_hears_nothing(world: StoreWorld, database: Database) -> None:
    stranger = database.write_now(lambda c: a_project(c, name="Stranger"))
    world.target()
    world.change(Target, project_id=stranger.id)
    world.fails()
    assert (world.kinds(), world.notifications()) == (["run.failed"], [])


@pytest.mark.parametrize("targets", [0, 3])
def test_a_plain_success_costs_no_statement_more(world: StoreWorld, targets: int) -> None:
    for _ in range(targets):
        world.target()
    with statements() as sent:
        world.run(Ending("success"))
    spoken = [statement.lower() for statement in sent]
    assert any("update heartbeat" in statement for statement in spoken)
    # Opening looks up everything about the heartbeat at once, whether anybody listens among it.
    spoken = [statement for statement in spoken if not statement.startswith("select heartbeat.id")]
    for table in (" event", "target", "finding", "notification"):
        assert not [it for it in spoken if f"from{table}" in it or f"from {table}" in it or f"into {table}" in it]
