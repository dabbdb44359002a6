"""A finding is told when it is news: new, changed, back, or due to be recalled."""

from datetime import timedelta
from typing import Any

import pytest

from heartbeat.domain.errors import NotFound
from heartbeat.store.database import Database
from heartbeat.store.notifications.findings import State, findings, mark
from heartbeat.store.pages import Page
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.notifications import Event, Finding
from tests.support.desk import LATER, Desk
from tests.support.seeds import a_bot

DISK = {"title": "Disk is full", "severity": "warning", "fingerprint": "disk", "detail": "91 %"}
CERT = {"title": "Certificate ends soon", "severity": "info", "fingerprint": "cert", "detail": None}


def news(desk: Desk) -> list[list[tuple[str, str]]]:
    """Of each finding message: what it tells of, and as what."""
    told = [event for event in desk.rows(Event) if event.kind == "run.finding"]
    return [[(it["fingerprint"], it["news"]) for it in event.data["findings"]] for event in told]


def say(desk: Desk, state: State, until: Any = None) -> None:
    [row] = desk.rows(Finding)
    bot = Bot.model_construct(id=desk.heartbeat.bot_id)
    desk.database.write_now(lambda c: mark(c, bot, row.uuid, state, desk.now, until))


def test_the_same_finding_for_three_runs_is_one_message(desk: Desk) -> None:
    desk.target()
    told = [desk.reports(DISK).notification_uuids for _ in range(3)]
    assert [len(it) for it in told] == [1, 0, 0]
    assert len(desk.notifications()) == 1
    [row] = desk.rows(Finding)
    assert (row.state, row.times_seen, row.first_seen_at < row.last_seen_at) == ("open", 3, True)


def test_resolved_and_back_is_another(desk: Desk) -> None:
    desk.reports(DISK)
    desk.reports()
    assert [(row.state, row.resolved_at) for row in desk.rows(Finding)] == [("resolved", desk.now)]
    desk.reports(DISK)
    assert news(desk) == [[("disk", "new")], [("disk", "back")]]
    assert desk.rows(Finding)[0].resolved_at is None


def test_all_that_a_run_newly_found_is_one_message(desk: Desk) -> None:
    desk.reports(DISK)
    desk.reports(DISK, CERT, {**CERT, "fingerprint": "other"})
    assert news(desk) == [[("disk", "new")], [("cert", "new"), ("other", "new")]]


@pytest.mark.parametrize("change", [{"severity": "critical"}, {"title": "Both disks are full"}])
def test_a_change_that_matters_is_told(desk: Desk, change: dict[str, str]) -> None:
    desk.reports(DISK)
    desk.reports({**DISK, **change})
    desk.reports({**DISK, **change})
    assert news(desk) == [[("disk", "new")], [("disk", "changed")]]


def test_a_detail_that_changes_is_kept_and_not_told(desk: Desk) -> None:
    desk.reports(DISK)
    desk.reports({**DISK, "detail": "92 %"})
    assert (len(news(desk)), desk.rows(Finding)[0].detail) == (1, "92 %")


def test_one_that_stays_is_recalled_after_a_day(desk: Desk) -> None:
    desk.reports(DISK)
    for _ in range(3):
        desk.now += timedelta(hours=12)
        desk.reports(DISK)
    assert news(desk) == [[("disk", "new")], [("disk", "still there")]]


def test_a_daily_run_that_is_some_moments_early_recalls_it_all_the_same(desk: Desk) -> None:
    for early in (0, 2, 30):
        desk.reports(DISK)
        desk.now += timedelta(days=1) - LATER - timedelta(seconds=early)
    assert news(desk) == [[("disk", "new")], [("disk", "still there")], [("disk", "still there")]]


def test_nothing_to_report_sends_nothing(desk: Desk) -> None:
    desk.target()
    desk.reports(outcome="nothing_to_report")
    desk.reports(DISK, outcome="nothing_to_report")
    assert (desk.kinds(), desk.notifications()) == ([], [])
    desk.reports(DISK)
    assert news(desk) == [[("disk", "new")]]
    desk.reports(outcome="nothing_to_report")
    assert desk.rows(Finding)[0].state == "resolved"


def test_a_run_that_failed_resolves_nothing(desk: Desk) -> None:
    desk.reports(DISK)
    desk.reports(outcome="failed")
    assert desk.rows(Finding)[0].state == "open"
    assert desk.kinds() == ["run.finding", "run.failed"]


def test_an_acknowledged_one_is_silent_until_it_changes(desk: Desk) -> None:
    desk.reports(DISK)
    say(desk, "acknowledged")
    desk.now += timedelta(days=3)
    desk.reports(DISK)
    assert len(news(desk)) == 1
    desk.reports({**DISK, "severity": "critical"})
    assert news(desk)[1] == [("disk", "changed")]
    assert desk.rows(Finding)[0].state == "open"


def test_a_snoozed_one_is_silent_until_its_time(desk: Desk) -> None:
    desk.reports(DISK)
    say(desk, "snoozed", desk.now + timedelta(days=2))
    desk.now += timedelta(days=1)
    desk.reports({**DISK, "severity": "critical"})
    assert len(news(desk)) == 1
    desk.now += timedelta(days=1)
    desk.reports(DISK)
    assert news(desk)[1:] == [[("disk", "still there")]]


def test_resolved_by_hand_it_is_told_when_it_is_found_again(desk: Desk) -> None:
    desk.reports(DISK)
    say(desk, "resolved")
    desk.reports(DISK)
    assert news(desk)[1] == [("disk", "back")]


def test_findings_are_listed_by_state_and_belong_to_their_bot(desk: Desk, database: Database) -> None:
    desk.reports(DISK, CERT)
    desk.reports(CERT)
    bot = Bot.model_construct(id=desk.heartbeat.bot_id)
    listed, total = database.read_now(lambda c: findings(c, bot, None, None, Page(1, 10)))
    assert ([it.finding.fingerprint for it in listed], total) == (["cert", "disk"], 2)
    assert {it.heartbeat for it in listed} == {desk.heartbeat.uuid}
    gone, total = database.read_now(lambda c: findings(c, bot, "resolved", desk.heartbeat, Page(1, 10)))
    assert ([it.finding.fingerprint for it in gone], total) == (["disk"], 1)
    stranger = database.write_now(lambda c: a_bot(c, desk.project))
    with pytest.raises(NotFound, match="no finding"):
        database.write_now(lambda c: mark(c, stranger, listed[0].finding.uuid, "resolved", desk.now))
