"""Charts and lists with the keyboard: from day to day, from run to run, and what is ticked stays ticked."""

from datetime import UTC, datetime

from playwright.async_api import Page, expect
from sqlalchemy import Connection

from heartbeat.store.credits.rollup import add_to_day
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.chromium import REFRESH, check_accessible, check_width
from tests.support.dashboard import Owner
from tests.support.last_runs import last_runs_of
from tests.support.seeds import YEARLY, a_heartbeat

FOCUSED = "document.activeElement.getAttribute('href')"


def many_with_runs(connection: Connection, owner: Owner) -> list[Heartbeat]:
    values = {"cron_pattern": YEARLY, "synced_version": 1, "last_status": "success"}
    heartbeats = [a_heartbeat(connection, owner.bot, prompt=f"Number {number:02}.", **values) for number in range(30)]
    last_runs_of(connection, heartbeats, 3)
    return heartbeats


async def test_what_is_ticked_stays_ticked_and_is_switched_off_together(owner: Owner, page: Page) -> None:
    await owner.database.write(many_with_runs, owner)
    await page.goto("/?q=Number")
    await page.get_by_label("Select Number 03.").check()
    await expect(page.locator("#selected")).to_have_text("1")
    await owner.database.write(lambda c: a_heartbeat(c, owner.bot, prompt="Number 99.", cron_pattern=YEARLY))
    await page.evaluate(REFRESH)
    await page.get_by_label("Select all").check()
    await expect(page.locator("#selected")).to_have_text("30")
    await page.get_by_label("Select Number 03.").uncheck()
    assert await page.get_by_label("Select all").evaluate("box => box.indeterminate")
    await check_accessible(page)
    await page.get_by_role("button", name="Disable").click()
    await expect(page.locator(".done")).to_have_text("29 heartbeats are off now.")
    await expect(page.locator(".beats .chip.off")).to_have_count(29)


async def test_strips_and_charts_are_one_stop_each_and_the_arrows_go_on(owner: Owner, page: Page) -> None:
    [heartbeat, *_] = await owner.database.write(many_with_runs, owner)
    await owner.database.write(lambda c: add_to_day(c, heartbeat, datetime.now(UTC), {"error": 1, "duration_ms": 900}))
    await page.goto("/?q=Number")
    await page.locator("a.strip").first.focus()
    await expect(page.locator("span.strip a")).to_have_count(3)
    newest = await page.evaluate(FOCUSED)
    await page.keyboard.press("ArrowLeft")
    before = await page.evaluate(FOCUSED)
    assert before.startswith("/runs/log_")
    assert before != newest
    await page.evaluate(REFRESH)
    await page.keyboard.press("End")
    assert await page.evaluate(FOCUSED) == newest
    await page.goto("/stats")
    await check_accessible(page)
    for width in (360, 1280):
        await check_width(page, width)
    await page.locator("#runs-30").focus()
    await expect(page.locator("#runs-30 .value")).to_have_css("opacity", "1")
    await page.keyboard.press("Home")
    assert await page.evaluate("document.activeElement.id") == "runs-1"
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.id") == "durations-30"
