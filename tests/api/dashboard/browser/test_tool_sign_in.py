"""A person connects a server that wants to be signed in to, and a subscriber does with a link."""

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from heartbeat.settings import Settings
from tests.support.authorization_server import AuthorizationServer
from tests.support.chromium import Visitors, check_accessible, check_width
from tests.support.dashboard import Owner
from tests.support.pending_rows import a_subscriber
from tests.support.tool_server import ToolServer


@pytest.fixture
def authorization() -> Iterator[AuthorizationServer]:
    """It stands on another host than the tool server."""
    with contextlib.closing(AuthorizationServer()) as server:
        server.url = server.url.replace("127.0.0.1", "localhost")
        yield server


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"egress_allow": ["127.0.0.1", "localhost"]})


async def connect(page: Page, owner: Owner, desk: ToolServer, label: str) -> None:
    await page.goto(f"/bots/{owner.bot.uuid}/tools/new")
    await page.locator("#server_label").fill(label)
    await page.locator("#server_url").fill(desk.url)


async def test_one_press_leads_there_and_back(
    authorization: AuthorizationServer, visitors: Visitors, owner: Owner, page: Page
) -> None:
    host = urlsplit(authorization.url).netloc
    with contextlib.closing(ToolServer(authorization=authorization)) as desk:
        await connect(page, owner, desk, "desk")
        await page.get_by_role("button", name="Connect").click()
        await expect(page.locator(".done")).to_contain_text("wants to be signed in to")
        await expect(page.locator("#sign-in-card")).to_contain_text("Not signed in")
        await expect(page.locator("#sign-in-card strong")).to_have_text(host)
        assert authorization.requests == 0
        await check_accessible(page)
        await check_width(page, 360)
        tool_page = page.url.partition("?")[0]

        await page.get_by_role("button", name=f"Sign in at {host}").click()
        await page.get_by_role("button", name="Allow").click()
        await expect(page.locator(".done")).to_have_text("You are signed in to the server.")
        assert page.url.partition("?")[0] == tool_page
        await expect(page.locator("#sign-in-card")).to_contain_text("Signed in")
        await expect(page.locator("#sign-in-card")).to_contain_text("notes:read")
        await expect(page.get_by_text("read_note", exact=True)).to_be_visible()

        await page.get_by_role("button", name=f"Sign in at {host}").click()
        await page.get_by_role("button", name="Deny").click()
        await expect(page.get_by_role("alert")).to_contain_text("did not let us in")
        await check_accessible(page)


async def test_a_subscriber_signs_in_with_a_link(
    authorization: AuthorizationServer, visitors: Visitors, owner: Owner, page: Page
) -> None:
    host = urlsplit(authorization.url).netloc
    await page.goto("/")
    with contextlib.closing(ToolServer(authorization=authorization)) as desk:
        await owner.database.write(a_subscriber, owner.bot, name="Ann")
        await connect(page, owner, desk, "notes")
        await page.get_by_label("Each subscriber signs in for themselves").check()
        await page.get_by_role("button", name="Connect").click()
        await page.get_by_role("button", name="Make a link to sign in").click()
        link = urlsplit(await page.locator("#link").inner_text())

        hers = await visitors.come()
        await hers.goto(f"{link.path}?{link.query}")
        await expect(hers.locator("h1")).to_have_text("Sign in to notes")
        await hers.get_by_role("button", name="Go on").click()
        await expect(hers.locator("strong")).to_have_text(host)
        assert authorization.requests == 0
        await check_accessible(hers)
        await check_width(hers, 360)
        await hers.get_by_role("button", name=f"Sign in at {host}").click()
        await hers.get_by_role("button", name="Allow").click()
        await expect(hers.get_by_role("status").first).to_contain_text("notes is connected. You can close this page.")
        await page.goto(page.url.rpartition("/")[0])
        await expect(page.locator("#member_id")).to_contain_text("Ann (signed in)")
