"""A heartbeat's form under somebody's hands: it looks ahead, its parts follow each other, nothing typed is lost."""

from playwright.async_api import Page, expect

from tests.support.chromium import Visitors, check_accessible, check_width
from tests.support.dashboard import Owner


async def test_the_form_looks_ahead_while_it_is_typed(visitors: Visitors, owner: Owner) -> None:
    page = await visitors.come_as(owner, timezone_id="Asia/Tokyo")
    await page.goto("/")
    await page.get_by_role("link", name="New heartbeat").click()
    await expect(page.locator("#timezone")).to_have_value("Asia/Tokyo")
    await page.locator("#timezone").fill("Asia/Kolkata")
    await page.locator("#frequency").select_option("weekly")
    await page.get_by_role("group", name="On", exact=True).get_by_label("Monday").check()
    await expect(page.locator("#outlook .when")).to_have_text("At 09:00, on Monday, Kolkata time")
    await expect(page.locator("#outlook tbody tr")).to_have_count(10)
    await expect(page.locator("#outlook tbody tr").first).to_contain_text("12:30")
    await expect(page.locator("#cron_pattern")).to_have_value("0 9 * * 1")

    await page.get_by_text("Advanced: as a cron pattern").click()
    await page.locator("#cron_pattern").fill("30 6 * * 5L")
    await expect(page.locator("#nth")).to_have_value("-1")
    await expect(page.locator("#weekday")).to_have_value("5")
    await expect(page.locator("#time")).to_have_value("06:30")
    await page.locator("#cron_pattern").fill("*/5 6 * * 5")
    await expect(page.locator("#frequency")).to_have_value("cron")
    await expect(page.locator("#time")).to_be_hidden()

    said = page.locator("#max_steps-said")
    await page.locator("#max_steps").fill("999")
    await expect(said).to_have_text("Must be at most 200")
    await expect(page.locator("#prompt-said")).to_have_class("hint")
    await check_accessible(page)
    await check_width(page, 360)
    await page.locator("#max_steps").fill("9")
    await expect(said).to_have_text("Model requests and tool calls together.")


async def test_what_was_typed_comes_back_until_it_is_saved(owner: Owner, page: Page) -> None:
    await page.goto("/heartbeats/new")
    await page.locator("#prompt").fill("Mine.")
    await page.locator("[name=auto_resume]").uncheck()
    await page.locator("#max_steps").fill("999")
    await page.goto("/")
    await page.goto("/heartbeats/new")
    await expect(page.locator("#draft")).to_be_visible()
    await expect(page.locator("#prompt")).to_have_value("Mine.")
    await expect(page.locator("[name=auto_resume]")).not_to_be_checked()
    await page.locator("#save").click()
    await expect(page.locator("#max_steps-said")).to_have_text("Must be at most 200")
    await expect(page.locator("#prompt")).to_have_value("Mine.")
    await expect(page.locator("#draft")).to_be_hidden()
    await page.locator("#max_steps").fill("9")
    await page.locator("#save").click()
    await expect(page.locator(".done")).to_contain_text("The heartbeat was made.")
    await page.goto("/heartbeats/new")
    await expect(page.locator("#draft")).to_be_hidden()
    await expect(page.locator("#prompt")).to_have_value("")
