"""The reference of the API works under the policy that locks it down: a complaint in the console fails the test."""

from playwright.async_api import Page, expect


async def test_a_call_is_shown_and_tried(page: Page) -> None:
    await page.goto("/docs")
    call = page.locator(".opblock", has_text="/healthz")
    await call.locator(".opblock-summary-control").click()
    await call.get_by_role("button", name="Try it out").click()
    await call.get_by_role("button", name="Execute").click()
    await expect(call.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
