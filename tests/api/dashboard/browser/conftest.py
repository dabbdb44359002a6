"""A browser, the dashboard that it visits, and people who visit it. What their consoles complain of fails the test."""

import os
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page

from api.main import create_app
from tests.support.chromium import BINARY, Visitors, launched, serving, sign_in
from tests.support.dashboard import Owner
from tests.support.databases import fresh_database

# In CI they fail without a browser, for a part that did not run proves nothing.
collect_ignore_glob = ["test_*.py"] if BINARY is None and "CI" not in os.environ else []


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """What a browser shows is the same on both kinds of store."""
    return fresh_database(request, "sqlite")


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@pytest.fixture
async def site(owner: Owner) -> AsyncIterator[str]:
    """The address of the owner's dashboard."""
    async with serving(create_app(owner.settings, owner.database, owner.temporal)) as address:
        yield address


@pytest.fixture
async def visitors(chromium: Browser, site: str) -> AsyncIterator[Visitors]:
    """People without a session, each with a browser of their own."""
    visitors = Visitors(chromium, site)
    yield visitors
    await visitors.go()
    assert visitors.complaints == []


@pytest.fixture
async def page(visitors: Visitors, owner: Owner) -> Page:
    """A page on which the owner is signed in."""
    page = await visitors.come()
    await sign_in(page, owner.key)
    return page
