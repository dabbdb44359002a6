"""A tick that is claimed again leaves all as it is, and what was refused says why to whoever asks."""

from dataclasses import replace
from datetime import timedelta

import pytest

from heartbeat.domain.bounds import Bounds
from heartbeat.domain.failure_policy import cooled_down
from heartbeat.domain.plans import Plan
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats.probes import probe_id
from heartbeat.store.runs.opening import Opening
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from tests.support.runs import LIMITS, TICK, by_hand, changed, opened, opened_run, scheduled
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, heartbeat_row


@pytest.fixture
def heartbeat(database: Database) -> Heartbeat:
    return database.write_now(lambda c: a_heartbeat(c, a_bot(c, a_project(c)), credit_budget=None))


def test_one_that_runs_is_found_and_is_not_new(database: Database, heartbeat: Heartbeat) -> None:
    first, again = opened(database, scheduled(heartbeat)), opened(database, scheduled(heartbeat))
    assert first.run
    assert (first.run.status, first.is_new) == ("running", True)
    assert again == Opening(first.run)


@pytest.mark.parametrize(
    ("table", "change", "skip_reason", "reason"),
    [
        (Bot, {"status": False}, "disabled_bot", "the bot or its heartbeat is switched off"),
        (Project, {"plan": "free"}, "plan", "the plan free does not support heartbeats"),
        (Heartbeat, {}, "overlap", "an earlier run was still in progress"),
    ],
)
def test_one_that_was_refused_is_found_and_says_why(
    database: Database,
    heartbeat: Heartbeat,
    table: type,
    change: dict[str, object],
    skip_reason: str,
    reason: str,
) -> None:
    if change:
        changed(database, table, **change)
    else:
        opened(database, by_hand(heartbeat))
    first, again = opened(database, scheduled(heartbeat)), opened(database, scheduled(heartbeat))
    assert (first.reason, first.is_new) == (reason, True)
    assert again == Opening(first.run, skip_reason)


def test_a_tick_of_another_that_goes_on_keeps_its_credits(database: Database, heartbeat: Heartbeat) -> None:
    assert opened_run(database, scheduled(heartbeat)).credits_held > 0
    late = opened(database, scheduled(heartbeat, workflow="a backfill"))
    assert late == Opening(None, "this tick has its log already")
    assert database.read_now(audit) == []


def test_a_tick_of_before_the_logs_that_are_kept_does_not_run(database: Database, heartbeat: Heartbeat) -> None:
    changed(database, Heartbeat, accounted_until=TICK)
    limits = replace(LIMITS, plan=lambda _: Plan(logs_days=1))
    too_late = opened(database, scheduled(heartbeat), limits, TICK + timedelta(days=1, seconds=1))
    assert too_late == Opening(None, "the log of this tick is not kept any longer")
    assert opened(database, scheduled(heartbeat), limits, TICK + timedelta(days=1)).run


def test_one_that_is_bounded_waits_for_a_slot_and_holds_nothing_yet(database: Database, heartbeat: Heartbeat) -> None:
    limits = replace(LIMITS, bounds=Bounds(runs={"self_hosted": 1}))
    run = opened_run(database, scheduled(heartbeat), limits, NOW)
    assert (run.status, run.waiting, run.credits_held) == ("running", "capacity", 0)
    assert database.read_now(audit) == []


def test_a_probe_that_is_refused_waits_for_the_next_cool_down(database: Database, heartbeat: Heartbeat) -> None:
    pause = {"pause_reason": "errors", "pause_cause": "failures", "pause_since": NOW, "probe_at": NOW}
    changed(database, Heartbeat, enabled=False, **pause)
    changed(database, Project, plan="free")
    probe = replace(by_hand(heartbeat), trigger="probe", triggered_by="usr_gone")
    probe = replace(probe, workflow_id=probe_id(database.read_now(heartbeat_row, heartbeat.uuid)))
    refused = opened(database, probe)
    assert refused.run
    assert (refused.run.skip_reason, refused.run.triggered_by) == ("plan", "usr_gone")
    assert refused.schedule_changed
    row = database.read_now(heartbeat_row, heartbeat.uuid)
    assert (row.probes, row.probe_at, row.enabled) == (1, cooled_down(1, NOW), False)
