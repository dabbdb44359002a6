"""From the sign-in page to a heartbeat that was tried out and switched on, and to its first scheduled run."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.chromium import PHONE, Visitors, check_accessible
from tests.support.dashboard import Newcomer
from tests.support.model_server import ModelServer, Reply, says
from tests.support.patience import until

MAX_ACTIONS = 15
REHEARSED = "Disk /var is 91% full: the old logs can go."


class Person:
    """Somebody before a page. `actions` is how often they pressed, chose or typed something."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.actions = 0

    async def type(self, label: str, text: str) -> None:
        self.actions += 1
        await self.page.get_by_label(label, exact=True).fill(text)

    async def choose(self, label: str, option: str) -> None:
        self.actions += 1
        await self.page.get_by_label(label, exact=True).select_option(label=option)

    async def press(self, what: Locator) -> None:
        self.actions += 1
        await what.click()


async def make_a_heartbeat(person: Person, newcomer: Newcomer, rehearse: Callable[[Person], Any]) -> None:
    """Sign in, begin with a template, say how often in words, rehearse, and switch on."""
    page = person.page
    await page.goto("/")
    await person.type("Project key", newcomer.key)
    await person.press(page.get_by_role("button", name="Sign in"))
    await person.press(page.get_by_role("link", name="A daily suggestion"))
    await expect(page.get_by_label("Prompt", exact=True)).not_to_be_empty()
    await person.choose("How often", "Every few minutes")
    await person.type("How many minutes or hours between two runs", "1")
    await rehearse(person)
    await person.press(page.get_by_role("button", name="Switch on").last)
    await expect(page.locator(".done")).to_contain_text("on")
    await page.locator(".chip.on, .chip.pending").first.wait_for()


async def rehearse_beside_the_form(person: Person) -> None:
    await person.press(person.page.get_by_role("button", name="Rehearse"))
    rehearsal = person.page.locator("#rehearsal")
    await expect(rehearsal).to_contain_text(REHEARSED)


async def rehearse_in_a_page_of_its_own(person: Person) -> None:
    """Without scripts the form is sent to another tab."""
    async with person.page.context.expect_page() as opened:
        await person.press(person.page.get_by_role("button", name="Rehearse"))
    rehearsal = await opened.value

    async def shown() -> str:
        await rehearsal.reload()
        return await rehearsal.locator("#rehearsal").inner_text()

    await until(shown, lambda text: REHEARSED in text)
    await rehearsal.close()


async def test_two_minutes_from_the_key_to_a_heartbeat_that_runs(
    newcomer: Newcomer, visitors: Visitors, model: ModelServer
) -> None:
    model.script(says(REHEARSED))
    person = Person(await visitors.come())
    await make_a_heartbeat(person, newcomer, rehearse_beside_the_form)
    assert person.actions <= MAX_ACTIONS

    finish = threading.Event()
    said = says("Clear the logs.")
    model.script(Reply(body=said.body, wait_for=finish))
    page = person.page
    await page.locator("a.chip.running").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Run of")
    await page.evaluate("window.same = true")
    finish.set()
    await expect(page.locator(".chip.success").first).to_be_visible()
    await expect(page.locator("main")).to_contain_text("Clear the logs.")
    assert await page.evaluate("window.same") is True, "the page was loaded anew instead of followed"
    await check_accessible(page)


@pytest.mark.parametrize(
    ("options", "rehearse"),
    [
        ({"java_script_enabled": False}, rehearse_in_a_page_of_its_own),
        ({"viewport": PHONE, "has_touch": True, "color_scheme": "dark"}, rehearse_beside_the_form),
    ],
    ids=["without scripts", "on a phone in the dark"],
)
async def test_the_same_way_on_other_browsers(
    newcomer: Newcomer, visitors: Visitors, model: ModelServer, options: dict[str, Any], rehearse: Any
) -> None:
    model.script(says(REHEARSED))
    await make_a_heartbeat(Person(await visitors.come(**options)), newcomer, rehearse)
