"""From the sign-in page to a heartbeat that was tried out and switched on, and to its first scheduled run."""

import threading

import pytest
from playwright.async_api import expect

from tests.support.chromium import Visitors
from tests.support.dashboard import Newcomer
from tests.support.model_server import ModelServer, Reply, says
from tests.support.patience import until
from tests.support.person import DESK, ON_A_PHONE, PLAIN, Look, Person

MAX_ACTIONS = 15
REHEARSED = "Disk /var is 91% full: the old logs can go."


@pytest.mark.parametrize("look", [DESK, ON_A_PHONE, PLAIN], ids=lambda look: look.name)
async def test_two_minutes_from_the_key_to_a_heartbeat_that_runs(
    newcomer: Newcomer, visitors: Visitors, model: ModelServer, look: Look
) -> None:
    model.script(says(REHEARSED))
    person = Person(await visitors.come(**look.options), look)
    await make_a_heartbeat(person, newcomer)
    assert person.actions <= MAX_ACTIONS
    await person.check()
    # Its minute has to come: with scripts and without is enough of waiting.
    if look is not ON_A_PHONE:
        await follow_its_first_run(person, model)
        await person.check()


async def make_a_heartbeat(person: Person, newcomer: Newcomer) -> None:
    """Sign in, begin with a template, say how often in words, rehearse, and switch on."""
    page = person.page
    await page.goto("/")
    await person.type("Project key", newcomer.key)
    await person.press("Sign in with the key")
    await person.press(page.get_by_role("link", name="A daily suggestion"))
    await expect(page.get_by_label("Prompt", exact=True)).not_to_be_empty()
    await person.choose("How often", "Every few minutes")
    await person.type("How many minutes or hours between two runs", "1")
    await (rehearse_beside_the_form if person.look.has_scripts else rehearse_in_a_page_of_its_own)(person)
    await person.press(page.get_by_role("button", name="Switch on").last)
    await expect(page.locator(".done")).to_contain_text("on")
    await page.locator(".chip.on, .chip.pending").first.wait_for()


async def rehearse_beside_the_form(person: Person) -> None:
    await person.press("Rehearse")
    await expect(person.page.locator("#rehearsal")).to_contain_text(REHEARSED)


async def rehearse_in_a_page_of_its_own(person: Person) -> None:
    """Without scripts the form is sent to another tab."""
    async with person.page.context.expect_page() as opened:
        await person.press("Rehearse")
    tab = Person(await opened.value, person.look)
    await tab.see("#rehearsal", REHEARSED)
    await tab.check()
    await tab.page.close()


async def follow_its_first_run(person: Person, model: ModelServer) -> None:
    """The page shows the run as soon as it begins, and the run's page how it ends."""
    finish, page, before = threading.Event(), person.page, len(model.requests)
    model.script(Reply(body=says("Clear the logs.").body, wait_for=finish))
    try:
        await until(lambda: len(model.requests) > before)
        await person.see("a.chip.running")
        await page.locator("a.chip.running").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Run of")
        await page.evaluate("window.same = true")
    finally:
        finish.set()
    await person.see(".chip.success")
    await expect(page.locator("main")).to_contain_text("Clear the logs.")
    is_same = await page.evaluate("window.same === true")
    assert is_same == person.look.has_scripts, "it was loaded anew instead of followed"
