"""The page of upcoming runs: what is due next, what stands still, one tick skipped and let run after all."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest

from api.dashboard.routes import upcoming as routes
from heartbeat.store.heartbeats.project_holds import NewHold, hold_project
from heartbeat.store.heartbeats.tick_accounting import HEARTBEAT, cadence_of
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.dashboard import Owner, make
from tests.support.pending_rows import a_task


async def due(owner: Owner, **values: Any) -> Heartbeat:
    """A heartbeat that has accounted for all ticks until now."""
    now = datetime.now(UTC)
    row = await owner.add(**values)
    moved = {"accounted_until": now, "next_tick_at": cadence_of(row).next_after(now)}
    await owner.database.write(lambda c: c.execute(HEARTBEAT.update().where(HEARTBEAT.c.id == row.id).values(moved)))
    return row


def ticks_of(page: str, uuid: str) -> list[str]:
    return [part.split('"')[0] for part in page.split(f'value="{uuid} ')[1:]]


async def test_the_next_days_in_order(owner: Owner) -> None:
    often = await due(owner, label="Every minute", cron_pattern="* * * * *")
    daily = await due(owner, label="At <midnight>", cron_pattern="58 23 * * *")
    page = await owner.browser.page("/upcoming")
    assert "Times are UTC." in page
    assert "At &lt;midnight&gt;" in page
    assert len(ticks_of(page, daily.uuid)) in (6, 7)
    ticks = ticks_of(page, often.uuid)
    assert ticks == sorted(ticks)
    assert len(ticks) <= 3 * 7
    assert page.count("and more") >= 6
    week = await owner.browser.page("/upcoming?view=week")
    assert week.count('class="card day"') == 7
    assert week.count("At &lt;midnight&gt;") == len(ticks_of(page, daily.uuid))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_day_of_the_week_says_how_many_it_does_not_list(owner: Owner) -> None:
    for minute in range(20):
        await due(owner, cron_pattern=f"{minute} 22 * * *")
    week = await owner.browser.page("/upcoming?view=week")
    assert week.count("and 8 more") >= 6
    assert "choose a bot" not in week


async def test_a_tick_is_skipped_and_let_run_after_all(owner: Owner) -> None:
    heartbeat = await due(owner, cron_pattern="0 12 * * *")
    [first, *_] = ticks_of(await owner.browser.page("/upcoming"), heartbeat.uuid)
    answer = await owner.browser.submit("/upcoming", hold=f"{heartbeat.uuid} {first}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/upcoming?done=hold")
    page = await owner.browser.page("/upcoming?done=hold")
    assert f'name="release" value="{heartbeat.uuid} {first}"' in page
    assert "the key first" in page
    assert "the key first" in await owner.browser.page("/upcoming?view=week")
    await owner.browser.submit("/upcoming", release=f"{heartbeat.uuid} {first}")
    assert f'name="hold" value="{heartbeat.uuid} {first}"' in await owner.browser.page("/upcoming")


@pytest.mark.parametrize("value", ["", "hb_1", "hb_1 tomorrow", "hb_1 2026-01-01T00:00:00Z", "' 2026"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_is_no_tick_is_refused(owner: Owner, value: str) -> None:
    assert (await owner.browser.submit("/upcoming", hold=value)).status_code in (400, 404)


async def test_what_stands_still_says_why(owner: Owner) -> None:
    await owner.add(
        label="Spent", enabled=False, pause_reason="budget", pause_cause="budget", pause_detail="All spent."
    )
    task = await make(owner, a_task, label="Weary", enabled=False, pause_reason="errors", pause_cause="errors")
    page = await owner.browser.page("/upcoming")
    assert "Standing still: 2" in page
    assert "All spent." in page
    assert f'href="/tasks/{task.uuid}"' in page
    assert "Standing still" not in await owner.browser.page("/upcoming?bot=bot_of_nobody")


async def test_a_task_is_shown_as_often_as_it_has_runs_left(owner: Owner) -> None:
    now = datetime.now(UTC)
    last = await make(
        owner,
        a_task,
        cron_pattern="0 12 * * *",
        max_executions=3,
        success_count=1,
        accounted_until=now,
        next_tick_at=now + timedelta(minutes=1),
    )
    assert len(ticks_of(await owner.browser.page("/upcoming"), last.uuid)) == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_of_very_many_only_the_first_are_worked_out(owner: Owner) -> None:
    for number in range(160):
        await due(owner, label=f"Number {number}", cron_pattern=f"{number % 60} {number % 24} * * *")
    page = await owner.browser.page("/upcoming")
    assert 130 < page.count("<tr>") - page.count("<table") <= 150
    assert "for there is so much. A day by itself has everything" in page
    week = await owner.browser.page("/upcoming?view=week")
    assert "Not listed as a whole" in week


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_day_has_everything_page_by_page(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "MAX_HEARTBEATS", 6)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    daily = [await due(owner, cron_pattern=f"{number % 3} 12 * * *") for number in range(20)]
    # On another day, and read among them all the same.
    await due(owner, cron_pattern=f"0 0 * * {(tomorrow + timedelta(days=1)).isoweekday() % 7}")
    week = await owner.browser.page("/upcoming?view=week")
    [path] = re.findall(rf'<h2><a href="(/upcoming\?day={tomorrow:%Y-%m-%d})"', week)
    assert ticks_of(await owner.browser.page("/upcoming"), min(heartbeat.uuid for heartbeat in daily[::3]))
    uuids: list[str] = []
    pages = 0
    while path:
        page = await owner.browser.page(unescape(path))
        uuids += re.findall(r'value="(hb_\w+) ', page)
        [path] = re.findall(r'<a href="([^"]*)" rel="next"', page) or [""]
        pages += 1
        tick = f"{uuids[-1]} {tomorrow:%Y-%m-%d}T12:0"
        assert tick in page
    assert pages == 4
    assert sorted(uuids) == sorted(heartbeat.uuid for heartbeat in daily)
    held = {"day": f"{tomorrow:%Y-%m-%d}", "after": "", "hold": f"{daily[0].uuid} {tomorrow:%Y-%m-%d}T12:00:00Z"}
    answer = await owner.browser.submit("/upcoming", **held)
    assert answer.headers["location"] == f"/upcoming?day={tomorrow:%Y-%m-%d}&done=hold"
    assert (await owner.browser.get(f"/upcoming?day={tomorrow:%Y-%m-%d}&after=soon+x")).status_code == 400
    assert "in the next seven days" in await owner.browser.page("/upcoming?day=2020-01-01&after=soon+x")


async def test_what_a_snooze_or_a_hold_skips_says_why_and_what_is_out_of_bounds_is_not_there(owner: Owner) -> None:
    now, day = datetime.now(UTC), timedelta(days=1)
    # None of its ticks is near the bounds, which are whole days from now.
    daily = {"cron_pattern": f"0 {(now.hour + 6) % 24} * * *"}
    plain = await due(owner, **daily)
    asleep = await due(owner, **daily, snoozed_at=now, snooze_until=now + 3 * day)
    bounded = await due(owner, **daily, starts_at=now + 2 * day, ends_at=now + 4 * day)
    over = await due(owner, **daily, ends_at=now)
    page = await owner.browser.page("/upcoming")
    ticks = ticks_of(page, plain.uuid)
    # Each in the title of its time, and below it.
    assert page.count("Snoozed until") == 2 * 3
    assert ticks_of(page, asleep.uuid) == ticks[3:]
    assert ticks_of(page, bounded.uuid) == ticks[2:4]
    assert f"/heartbeats/{over.uuid}" not in page
    await owner.database.write(hold_project, owner.project, NewHold("We <move>.", now + 5 * day), "Ann", now)
    page = await owner.browser.page("/upcoming")
    # The reason of the snooze comes before that of the project.
    assert page.count("Snoozed until") == 2 * 3
    assert page.count("by Ann. The reason: We &lt;move&gt;.") == 2 * (5 + 2 + 2)
    assert [ticks_of(page, row.uuid) for row in (plain, asleep, bounded)] == [ticks[5:], ticks[5:], []]
    week = await owner.browser.page("/upcoming?view=week")
    assert week.count("by Ann. The reason: We &lt;move&gt;.") == 5 + 2 + 2
    assert week.count("</time> skipped") == 5 + 5 + 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_hold_without_an_end_skips_all_that_comes(owner: Owner) -> None:
    heartbeat = await due(owner, cron_pattern="0 12 * * *")
    now = datetime.now(UTC)
    coming = len(ticks_of(await owner.browser.page("/upcoming"), heartbeat.uuid))
    await owner.database.write(hold_project, owner.project, NewHold("We move."), "Ann", now)
    page = await owner.browser.page("/upcoming")
    assert ticks_of(page, heartbeat.uuid) == []
    # Each in the title of its time, and below it.
    assert page.count("by Ann. The reason: We move.") == 2 * coming
