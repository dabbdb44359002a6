"""A finding is told when it is news: new, worse, back, or due to be recalled."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from heartbeat.domain.actors import PRODUCT
from heartbeat.domain.errors import NotFound
from heartbeat.domain.plans import Plan
from heartbeat.store.database.database import Database
from heartbeat.store.database.pages import Page
from heartbeat.store.database.rows import columns
from heartbeat.store.notifications.findings import State, findings, set_finding_state
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.notifications import Event, Finding
from tests.support.seeds import a_bot
from tests.support.store_world import LATER, StoreWorld

DISK = {"title": "Disk is full", "severity": "warning", "fingerprint": "disk", "detail": "91 %"}
CERT = {"title": "Certificate ends soon", "severity": "info", "fingerprint": "cert", "detail": None}


def news(world: StoreWorld) -> list[list[tuple[str, str]]]:
    """Of each finding message: what it tells of, and as what."""
    events = [event for event in world.rows(Event) if event.kind == "run.finding"]
    return [[(it["fingerprint"], it["news"]) for it in event.data["findings"]] for event in events]


def say(world: StoreWorld, state: State, until: Any = None) -> None:
    [row] = world.rows(Finding)
    access = Access(world.project, Plan()).narrowed(Bot.model_construct(uuid="bot_1", id=world.heartbeat.bot_id))  # type: ignore[call-arg]
    world.database.write_now(lambda c: set_finding_state(c, access, row.uuid, state, world.now, until))


def test_the_same_finding_for_three_runs_is_one_message(world: StoreWorld) -> None:
    world.target()
    messages = [world.reports(DISK).notification_uuids for _ in range(3)]
    assert [len(it) for it in messages] == [1, 0, 0]
    assert len(world.notifications()) == 1
    [row] = world.rows(Finding)
    assert (row.state, row.times_seen, row.first_seen_at < row.last_seen_at) == ("open", 3, True)


def test_resolved_and_back_is_another(world: StoreWorld) -> None:
    world.reports(DISK)
    world.reports()
    assert [(row.state, row.resolved_at) for row in world.rows(Finding)] == [("resolved", world.now)]
    world.reports(DISK)
    assert news(world) == [[("disk", "new")], [("disk", "back")]]
    assert world.rows(Finding)[0].resolved_at is None


def test_all_that_a_run_newly_found_is_one_message(world: StoreWorld) -> None:
    world.reports(DISK)
    world.reports(DISK, CERT, {**CERT, "fingerprint": "other"})
    assert news(world) == [[("disk", "new")], [("cert", "new"), ("other", "new")]]


def test_what_got_worse_is_told(world: StoreWorld) -> None:
    world.reports(DISK)
    for severity in ("critical", "critical", "warning", "critical", "info"):
        world.reports({**DISK, "severity": severity})
    assert news(world) == [[("disk", "new")], [("disk", "changed")]]
    assert world.rows(Finding)[0].severity == "info"


def test_what_was_recalled_as_milder_may_get_worse_again(world: StoreWorld) -> None:
    for severity in ("critical", "info", "warning"):
        world.reports({**DISK, "severity": severity})
        world.now += timedelta(days=1)
    assert news(world) == [[("disk", "new")], [("disk", "still there")], [("disk", "changed")]]


@pytest.mark.parametrize(
    "titles",
    [
        ("Disk of web-1 is 91% full", "Disk of web-1 is 92% full", "disk of web-1 is 91 % full"),
        ("Shop down since 09:12, checked 10:00", "Shop down since 09:12, checked 10:30"),
        ("Disk almost full on web-1", "web-1: disk nearly full", "Disk almost full on web-1"),
    ],
)
def test_other_words_are_no_news_and_the_latest_are_shown(world: StoreWorld, titles: tuple[str, ...]) -> None:
    for title in titles:
        world.reports({**DISK, "title": title})
    assert news(world) == [[("disk", "new")]]
    assert world.rows(Finding)[0].title == titles[-1]
    world.now += timedelta(days=1)
    world.reports({**DISK, "title": "Disk of web-1 is 97% full"})
    sent = [event.data["findings"][0]["title"] for event in world.rows(Event) if event.kind == "run.finding"]
    assert sent == [titles[0], "Disk of web-1 is 97% full"]


def test_a_fingerprint_in_other_letters_is_the_same_matter(world: StoreWorld) -> None:
    for fingerprint in ("disk-full:web-1", "Disk-Full:web-1", "disk full: web_1"):
        world.reports({**DISK, "fingerprint": fingerprint})
    [row] = world.rows(Finding)
    assert (row.fingerprint, row.times_seen, row.state) == ("disk-full:web-1", 3, "open")
    world.reports()
    world.reports({**DISK, "fingerprint": "DISK_FULL:web-1"})
    assert news(world) == [[("disk-full:web-1", "new")], [("disk-full:web-1", "back")]]


def test_of_two_findings_of_one_matter_the_worst_counts(world: StoreWorld) -> None:
    worst = {**DISK, "fingerprint": "Disk", "severity": "critical"}
    world.reports(DISK, worst, {**DISK, "fingerprint": "disk "})
    [event] = world.rows(Event)
    assert [finding["severity"] for finding in event.data["findings"]] == ["critical"]


def test_two_rows_of_before_for_one_matter_become_one(world: StoreWorld) -> None:
    world.reports(DISK, {**DISK, "fingerprint": "door"})
    _, second = world.rows(Finding)
    renamed = update(columns(Finding)).where(columns(Finding).c.id == second.id)
    world.database.write_now(lambda c: c.execute(renamed.values(fingerprint="Disk", fingerprint_key=None)))
    world.reports(DISK)
    assert [(row.fingerprint, row.state) for row in world.rows(Finding)] == [("disk", "resolved"), ("Disk", "open")]
    world.reports(DISK)
    assert len(news(world)) == 1


def test_a_detail_that_changes_is_kept_and_not_told(world: StoreWorld) -> None:
    world.reports(DISK)
    world.reports({**DISK, "detail": "92 %"})
    assert (len(news(world)), world.rows(Finding)[0].detail) == (1, "92 %")


def test_one_that_stays_is_recalled_after_a_day(world: StoreWorld) -> None:
    world.reports(DISK)
    for _ in range(3):
        world.now += timedelta(hours=12)
        world.reports(DISK)
    assert news(world) == [[("disk", "new")], [("disk", "still there")]]


def test_a_daily_run_that_is_some_moments_early_recalls_it_all_the_same(world: StoreWorld) -> None:
    for early in (0, 2, 30):
        world.reports(DISK)
        world.now += timedelta(days=1) - LATER - timedelta(seconds=early)
    assert news(world) == [[("disk", "new")], [("disk", "still there")], [("disk", "still there")]]


def test_nothing_to_report_sends_nothing(world: StoreWorld) -> None:
    world.target()
    world.reports(outcome="nothing_to_report")
    world.reports(DISK, outcome="nothing_to_report")
    assert (world.kinds(), world.notifications()) == ([], [])
    world.reports(DISK)
    assert news(world) == [[("disk", "new")]]
    world.reports(outcome="nothing_to_report")
    assert world.rows(Finding)[0].state == "resolved"


def test_a_run_that_failed_resolves_nothing(world: StoreWorld) -> None:
    world.reports(DISK)
    world.reports(outcome="failed")
    assert world.rows(Finding)[0].state == "open"
    assert world.kinds() == ["run.finding", "run.failed"]


def test_an_acknowledged_one_is_silent_until_it_is_worse(world: StoreWorld) -> None:
    world.reports(DISK)
    say(world, "acknowledged")
    world.now += timedelta(days=3)
    world.reports({**DISK, "title": "Disk is 97 % full"})
    assert len(news(world)) == 1
    world.reports({**DISK, "severity": "critical"})
    assert news(world)[1] == [("disk", "changed")]
    assert world.rows(Finding)[0].state == "open"


def test_a_snoozed_one_is_silent_until_its_time(world: StoreWorld) -> None:
    world.reports(DISK)
    say(world, "snoozed", world.now + timedelta(days=2))
    world.now += timedelta(days=1)
    world.reports({**DISK, "severity": "critical"})
    assert len(news(world)) == 1
    world.now += timedelta(days=1)
    world.reports(DISK)
    assert news(world)[1:] == [[("disk", "still there")]]


def test_resolved_by_hand_it_is_told_when_it_is_found_again(world: StoreWorld) -> None:
    world.reports(DISK)
    say(world, "resolved")
    world.reports(DISK)
    assert news(world)[1] == [("disk", "back")]


def test_findings_are_listed_by_state_and_belong_to_their_bot(world: StoreWorld, database: Database) -> None:
    world.reports(DISK, CERT)
    world.reports(CERT)
    access = Access(world.project, Plan())
    bot = Bot.model_construct(uuid="bot_1", id=world.heartbeat.bot_id)  # type: ignore[call-arg]
    listed, total = database.read_now(lambda c: findings(c, access.narrowed(bot), None, Page(1, 10)))
    assert ([it.finding.fingerprint for it in listed], total) == (["cert", "disk"], 2)
    assert {it.heartbeat_uuid for it in listed} == {world.heartbeat.uuid}
    of_heartbeat = access.narrowed(bot, world.heartbeat)
    gone, total = database.read_now(lambda c: findings(c, of_heartbeat, "resolved", Page(1, 10)))
    assert ([it.finding.fingerprint for it in gone], total) == (["disk"], 1)
    stranger = database.write_now(lambda c: a_bot(c, world.project))
    with pytest.raises(NotFound, match="no finding"):
        database.write_now(
            lambda c: set_finding_state(c, access.narrowed(stranger), listed[0].finding.uuid, "resolved", world.now)
        )


def test_who_marked_a_finding_is_kept_until_it_is_open_again(world: StoreWorld) -> None:
    world.reports(DISK)
    say(world, "resolved")
    assert [row.marked_by for row in world.rows(Finding)] == [PRODUCT.words]
    world.reports(DISK)
    assert [(row.state, row.marked_by) for row in world.rows(Finding)] == [("open", None)]
    say(world, "acknowledged")
    world.reports()
    assert [(row.state, row.marked_by) for row in world.rows(Finding)] == [("resolved", None)]
