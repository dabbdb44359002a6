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

from api.dashboard.session import COOKIE
from tests.support.dashboard import Owner
from tests.support.patience import PATIENCE

# The shell is Chromium without a browser's window, which takes most of the processor time where nobody looks.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
BINARY = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
# Pages refresh themselves when they come into view.
REFRESH = "document.dispatchEvent(new Event('visibilitychange'))"
# What reaches over the edge of the page; what scrolls in a box of its own, or ends there in dots, does not.
TOO_WIDE = """width => {
  const isBox = ({ overflowX, textOverflow }) => /auto|scroll/.test(overflowX) || textOverflow === "ellipsis";
  const isBoxed = element => isBox(getComputedStyle(element)) || boxed(element.parentElement);
  const boxed = element => element !== document.body && isBoxed(element);
  const sideways = document.documentElement.scrollWidth - width;
  const faults = [...document.querySelectorAll("body *")]
    .filter(element => element.checkVisibility() && !element.closest(".unseen, .skip, pre"))
    .filter(element => element.getBoundingClientRect().right > width + 0.5 && !boxed(element.parentElement))
    .map(element => element.outerHTML.slice(0, 200));
  return sideways > 0 ? [`it scrolls ${sideways} px sideways`, ...faults] : faults;
}"""
# What one sees, may go to, and still cannot press, for it is beyond the edge or something lies over it.
OUT_OF_REACH = """() => {
  const isPressed = (control, { left, top, width, height }) => {
    const hit = document.elementFromPoint(left + width / 2, top + height / 2);
    return hit && (control.contains(hit) || [...control.labels ?? []].some(label => label.contains(hit)));
  };
  const isReached = control => {
    control.scrollIntoView({ block: "center" });
    const drawn = control.querySelector("rect") ?? control;
    return [...drawn.getClientRects()].some(box => isPressed(control, box));
  };
  const isOffered = control => control.checkVisibility({ visibilityProperty: true })
    && !control.closest(".unseen, .skip") && getComputedStyle(control).pointerEvents !== "none";
  const controls = document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary");
  const faults = [...controls]
    .filter(control => isOffered(control) && !isReached(control))
    .map(control => `out of reach: ${control.outerHTML.slice(0, 200)}`);
  scrollTo(0, 0);
  return faults;
}"""
# Every kind of text on the page, by what decides whether it can be read: its colour, its ground and its size.
INKS = """() => {
  const groundOf = element => {
    const { backgroundColor, opacity } = getComputedStyle(element);
    const below = /^rgba|[/]/.test(backgroundColor) ? element.parentElement : null;
    return `${backgroundColor} ${opacity}, ${below ? groundOf(below) : ""}`;
  };
  const inkOf = element => {
    const { color, fontSize, fontWeight } = getComputedStyle(element);
    return `${color} ${fontSize} ${fontWeight} on ${groundOf(element)}`;
  };
  const hasText = element => [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
  return [...new Set([...document.querySelectorAll("body *")].filter(hasText).map(inkOf))];
}"""
# Where no scripts run, no timer ends either.
AXE = f"""
if (matchMedia("(scripting: none)").matches) window.setTimeout = work => {{ Promise.resolve().then(work); }};
{Axe().axe_script}
"""
BARRIERS = """async options => {
  const { violations } = await axe.run({ resultTypes: ["violations"], ...options });
  return violations
    .filter(violation => ["serious", "critical"].includes(violation.impact))
    .flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.html.slice(0, 200)} ${node.failureSummary ?? ""}`));
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

    async def come_as(self, owner: Owner, **options: Any) -> Page:
        """A page of somebody who signed in as the owner before."""
        page = await self.come(**options)
        await page.context.add_cookies([{"name": COOKIE, "value": owner.browser.cookies[COOKIE], "url": self.site}])
        return page

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
    await page.get_by_role("button", name="Sign in with the key").click()
    await page.get_by_role("heading", name="Heartbeats", level=1).wait_for()
    # Its scripts run.
    await page.wait_for_load_state()


async def check_accessible(page: Page) -> None:
    """Nothing on the page is what axe-core calls serious or critical."""
    assert await barriers(page) == [], page.url


async def barriers(page: Page, options: dict[str, Any] | None = None) -> list[str]:
    """What axe-core calls serious or critical on a page; `options` are those of `axe.run`."""
    # It is half a megabyte, so a document is given it once.
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    faults: list[str] = await page.evaluate(BARRIERS, options or {})
    return faults


async def too_wide(page: Page, width: int) -> list[str]:
    """What on the page reaches over the edge of a screen of this width."""
    size = page.viewport_size
    if size is None or size["width"] != width:
        await page.set_viewport_size({"width": width, "height": WIDE["height"]})
    return [f"at {width} px: {element}" for element in await page.evaluate(TOO_WIDE, width)]


async def out_of_reach(page: Page) -> list[str]:
    """The controls of the page that cannot be pressed, however one scrolls."""
    faults: list[str] = await page.evaluate(OUT_OF_REACH)
    return faults


async def check_width(page: Page, width: int) -> None:
    """Nothing on the page is wider than a screen of this width."""
    assert await too_wide(page, width) == [], page.url
