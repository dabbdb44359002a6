"""What a creator does on the pages, from the first press to what came of it, with a worker and a scripted model.

Each walk is gone at a desk, and once more on a phone in the dark that runs no scripts.
"""

import json
from datetime import UTC, datetime

import httpx
from playwright.async_api import expect

from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.temporal.runs import start_tick
from tests.support.dashboard import Owner
from tests.support.mailbox import Mailbox, served
from tests.support.model_server import ModelServer, asks, fails, says
from tests.support.patience import until
from tests.support.person import Person
from tests.support.receiver import Receiver
from tests.support.seeds import YEARLY
from tests.support.tool_server import ToolServer

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


async def test_the_second_of_two_editors_takes_what_the_first_changed(owner: Owner, person: Person) -> None:
    page = person.page
    await person.follow("Check the queue.")
    await person.follow("Edit")
    other = Person(await page.context.new_page(), person.look)
    await other.page.goto(page.url)
    await other.type("Name", "First")
    await other.press("Save")
    await other.see(".done", "The heartbeat was saved.")
    await person.type("Name", "Second")
    await person.type("Most steps of a run", "9")
    await person.press("Save")
    await expect(page.locator("#changes")).to_contain_text("First")
    await person.check()
    await person.press("Take theirs into the form")
    await expect(page.get_by_label("Name", exact=True)).to_have_value("First")
    await expect(page.get_by_label("Most steps of a run")).to_have_value("9")
    await person.press("Save")
    await expect(page.locator(".done")).to_have_text("The heartbeat was saved.")


async def test_a_model_breaks_and_is_mended(owner: Owner, person: Person, working: None, model: ModelServer) -> None:
    model.script(fails(401, "invalid_api_key", "That key is wrong."))
    heartbeat = await owner.add(prompt="Mend me.", max_consecutive_errors=1, cron_pattern=YEARLY, synced_version=1)
    await person.page.reload()
    await person.follow("Mend me.")
    assert await start_tick(
        owner.temporal, owner.settings, ScheduledRow(heartbeat, owner.bot.name, "self_hosted"), NEW_YEAR
    )
    await person.see(".head .chip.paused")
    await expect(person.page.locator(".head .note")).to_contain_text("key")
    await person.check()

    model.script(says("The queue is empty."))
    await person.press("Enable")
    await person.see(".head .chip.on, .head .chip.pending")
    await person.press("Run now")
    await person.see(".runs .outcome", "The queue is empty.")


async def test_a_tool_server_is_connected_and_its_call_approved(
    owner: Owner, person: Person, working: None, model: ModelServer, desk: ToolServer
) -> None:
    await person.turn_to("Bots")
    await person.follow("Support desk")
    await person.follow("Connect a server")
    await person.type("Name", "desk")
    await person.type("Address", desk.url)
    await person.press(person.page.get_by_label("All, those of new tools too"))
    await person.check()
    await person.press("Connect")
    await expect(person.page.locator("main")).to_contain_text("book")
    await person.check()

    model.script(asks(("desk__book", {"what": "a plumber"})), says("The plumber comes at nine."))
    await person.turn_to("Heartbeats")
    await person.follow("Check the queue.")
    await person.press("Run now")
    await person.see(".runs .outcome", "Waits for your approval")
    assert desk.times("book") == 0
    await person.turn_to("Approvals")
    await expect(person.page.locator(".ask")).to_contain_text("a plumber")
    await person.check()
    await person.press("Approve")
    await until(lambda: desk.times("book") == 1)
    await person.turn_to("Runs")
    await person.see(".runs .outcome", "The plumber comes at nine.")


async def test_a_webhook_and_an_address_are_told(
    owner: Owner, person: Person, working: None, model: ModelServer
) -> None:
    mailbox = Mailbox()
    async with Receiver() as receiver, served(mailbox, None, None):
        await _begin_target(person, "Webhook")
        await person.type("Address", f"http://127.0.0.1:{receiver.port}/in")
        await _try_and_save(person, "The pager")
        await _begin_target(person, "E-mail")
        await person.type("Mail server", "127.0.0.1")
        await person.type("Port", str(mailbox.port))
        await person.choose("Encryption", "None: for a server in your own network, without a password")
        await person.type("From", "heartbeat@example.com")
        await person.type("To", "ada@example.com")
        await _try_and_save(person, "Ada")
        assert len(mailbox.mails) == 1

        model.script(asks(("notify_user", {"title": "Full", "message": "The disk is full."})), says("Told."))
        await person.turn_to("Heartbeats")
        await person.follow("Check the queue.")
        await person.press("Run now")
        told = await until(lambda: [one for one in receiver.received if b"The disk is full." in one.body])
        assert json.loads(told[0].body)
        mails = await until(lambda: [mail for mail in mailbox.mails if "The disk is full." in mail.as_string()])
        assert mails[0]["To"] == "ada@example.com"
    await person.turn_to("Notifications")
    await person.see(".chip.delivered")
    await person.check()


async def _begin_target(person: Person, channel: str) -> None:
    await person.turn_to("Notifications")
    await person.follow("New target")
    await person.press(person.page.get_by_role("link", name=channel))


async def _try_and_save(person: Person, name: str) -> None:
    """Name the target and send it a test, before it is saved."""
    await person.type("Name", name)
    await person.press("Send a test first")
    await expect(person.page.locator(".done")).to_contain_text("The message was taken")
    await person.check()
    await person.press("Save")
    await expect(person.page.locator("main")).to_contain_text(name)


async def test_a_key_is_made_used_and_revoked(person: Person, site: str) -> None:
    page = person.page
    await person.turn_to("Keys")
    await person.type("What it is for", "The night shift")
    await person.press("Make a key")
    secret = await page.locator("#secret").inner_text()
    await person.check()

    async def status() -> int:
        async with httpx.AsyncClient(base_url=site, trust_env=False) as program:
            answer = await program.get("/v1/bot/readall", headers={"Authorization": f"Bearer {secret}"})
            return answer.status_code

    assert await status() != 401
    await person.follow("I have copied it")
    row = page.get_by_role("row", name="The night shift")
    await person.press(row.get_by_role("link", name="Revoke"))
    await person.check()
    await person.press("Revoke it")
    await expect(row).to_contain_text("Revoked")
    assert await status() == 401
    assert secret not in await page.content()


async def test_a_run_is_found_by_its_words(owner: Owner, person: Person) -> None:
    page = person.page
    wanted = await owner.run(response="The pump in the cellar is off.")
    await owner.run(response="All quiet.")
    await person.turn_to("Runs")
    await person.type("Words", "pump cellar")
    await page.keyboard.press("Enter")
    await expect(page.locator("table.runs tbody tr")).to_have_count(1)
    await expect(page.locator("mark").first).to_be_visible()
    await person.check()
    await person.press(page.locator("table.runs tbody a").first)
    await page.wait_for_url(f"**/runs/{wanted.uuid}")
    await expect(page.locator("main")).to_contain_text("The pump in the cellar is off.")
