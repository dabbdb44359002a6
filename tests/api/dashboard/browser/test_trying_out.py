"""A heartbeat is tried out in its form before it is saved, and after an edit."""

from playwright.async_api import Page, expect

from tests.support.chromium import check_accessible, check_width
from tests.support.model_server import ModelServer, asks, says


async def test_it_is_rehearsed_switched_on_and_tried_on_its_runs(working: None, model: ModelServer, page: Page) -> None:
    model.script(asks(("remember", {"text": "Disks are fine."})), says("All **quiet**."))
    panel = page.locator("#rehearsal")
    await page.goto("/heartbeats/new")
    await page.locator("#save").click()
    await expect(page.locator("#prompt")).to_be_focused()
    await page.locator("#rehearse-form").click()
    await expect(panel).to_contain_text("Nothing was rehearsed yet")
    await expect(page.locator("#after-rehearsal")).to_be_hidden()
    await page.locator("#prompt").fill("Look at the disks.")
    await page.locator("#rehearse-form").click()
    await expect(panel.locator(".markdown strong")).to_have_text("quiet")
    await expect(panel.locator(".markdown strong")).to_be_in_viewport()
    await expect(panel).to_contain_text("It would have been called")
    await expect(panel).to_contain_text("It cost 2 credits")
    await check_accessible(page)
    await check_width(page, 360)
    await expect(page.locator("#prompt")).to_have_value("Look at the disks.")
    await page.locator("#after-rehearsal button").click()
    await expect(page.locator(".done")).to_be_visible()
    heartbeat = page.url.partition("?")[0]

    model.script(says("As it was saved."))
    await page.get_by_role("button", name="Run now").click()
    await page.get_by_role("link", name="today").first.click()
    await expect(page.locator("#run-again")).to_be_visible()
    model.script(says("As it was edited."))
    await page.goto(f"{heartbeat}/edit")
    await page.locator("#prompt").fill("Look again.")
    await page.locator("#try-form").click()
    await expect(panel.locator(".pair article").nth(1)).to_contain_text("As it was edited.")
    await expect(panel.locator(".pair article").nth(0)).to_contain_text("As it was saved.")
    await check_accessible(page)
    await check_width(page, 360)
