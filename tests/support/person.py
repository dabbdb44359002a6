"""Somebody before the dashboard, and the looks that it may have for them."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.support.chromium import PHONE, WIDE, barriers, out_of_reach, too_wide
from tests.support.patience import PATIENCE

# Seconds after which somebody looks again.
GLANCE = 0.3


@dataclass(frozen=True)
class Look:
    """What somebody sees the pages with; `options` are those of Playwright's `new_context`."""

    name: str
    has_scripts: bool
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def is_narrow(self) -> bool:
        return bool(self.options["viewport"] == PHONE)


DARK_PHONE = {"viewport": PHONE, "has_touch": True, "color_scheme": "dark"}
DESK = Look("at a desk", True, {"viewport": WIDE})
ON_A_PHONE = Look("on a phone in the dark", True, DARK_PHONE)
PLAIN = Look("on a phone in the dark without scripts", False, {**DARK_PHONE, "java_script_enabled": False})


class Person:
    """Somebody before a page. `actions` is how often they pressed, chose or typed something."""

    def __init__(self, page: Page, look: Look) -> None:
        self.page = page
        self.look = look
        self.actions = 0

    async def type(self, label: str, text: str) -> None:
        self.actions += 1
        await self.page.get_by_label(label, exact=True).fill(text)

    async def choose(self, label: str, option: str) -> None:
        self.actions += 1
        await self.page.get_by_label(label, exact=True).select_option(label=option)

    async def press(self, what: Locator | str) -> None:
        """Press this, or the button of this name."""
        self.actions += 1
        await (self.page.get_by_role("button", name=what, exact=True) if isinstance(what, str) else what).click()

    async def follow(self, link: str) -> None:
        await self.press(self.page.locator("main").get_by_role("link", name=link, exact=True).first)

    async def turn_to(self, place: str) -> None:
        """Open a page by the menu, which a narrow screen folds."""
        if self.look.is_narrow:
            await self.press("Menu")
        menu = self.page.get_by_role("navigation", name="Pages")
        await self.press(menu.get_by_role("link", name=re.compile(rf"^{place}\b")))
        await expect(self.page.locator("h1")).to_have_text(place)

    async def see(self, what: str, text: str = "") -> None:
        """Wait until the page shows this by itself; without scripts they look again."""
        wanted = self.page.locator(what).filter(has_text=text).first
        async with asyncio.timeout(PATIENCE):
            while not self.look.has_scripts and not await wanted.count():
                await asyncio.sleep(GLANCE)
                await self.page.get_by_role("link", name="Show what is new").click()
        await expect(wanted).to_be_visible()

    async def check(self) -> None:
        """Nothing on the page is a barrier, over the edge, or out of reach."""
        size = self.page.viewport_size
        assert size is not None
        faults = await barriers(self.page)
        faults += [*await too_wide(self.page, size["width"]), *await out_of_reach(self.page)]
        assert not faults, "\n".join([self.page.url, *faults])
