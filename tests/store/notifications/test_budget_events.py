"""What is told of budgets: half used, almost used up, used up, once a period each; and of runs that cost too much."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from heartbeat.domain.failure_policy import Ending
from heartbeat.domain.plans import Plan
from heartbeat.store.credits.grants import grant
from heartbeat.store.database.rows import columns, exactly_one
from heartbeat.store.notifications.events import APPROVAL, record_event
from heartbeat.store.notifications.outbox import overdue_notifications
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.steps import NewStep, settle_step
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Notification
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run
from tests.support.pending_rows import a_subscriber
from tests.support.receiver import Receiver
from tests.support.runs import LIMITS, by_hand, opened, opened_run, scheduled
from tests.support.seeds import NOW, a_bot, a_heartbeat
from tests.support.store_world import StoreWorld

# Two credits each.
DEAR = NewStep(1, "All quiet.", "[]", "openai:scripted", 1900, 50, 7)
ROWS = {"heartbeat": Heartbeat, "bot": Bot, "project": Project}
OWNERS = pytest.mark.parametrize("owner", [*ROWS, "plan"])
RATE = "At this rate they are used up on 2026-11-{} (UTC)."
SPENT = "Nothing more runs until then, unless somebody raises it."
TEN = replace(LIMITS, plan=lambda _: Plan(credits_per_month=10))


def give(world: StoreWorld, owner: str, budget: int | None = 10) -> Any:
    """Have `owner` use no more than this; returns the limits to open runs with."""
    if owner == "plan":
        return replace(LIMITS, plan=lambda _: Plan(credits_per_month=budget))
    world.change(ROWS[owner], credit_budget=budget)
    return LIMITS


def spends(world: StoreWorld, limits: Any = LIMITS, step: NewStep = DEAR, again: int = 1) -> None:
    """A run that is charged for one step, which may be settled several times."""
    number = len(world.rows(Event)) + world.now.minute
    world.now += timedelta(minutes=1)
    run = opened_run(world.database, by_hand(world.heartbeat, f"log_{number}_{world.now:%d%H%M}"), limits, world.now)
    assert run.status == "running"
    for _ in range(again):
        world.database.write_now(lambda c: settle_step(c, run.uuid, step, 1, world.now))


def due(notification_id: int, now: datetime) -> Any:
    table = columns(Notification)
    return update(table).where(table.c.id == notification_id).values(next_attempt_at=now)


def told(world: StoreWorld) -> list[tuple[str, int, int, int]]:
    events = [event.data for event in world.rows(Event) if event.kind == "budget.threshold"]
    return [(data["owner"], data["level"], data["used"], data["budget"]) for data in events]


@OWNERS
def test_each_level_is_told_once_by_the_charge_that_reaches_it(world: StoreWorld, owner: str) -> None:
    world.target()
    limits = give(world, owner)
    seen = []
    for _ in range(5):
        spends(world, limits, again=2)
        seen.append(len(told(world)))
    assert seen == [0, 0, 1, 2, 3]
    assert told(world) == [(owner, 50, 6, 10), (owner, 80, 8, 10), (owner, 100, 10, 10)]
    half, _, up = [event.data for event in world.rows(Event)]
    assert half["period_ends_at"] == "2026-12-01T00:00:00+00:00"
    # Six credits in nineteen days and a half: the rest lasts a little longer than the month.
    assert (half["spent_on"], up["spent_on"]) == (None, world.now.isoformat())
    assert len(world.notifications()) == 3
    # Nobody else starts their deliveries.
    due = world.database.read_now(lambda c: overdue_notifications(c, world.now, 9))
    assert due == [row.uuid for row in world.notifications()]


@OWNERS
def test_a_charge_over_two_levels_tells_of_the_higher_one(world: StoreWorld, owner: str) -> None:
    spends(world, give(world, owner, 2))
    assert told(world) == [(owner, 100, 2, 2)]


@pytest.mark.parametrize("owner", ROWS)
def test_another_budget_has_levels_of_its_own(world: StoreWorld, owner: str) -> None:
    give(world, owner, 4)
    spends(world)
    give(world, owner, 8)
    spends(world)
    # What was used is past these levels already.
    give(world, owner, 5)
    give(world, owner, 8)
    spends(world)
    spends(world)
    assert told(world) == [(owner, 50, 2, 4), (owner, 50, 4, 8), (owner, 100, 8, 8)]


def test_a_grant_is_part_of_what_the_plan_has(world: StoreWorld) -> None:
    world.database.write_now(lambda c: grant(c, world.project, 10, None, "once", NOW))
    for _ in range(5):
        spends(world, TEN)
    assert told(world) == [("plan", 50, 10, 20)]


@OWNERS
def test_a_period_has_levels_of_its_own(world: StoreWorld, owner: str) -> None:
    limits = give(world, owner, 4)
    spends(world, limits)
    world.now += timedelta(days=30)
    spends(world, limits)
    assert told(world) == [(owner, 50, 2, 4), (owner, 50, 2, 4)]


@OWNERS
def test_an_hour_of_the_old_period_is_not_told_in_the_new_one(world: StoreWorld, owner: str) -> None:
    limits = give(world, owner, 4)
    end = NOW.replace(month=12, day=1, hour=0, minute=0)
    run = opened_run(world.database, by_hand(world.heartbeat), limits, end - timedelta(minutes=1))
    world.database.write_now(lambda c: settle_step(c, run.uuid, DEAR, 1, end + timedelta(minutes=1)))
    assert told(world) == []


@pytest.mark.parametrize("owner", ["bot", "project", "plan"])
def test_a_budget_that_does_for_no_further_run_is_used_up_once(world: StoreWorld, owner: str) -> None:
    limits = give(world, owner, 3)
    spends(world, limits)
    world.change(Run, status="success")
    for _ in range(2):
        world.now += timedelta(minutes=1)
        refused = opened(world.database, scheduled(world.heartbeat, world.now), limits, world.now).run
        assert refused
        assert refused.skip_reason == ("plan" if owner == "plan" else "budget")
    assert told(world) == [(owner, 50, 2, 3), (owner, 100, 2, 3)]
    [_, up] = world.rows(Event)
    assert (up.run_id is None, up.data["run"].startswith("log_")) == (False, True)


@OWNERS
def test_what_others_may_give_back_is_not_used_up(world: StoreWorld, owner: str) -> None:
    """A rehearsal in progress holds the most that its step can cost: no pause, and nothing to tell."""
    limits = give(world, owner, 3)
    rehearsal = opened_run(world.database, replace(by_hand(world.heartbeat), dry_run=True), limits, world.now)
    world.now += timedelta(minutes=1)
    refused = opened_run(world.database, scheduled(world.heartbeat, world.now), limits, world.now)
    assert refused.skip_reason == ("plan" if owner == "plan" else "budget")
    assert "is spent" not in (refused.error_message or "")
    [row] = world.rows(Heartbeat)
    assert (row.enabled, world.kinds()) == (True, [])
    world.database.write_now(lambda c: close_run(c, rehearsal.uuid, Ending("success"), world.now))
    world.now += timedelta(minutes=1)
    assert opened_run(world.database, scheduled(world.heartbeat, world.now), limits, world.now).status == "running"


def test_who_asked_for_a_run_has_the_answer_that_there_are_no_credits(world: StoreWorld) -> None:
    give(world, "bot", 1)
    assert opened_run(world.database, by_hand(world.heartbeat)).skip_reason == "budget"
    assert told(world) == []


@pytest.mark.parametrize(("owner", "hearing"), [("heartbeat", "pbh"), ("bot", "pbhs"), ("project", "pbhsox")])
def test_those_hear_whose_heartbeats_will_not_run(world: StoreWorld, owner: str, hearing: str) -> None:
    mine = {"bot_id": world.heartbeat.bot_id}

    def others(connection: Any) -> tuple[Heartbeat, Heartbeat, int]:
        table = columns(Bot)
        own = exactly_one(connection, Bot, select(table).where(table.c.id == world.heartbeat.bot_id))
        return (
            a_heartbeat(connection, own),
            a_heartbeat(connection, a_bot(connection, world.project)),
            a_subscriber(connection, own).id,
        )

    sibling, stranger, member_id = world.database.write_now(others)
    targets = {
        "p": world.target(),
        "b": world.target(**mine),
        "h": world.target(**mine, heartbeat_id=world.heartbeat.id),
        "s": world.target(**mine, heartbeat_id=sibling.id),
        "o": world.target(bot_id=stranger.bot_id),
        "x": world.target(bot_id=stranger.bot_id, heartbeat_id=stranger.id),
    }
    world.target(events=["run.failed"])
    world.target(is_enabled=False)
    world.target(**mine, member_id=member_id)
    give(world, owner, 4)
    spends(world)
    names = {target.id: name for name, target in targets.items()}
    assert "".join(names.get(row.target_id, "?") for row in world.notifications()) == hearing


def test_a_costly_run_is_told_beside_what_runs_cost(world: StoreWorld) -> None:
    for cost in (2, 2, 3, 0, 3, 2, 6, 8):
        world.run(credits_charged=cost)
    [event] = world.rows(Event)
    assert event.kind == "run.costly"
    assert {name: event.data[name] for name in ("credits", "usual", "runs")} == {"credits": 8, "usual": 2.5, "runs": 6}
    world.run(credits_charged=90, trigger="manual")
    assert world.kinds() == ["run.costly"]


async def test_the_words_of_it(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    world.now = NOW.replace(day=10)
    for owner in ("project", "heartbeat"):
        give(world, owner, 10)
    for _ in range(5):
        spends(world)
    for owner in ("project", "heartbeat"):
        give(world, owner, None)
    world.change(Run, status="success")
    for cost in (2, 2, 2, 2, 2, 9):
        world.run(credits_charged=cost, cost_nano_usd=12_500_000)
    for row in world.notifications():
        # One by one, not in a summary.
        world.change(Notification, next_attempt_at=None)
        world.database.write_now(lambda c, row=row: c.execute(due(row.id, world.now)))
        await world.deliver(row.uuid)
    said = [message.json["data"] for message in receiver.received]
    left = "credits are left for the billing period that ends on 2026-12-01 (UTC)."
    assert [(data["priority"], data["title"], data["message"]) for data in said[1::2]] == [
        ("low", "Acme: 50 % of the project's budget is used", f"4 of 10 {left}\n{RATE.format(16)}"),
        ("normal", "Acme: 80 % of the project's budget is used", f"2 of 10 {left}\n{RATE.format(12)}"),
        ("urgent", "Acme: the project's budget is used up", f"0 of 10 {left}\n{SPENT}"),
    ]
    assert {(data["bot"], data["heartbeat"]) for data in said[1::2]} == {("", "")}
    assert [data["title"] for data in said[::2]] == [
        "Disks: 50 % of its budget is used",
        "Disks: 80 % of its budget is used",
        "Disks: its budget is used up",
        "Disks: a run cost 9 credits, 4.5 times as much as usual",
    ]
    costs = "Providers charge $0.0125 for it."
    assert said[6]["message"] == f"The 5 runs before it cost 2 credits at the median.\n{costs}"
    assert {(data["bot"], data["heartbeat"]) for data in said[::2]} == {("Support desk", "Disks")}


async def test_money_stands_beside_credits(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    world.settings.currency_per_credit = "0.25 EUR"
    spends(world, give(world, "bot", 4))
    [row] = world.notifications()
    await world.deliver(row.uuid)
    data = receiver.received[-1].json["data"]
    assert data["message"].splitlines()[-1] == "2 credits are 0.5 EUR."
    assert data["details"]["price"] == "0.5 EUR"


async def test_money_stands_beside_the_credits_that_a_run_waits_for(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    world.settings.currency_per_credit = "0.25 EUR"
    data = {"approval": "apr_1", "reason": "budget", "of": "run", "why": "It is short.", "renews_at": None}
    data |= {"credits": 4, "expires_at": world.now.isoformat()}
    world.database.write_now(lambda c: record_event(c, world.heartbeat, APPROVAL, data, world.now))
    [row] = world.notifications()
    await world.deliver(row.uuid)
    message = receiver.received[-1].json["data"]["message"]
    assert "Give 4 more and it goes on" in message
    assert message.splitlines()[-1] == "4 credits are 1 EUR."
