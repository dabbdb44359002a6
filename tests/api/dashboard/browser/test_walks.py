"""What a creator does on the pages, from the first press to what came of it, with a worker and a scripted model."""

import json
from datetime import UTC, datetime

import httpx
from playwright.async_api import Page, expect

from heartbeat.temporal.runs import start_tick
from tests.support.chromium import check_accessible
from tests.support.dashboard import Owner
from tests.support.mailbox import Mailbox, served
from tests.support.model_server import ModelServer, asks, fails, says
from tests.support.patience import until
from tests.support.receiver import Receiver
from tests.support.seeds import YEARLY
from tests.support.tool_server import ToolServer

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


async def test_a_model_breaks_and_is_mended(owner: Owner, page: Page, working: None, model: ModelServer) -> None:
    model.script(fails(401, "invalid_api_key", "That key is wrong."))
    heartbeat = await owner.add(max_consecutive_errors=1, cron_pattern=YEARLY, synced_version=1)
    await page.goto(f"/heartbeats/{heartbeat.uuid}")
    assert await start_tick(owner.temporal, owner.settings, heartbeat, owner.bot.name, NEW_YEAR)
    await page.locator(".head .chip.paused").wait_for()
    await expect(page.locator(".head .note")).to_contain_text("key")
    await check_accessible(page)

    model.script(says("The queue is empty."))
    await page.get_by_role("button", name="Enable").click()
    await page.locator(".head .chip.on, .head .chip.pending").wait_for()
    await page.get_by_role("button", name="Run now").click()
    await expect(page.locator(".runs")).to_contain_text("The queue is empty.")


async def test_a_key_is_made_used_and_revoked(page: Page, site: str) -> None:
    await page.goto("/keys")
    await page.get_by_label("What it is for").fill("The night shift")
    await page.get_by_role("button", name="Make a key").click()
    secret = await page.locator("#secret").inner_text()
    await check_accessible(page)

    async def status() -> int:
        async with httpx.AsyncClient(base_url=site, trust_env=False) as program:
            answer = await program.get("/v1/bot/readall", headers={"Authorization": f"Bearer {secret}"})
            return answer.status_code

    assert await status() != 401
    await page.get_by_role("link", name="I have copied it").click()
    await page.get_by_role("row", name="The night shift").get_by_role("link", name="Revoke").click()
    await page.get_by_role("button", name="Revoke it").click()
    await expect(page.get_by_role("row", name="The night shift")).to_contain_text("Revoked")
    assert await status() == 401
    assert secret not in await page.content()


async def test_a_run_is_found_by_its_words(owner: Owner, page: Page) -> None:
    wanted = await owner.run(response="The pump in the cellar is off.")
    await owner.run(response="All quiet.")
    await page.goto("/runs")
    await page.get_by_label("Words").fill("pump cellar")
    await page.get_by_label("Words").press("Enter")
    await expect(page.locator("table.runs tbody tr")).to_have_count(1)
    await expect(page.locator("mark").first).to_be_visible()
    await page.locator("table.runs tbody a").first.click()
    await page.wait_for_url(f"**/runs/{wanted.uuid}")
    await expect(page.locator("main")).to_contain_text("The pump in the cellar is off.")


async def test_a_webhook_and_an_address_are_told(page: Page, owner: Owner, working: None, model: ModelServer) -> None:
    mailbox = Mailbox()
    async with Receiver() as receiver, served(mailbox, None, None):
        await page.goto("/notifications")
        await page.get_by_role("link", name="New target").click()
        await page.get_by_role("link", name="Webhook").click()
        await page.get_by_label("Address").first.fill(f"http://127.0.0.1:{receiver.port}/in")
        await page.get_by_label("Name", exact=True).fill("The pager")
        await page.get_by_role("button", name="Send a test first").click()
        await expect(page.locator(".done")).to_contain_text("The message was taken")
        await check_accessible(page)
        await page.locator("#save").click()
        await expect(page.locator("main")).to_contain_text("The pager")
        await _add_mail(page, mailbox)

        model.script(asks(("notify_user", {"title": "Full", "message": "The disk is full."})), says("Told."))
        await page.goto(f"/heartbeats/{owner.heartbeat.uuid}")
        await page.get_by_role("button", name="Run now").click()
        told = await until(lambda: [one for one in receiver.received if b"The disk is full." in one.body])
        assert json.loads(told[0].body)
        mails = await until(lambda: [mail for mail in mailbox.mails if "The disk is full." in mail.as_string()])
        assert mails[0]["To"] == "ada@example.com"
    await page.goto("/notifications")
    await expect(page.locator(".chip.delivered")).not_to_have_count(0)


async def _add_mail(page: Page, mailbox: Mailbox) -> None:
    await page.goto("/notifications/new?channel=email")
    await page.locator("[name='config.host']").fill("127.0.0.1")
    await page.locator("[name='config.port']").fill(str(mailbox.port))
    await page.locator("[name='config.security']").select_option("none")
    await page.locator("[name='config.sender']").fill("heartbeat@example.com")
    await page.locator("[name='config.to']").fill("ada@example.com")
    await page.get_by_label("Name", exact=True).fill("Ada")
    await page.get_by_role("button", name="Send a test first").click()
    await expect(page.locator(".done")).to_contain_text("The message was taken")
    assert len(mailbox.mails) == 1
    await page.locator("#save").click()
    await expect(page.locator("main")).to_contain_text("Ada")


async def test_a_tool_server_is_connected_and_its_call_approved(
    owner: Owner, page: Page, working: None, model: ModelServer, desk: ToolServer
) -> None:
    await page.goto(f"/bots/{owner.bot.uuid}")
    await page.locator("a[href$='/tools/new']").first.click()
    await page.locator("[name='server_label']").fill("desk")
    await page.locator("[name='server_url']").fill(desk.url)
    await page.locator("[name=require_approval][value=always]").check()
    await page.get_by_role("button", name="Connect").click()
    await expect(page.locator("main")).to_contain_text("book")
    await check_accessible(page)

    model.script(asks(("desk__book", {"what": "a plumber"})), says("The plumber comes at nine."))
    await page.goto(f"/heartbeats/{owner.heartbeat.uuid}")
    await page.get_by_role("button", name="Run now").click()
    await expect(page.locator(".badge.urgent")).to_have_text("1 waiting for you")
    assert desk.times("book") == 0
    await page.get_by_role("link", name="Approvals").click()
    await expect(page.locator(".ask")).to_contain_text("a plumber")
    await page.get_by_role("button", name="Approve").click()
    await until(lambda: desk.times("book") == 1)
    await page.goto(f"/heartbeats/{owner.heartbeat.uuid}")
    await expect(page.locator(".runs")).to_contain_text("The plumber comes at nine.")
