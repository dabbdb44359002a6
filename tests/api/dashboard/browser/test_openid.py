"""People sign in at a real issuer on another site, in a real browser: in, out, and not in."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect
from pydantic import SecretStr
from sqlalchemy import Connection
from temporalio.client import Client

from api.main import create_app
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from tests.support.chromium import Visitors, check_accessible, check_width
from tests.support.openid_provider import SECRET, openid_provider
from tests.support.ports import free_port
from tests.support.seeds import a_project
from tests.support.serving import serving

# To a browser another site than 127.0.0.1, so that it holds strict cookies back on the way from there.
ISSUER_HOST = "localhost"
PEOPLE = {"ada": {"name": "Ada", "groups": ["ops"]}, "grace": {"name": "Grace"}}


@pytest.fixture
async def site(settings: Settings, database: Database, temporal: Client) -> AsyncIterator[str]:
    port = free_port()
    changes = {
        "oidc_issuer": f"http://{ISSUER_HOST}:{port}",
        "oidc_client_id": "heartbeat",
        "oidc_client_secret": SecretStr(SECRET),
        "oidc_name": "Acme",
        "oidc_groups": {"ops": [{"project": "acme", "role": "operator"}]},
    }
    settings = Settings(_env_file=None, **{**settings.model_dump(), **changes})
    await database.write(_a_project)
    async with serving(create_app(settings, database, temporal)) as address:
        with openid_provider(address, PEOPLE, ISSUER_HOST, port):
            yield address


def _a_project(connection: Connection) -> None:
    a_project(connection, uuid="acme", name="Acme")


async def come(visitors: Visitors) -> Page:
    """Somebody new; what the issuer's pages would load from elsewhere is empty."""
    page = await visitors.come()
    for address in ("https://fonts.googleapis.com/**", "**/favicon.ico"):
        await page.context.route(address, lambda route: route.fulfill(body=""))
    return page


async def sign_in_there(page: Page, person: str) -> None:
    await page.get_by_role("link", name="Sign in with Acme").click()
    await fill_in_there(page, person)


async def fill_in_there(page: Page, person: str) -> None:
    await page.get_by_placeholder("Enter any login").fill(person)
    await page.get_by_placeholder("and password").fill("any")
    await page.get_by_role("button", name="Sign-in").click()


async def test_a_person_comes_in_by_their_group_and_leaves_again(visitors: Visitors) -> None:
    page = await come(visitors)
    await page.goto("/runs")
    await check_accessible(page)
    await sign_in_there(page, "ada")
    await page.wait_for_url("**/runs")
    await expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()
    # An operator: what only an admin may do is not offered.
    await expect(page.get_by_role("link", name="Stop everything")).to_be_attached()
    await expect(page.get_by_role("link", name="Keys")).not_to_be_attached()
    await page.evaluate("document.querySelector('form[action=\"/sign-out\"] button').click()")
    await page.get_by_role("button", name="Yes, sign me out").click()
    await page.wait_for_url("**/sign-in*")
    await page.goto("/runs")
    await expect(page.get_by_label("Project key")).to_be_visible()


async def test_a_person_of_no_project_is_told_whom_to_ask(visitors: Visitors) -> None:
    page = await come(visitors)
    await page.goto("/")
    await check_width(page, 390)
    await sign_in_there(page, "grace")
    await expect(page.get_by_role("alert")).to_contain_text("Ask an admin of your project to invite you.")
    await check_accessible(page)
    await page.get_by_role("link", name="Back to the ways to sign in").click()
    await expect(page.get_by_label("Project key")).to_be_visible()


async def test_who_is_signed_in_there_as_somebody_else_chooses_another_account(visitors: Visitors) -> None:
    page = await come(visitors)
    await page.goto("/runs")
    await sign_in_there(page, "grace")
    await page.get_by_role("link", name="Sign in with another account").click()
    await fill_in_there(page, "ada")
    await page.wait_for_url("**/runs")
