"""A real Chromium, driven by Playwright, and what must hold of every page that it shows."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    WebError,
    async_playwright,
    expect,
)

from tests.support.patience import PATIENCE

BINARY = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
# Pages refresh themselves when they come into view.
REFRESH = "document.dispatchEvent(new Event('visibilitychange'))"
SERIOUS = {"serious", "critical"}
# What reaches over the edge of the page; what scrolls in a box of its own, or ends there in dots, does not.
TOO_WIDE = """width => {
  const isBox = ({ overflowX, textOverflow }) => /auto|scroll/.test(overflowX) || textOverflow === "ellipsis";
  const isBoxed = element => isBox(getComputedStyle(element)) || boxed(element.parentElement);
  const boxed = element => element !== document.body && isBoxed(element);
  return [...document.querySelectorAll("body *")]
    .filter(element => element.checkVisibility() && !element.closest(".unseen, .skip, pre"))
    .filter(element => element.getBoundingClientRect().right > width + 0.5 && !boxed(element.parentElement))
    .map(element => element.outerHTML.slice(0, 200));
}"""


expect.set_options(timeout=PATIENCE * 1000)


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """One browser process; each of its contexts has cookies and storage of its own."""
    assert BINARY is not None, "there is no Chromium here: install the package chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=BINARY, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


class Visitors:
    """People with browsers of their own. `complaints` is what the consoles of all have shown, and must stay empty."""

    def __init__(self, browser: Browser, site: str) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.site = site
        self.complaints: list[str] = []

    async def come(self, **options: Any) -> Page:
        """A page of somebody new; `options` are those of Playwright's `new_context`."""
        context = await self._browser.new_context(base_url=self.site, **{"viewport": WIDE, **options})
        context.set_default_timeout(PATIENCE * 1000)
        context.on("console", self._hear)
        context.on("weberror", self._note)
        context.on("dialog", self._refuse)
        self._contexts.append(context)
        return await context.new_page()

    async def go(self) -> None:
        for context in self._contexts:
            await context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        # What the policy on content forbids is told here as an error, too. That a page is a refusal, its test sees.
        is_refusal = message.text.startswith("Failed to load resource") and message.location["url"] == _address(message)
        if message.type == "error" and not is_refusal:
            self.complaints.append(f"{message.location['url']}: {message.text}")

    async def _refuse(self, dialog: Dialog) -> None:
        self.complaints.append(f"a dialog says {dialog.message}")
        await dialog.dismiss()

    def _note(self, error: WebError) -> None:
        self.complaints.append(f"{error.page.url if error.page else 'a page'}: {error.error}")


def _address(message: ConsoleMessage) -> str:
    return message.page.url if message.page else ""


async def sign_in(page: Page, key: str) -> None:
    await page.goto("/")
    await page.get_by_label("Project key").fill(key)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", name="Heartbeats", level=1).wait_for()
    # Its scripts run.
    await page.wait_for_load_state()


async def check_accessible(page: Page) -> None:
    """Nothing on the page is what axe-core calls serious or critical."""
    assert await barriers(page) == [], page.url


async def barriers(page: Page, rules: list[str] | None = None) -> list[str]:
    """What axe-core calls serious or critical on a page, by these rules of it or by all."""
    only = {"runOnly": {"type": "rule", "values": rules}} if rules else {}
    response = (await Axe().run(page, options={"resultTypes": ["violations"], **only})).response
    return [
        f"{finding['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for finding in response["violations"]
        if finding["impact"] in SERIOUS
        for node in finding["nodes"]
    ]


async def too_wide(page: Page, width: int) -> list[str]:
    """What on the page reaches over the edge of a screen of this width."""
    await page.set_viewport_size({"width": width, "height": 800})
    return [f"at {width} px: {element}" for element in await page.evaluate(TOO_WIDE, width)]


async def check_width(page: Page, width: int) -> None:
    """Nothing on the page is wider than a screen of this width."""
    assert await too_wide(page, width) == [], page.url
