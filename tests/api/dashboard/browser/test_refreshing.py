"""What a page shows is brought up to date under a reader's eyes, and what the reader did to it stays."""

import re
from datetime import UTC, datetime

import pytest
from playwright.async_api import Page, expect

from heartbeat.notifications.delivery import approval_link
from heartbeat.secrets.keyring import Keyring
from heartbeat.settings import Settings
from heartbeat.store.database.rows import columns
from heartbeat.store.projects.keys import revoke_key
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.chromium import REFRESH, Visitors
from tests.support.dashboard import Owner
from tests.support.patience import until
from tests.support.pending_rows import a_call, a_finding, an_approval

RUNNING = {"status": "running", "finished_at": None, "duration_ms": None}


async def test_a_person_signs_in_watches_and_presses_buttons(owner: Owner, page: Page) -> None:
    await page.goto(f"/heartbeats/{owner.heartbeat.uuid}")
    await page.evaluate("window.same = true")
    press = page.locator("[data-press]")
    first = await press.input_value()
    await owner.run(**RUNNING)
    await page.evaluate(REFRESH)
    await page.locator(".runs .chip.running").wait_for()
    assert await press.input_value() == first, "a second click would be another"
    assert await page.evaluate("window.same") is True, "the page was loaded anew instead of refreshed"

    # Who goes back may find a page as it was left, with the button that was pressed.
    await page.locator("#switch").evaluate("button => { button.disabled = true; }")
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    assert await press.input_value() != first
    await page.locator("#switch").click()
    await expect(page.locator(".done")).to_have_text("The heartbeat is off now.")
    # With a query, the notice would come back with a reload.
    await expect(page).to_have_url(re.compile(r"^[^?]+$"))
    await page.locator("#switch").focus()
    await page.evaluate(REFRESH)
    await expect(page.locator(".done")).to_have_count(0)
    assert await page.evaluate("document.activeElement.id") == "switch"

    await owner.database.write(lambda c: revoke_key(c, owner.project, owner.key_uuid, datetime.now(UTC)))
    await page.evaluate(REFRESH)
    await page.wait_for_url("**/sign-in?next=**")


async def test_a_person_answers_what_waits(owner: Owner, page: Page) -> None:
    run = await owner.run(**RUNNING, opening="It is Friday.")
    await owner.database.write(lambda c: a_call(c, run))
    approval = await owner.database.write(lambda c: an_approval(c, run))
    finding = await owner.database.write(lambda c: a_finding(c, owner.heartbeat))
    await page.goto(f"/runs/{run.uuid}")
    urgent = page.locator(".badge.urgent")
    await expect(urgent).to_have_text("1 waiting for you")
    await page.evaluate("window.same = true")
    await page.locator("#opening summary").click()
    await owner.database.write(lambda c: an_approval(c, run, step=3))
    await page.evaluate(REFRESH)
    await expect(urgent).to_have_text("2 waiting for you")
    assert await page.evaluate("window.same") is True, "the page was loaded anew instead of refreshed"
    assert await page.evaluate("document.getElementById('opening').open"), "what was unfolded is folded again"

    await page.locator(f"#deny-{approval.uuid}").click()
    await expect(page.locator(".done")).to_contain_text("You denied the call")
    await expect(page).to_have_url(re.compile(rf"/runs/{run.uuid}$"))
    await expect(urgent).to_have_text("1 waiting for you")
    # News of the run come at once, and take the notice from nobody who has not read it yet.
    await page.evaluate("performance.now = () => 1000")
    await owner.database.write(lambda c: an_approval(c, run, step=4))
    await page.evaluate(REFRESH)
    await expect(urgent).to_have_text("2 waiting for you")
    await expect(page.locator(".done")).to_contain_text("You denied the call")
    await page.evaluate("performance.now = () => 6000")
    await page.evaluate(REFRESH)
    await expect(page.locator(".done")).to_have_count(0)

    await page.goto("/findings")
    await page.locator(f"#week-{finding.uuid}").click()
    await expect(page.locator(".done")).to_have_text("Snoozed for a week.")
    await expect(page.locator(".chip.snoozed")).to_have_text("Snoozed")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Those of an installation that has a public address."""
    return settings.model_copy(update={"public_url": "https://heartbeat.example"})


async def test_the_link_of_a_message_opens_a_page_whose_buttons_work(owner: Owner, visitors: Visitors) -> None:
    run = await owner.run(**RUNNING)
    approval = await owner.database.write(lambda c: an_approval(c, run))
    link = approval_link(Keyring.from_settings(owner.settings), owner.settings, approval.uuid)
    assert link is not None
    page = await visitors.come()
    await page.goto(link.removeprefix("https://heartbeat.example"))
    await expect(page.locator(".given dd").first).to_have_text("a plumber")
    await page.get_by_role("button", name="Approve").click()
    await expect(page.locator("[role=status] strong")).to_have_text("Decision: Approved")


async def test_what_comes_with_a_refresh_comes_with_its_style(owner: Owner, page: Page) -> None:
    await page.goto("/")
    await owner.database.write(lambda c: c.execute(columns(Heartbeat).update().values(deleted_at=datetime.now(UTC))))
    await page.evaluate(REFRESH)
    await expect(page.locator(".steps")).to_have_css("display", "grid")


async def test_a_console_that_complains_is_heard(visitors: Visitors) -> None:
    page = await visitors.come()
    await page.goto("/sign-in")
    await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<b style=\"color: red\"></b>')")
    await page.evaluate("setTimeout(() => { throw new Error('it broke'); })")
    await page.evaluate("console.error('it is wrong')")
    for words in ("Content Security Policy", "it broke", "it is wrong"):
        await until(lambda words=words: any(words in complaint for complaint in visitors.complaints))
    visitors.complaints.clear()
