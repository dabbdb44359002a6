"""The keyboard alone: search, the list of keys, and the way to a page."""

from playwright.async_api import Page, expect


async def test_keys_search_list_themselves_and_lead_to_pages(page: Page) -> None:
    await page.goto("/")
    await page.keyboard.press("g")
    await page.keyboard.press("r")
    await page.wait_for_url("**/runs")
    await page.keyboard.press("/")
    field = page.locator("input[type=search]")
    await expect(field).to_be_focused()
    # What is typed is typed.
    await page.keyboard.type("/?gh")
    await expect(field).to_have_value("/?gh")
    await field.blur()
    keys = page.get_by_role("dialog", name="Keyboard")
    await page.keyboard.press("?")
    await expect(keys).to_be_visible()
    await keys.get_by_label("Use these keys").uncheck()
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    await expect(keys).to_be_hidden()
    await page.get_by_role("button", name="Keyboard").click()
    await keys.get_by_label("Use these keys").check()
    await keys.get_by_role("button", name="Close").click()
    await page.keyboard.press("g")
    await page.keyboard.press("h")
    await page.wait_for_url(lambda url: url.endswith("/"))
