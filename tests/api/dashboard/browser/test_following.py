"""A run under a reader's eyes: its stream brings each step, and what the reader unfolded and copied stays."""

from datetime import UTC, datetime

from playwright.async_api import Page, expect

from tests.support import past_runs
from tests.support.dashboard import STILL, Owner
from tests.support.pending_rows import a_call


async def test_a_run_is_followed_from_step_to_step_to_its_end(owner: Owner, page: Page) -> None:
    run = await owner.run(status="running", prompt="Look & see.", **STILL)
    await owner.database.write(past_runs.a_step, run.uuid, 1, answer="Let me look.\nFirst at the pump.")
    async with page.expect_response("**/events") as stream:
        await page.goto(f"/runs/{run.uuid}")
    assert (await (await stream.value).all_headers())["content-type"].startswith("text/event-stream")
    await page.locator("#step-1 summary").click()
    await owner.database.write(lambda c: a_call(c, run))
    await expect(page.locator(".tree .step")).to_have_count(2)
    assert await page.locator("#step-1").get_attribute("open") is not None, "what was unfolded is folded again"

    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.locator("[data-copies=prompt]").click()
    await expect(page.locator("[data-copies=prompt]")).to_have_text("Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == "Look & see."

    ended = {"status": "success", "response": "**Done.**", "duration_ms": 5, "finished_at": datetime.now(UTC)}
    await owner.database.write(past_runs.change, run.uuid, **ended)
    await expect(page.locator(".markdown strong")).to_have_text("Done.")
    await expect(page.locator("[data-events]")).to_have_count(0)
