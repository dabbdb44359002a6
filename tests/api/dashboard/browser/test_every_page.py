"""Every page that the menu leads to, in a browser: filled with all that is hostile, it is whole, readable and quiet."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from playwright.async_api import Page

from api.dashboard.router import pages
from tests.support.chromium import Visitors, barriers, too_wide
from tests.support.dashboard import Owner
from tests.support.hostile_strings import ALL
from tests.support.html_pages import NO_PLACE, kind_of, path_of
from tests.support.one_of_everything import one_of_everything
from tests.support.pending_rows import a_task

# What a button, a message or a script leads to.
NOT_LINKED = {
    "/approvals/{id}",
    "/rehearsals/{id}",
    "/runs/{id}/compare/{id}",
    "/strips/{id}",
    "/tools/{id}/refresh",
    "/tools/{id}/review",
    "/tools/{id}/test",
    "/tools/{id}/tools",
    "/tries/{id}",
}
LINKS = "[...document.querySelectorAll('a[href]')].map(link => link.getAttribute('href'))"


async def crawl(page: Page) -> AsyncIterator[tuple[str, int]]:
    """Each kind of page that can be reached by links, with its status; the caller looks at it before the next."""
    seen, waiting = {kind_of("/")}, ["/"]
    while waiting:
        address = waiting.pop(0)
        answer = await page.goto(address)
        assert answer is not None
        yield address, answer.status
        for link in await page.evaluate(LINKS):
            is_page = link.startswith("/") and not NO_PLACE.search(link)
            if is_page and kind_of(link) not in seen:
                seen.add(kind_of(link))
                waiting.append(link)


async def test_every_page_is_whole_whatever_is_written_in_it(owner: Owner, page: Page, visitors: Visitors) -> None:
    await owner.database.write(one_of_everything, owner, ALL)
    addresses, faults = list[str](), dict[str, list[str]]()
    async for address, status in crawl(page):
        addresses.append(address)
        faults[address] = await _faults(page) if status == 200 else [f"its status is {status}"]
    await page.goto("/heartbeats/hb_nope")
    faults["an error"] = await _faults(page)
    faults = {address: found for address, found in faults.items() if found}
    assert not faults, "\n".join(f"{address}\n  " + "\n  ".join(found) for address, found in faults.items())
    await _without_scripts(page, visitors, addresses)
    reached = {path_of(address) for address in addresses}
    assert _places() - reached == NOT_LINKED


async def _faults(page: Page) -> list[str]:
    faults = ["a text ran as script"] if await page.evaluate("window.__pwned") else []
    for width in (360, 1280):
        faults += await too_wide(page, width)
    faults += await barriers(page)
    await page.emulate_media(color_scheme="dark")
    faults += await barriers(page, ["color-contrast"])
    await page.emulate_media(color_scheme="light")
    return faults


async def _without_scripts(page: Page, visitors: Visitors, addresses: list[str]) -> None:
    state: Any = await page.context.storage_state()
    plain = await visitors.come(java_script_enabled=False, storage_state=state)
    for address in addresses:
        answer = await plain.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        assert await plain.locator("main h1").count() == 1, address


def _places() -> set[str]:
    """The paths of all pages, an id in them written as `{id}`."""
    paths = {route.path for route in pages if "GET" in route.methods}
    return {re.sub(r"\{\w+(:\w+)?\}", "{id}", path) for path in paths if not NO_PLACE.search(path)}


async def test_a_state_is_drawn_as_a_chip(owner: Owner, page: Page) -> None:
    values = {"enabled": False, "deleted_at": datetime.now(UTC), "ended_as": "done"}
    over = await owner.database.write(lambda c: a_task(c, owner.heartbeat, **values))
    await page.goto(f"/tasks/{over.uuid}")
    box = await page.locator(".chip.done").bounding_box()
    assert box is not None
    assert box["height"] == 22
