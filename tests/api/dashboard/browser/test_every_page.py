"""Every page that the menu leads to, in a browser: filled with all that is hostile, it is whole, readable and quiet."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from playwright.async_api import Page

from api.dashboard.router import pages
from tests.support.chromium import INKS, PHONE, WIDE, Visitors, barriers, out_of_reach, sign_in, too_wide
from tests.support.dashboard import Owner
from tests.support.hostile_strings import ALL
from tests.support.html_pages import NO_PLACE, kind_of, path_of
from tests.support.one_of_everything import one_of_everything
from tests.support.pending_rows import a_task
from tests.support.person import PLAIN

# What a button, a message or a script leads to.
NOT_LINKED = {
    "/account",
    "/account/second-factor",
    "/approvals/{id}",
    "/join",
    "/new-password",
    "/projects",
    "/ratings/{id}",
    "/rehearsals/{id}",
    "/runs/{id}/compare/{id}",
    "/strips/{id}",
    "/tools/{id}/invite",
    "/tools/{id}/refresh",
    "/tools/{id}/review",
    "/tools/{id}/sign-in",
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
    # Only where there is another session a page leads to the end of all others.
    await sign_in(await visitors.come(), owner.key)
    addresses, faults, inks = list[str](), dict[str, list[str]](), set[str]()
    async for address, status in crawl(page):
        addresses.append(address)
        faults[address] = await _faults(page, inks) if status == 200 else [f"its status is {status}"]
    await page.goto("/heartbeats/hb_nope")
    faults["an error"] = await _faults(page, inks)
    for address, without in (await _faults_without_scripts(page, visitors, addresses)).items():
        faults[address] += without
    faults = {address: found for address, found in faults.items() if found}
    assert not faults, "\n".join(f"{address}\n  " + "\n  ".join(found) for address, found in faults.items())
    reached = {path_of(address) for address in addresses}
    assert _places() - reached == NOT_LINKED


async def _faults(page: Page, inks: set[str]) -> list[str]:
    faults = ["a text ran as script"] if await page.evaluate("window.__pwned") else []
    faults += await too_wide(page, WIDE["width"])
    faults += await barriers(page, {"rules": {"color-contrast": {"enabled": await _has_new_ink(page, inks)}}})
    faults += await too_wide(page, 360)
    faults += await out_of_reach(page)
    await page.set_viewport_size(WIDE)
    return faults


async def _faults_without_scripts(page: Page, visitors: Visitors, addresses: list[str]) -> dict[str, list[str]]:
    """What is wrong with these pages on a phone in the dark that runs no scripts."""
    state: Any = await page.context.storage_state()
    plain, inks = await visitors.come(**PLAIN.options, storage_state=state), set[str]()
    faults = {}
    for address in addresses:
        answer = await plain.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        assert await plain.locator("main h1").count() == 1, address
        faults[address] = [*await too_wide(plain, PHONE["width"]), *await out_of_reach(plain)]
        if await _has_new_ink(plain, inks):
            faults[address] += await barriers(plain, {"runOnly": ["color-contrast"]})
    return faults


async def _has_new_ink(page: Page, inks: set[str]) -> bool:
    """Whether a kind of text is here that no page before had; looking at contrasts is most of what axe-core costs."""
    before = len(inks)
    inks.update(await page.evaluate(INKS))
    return len(inks) > before


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
