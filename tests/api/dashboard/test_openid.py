"""Signing in with a real issuer of OpenID Connect: who gets in, as whom, and who does not, however they try."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from html import unescape

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, select
from temporalio.client import Client

from api.dashboard.session import COOKIE
from heartbeat.domain.secret_keys import new_key
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import many
from heartbeat.store.projects.projects import create_key
from heartbeat.store.tables.users import User
from heartbeat.store.users.memberships import projects_of, set_member
from heartbeat.store.users.users import USER, create_user, user_by_email
from tests.support.dashboard import SITE, Browser, browsing
from tests.support.databases import fresh_database
from tests.support.html_pages import HtmlPage
from tests.support.openid_provider import SECRET, openid_provider, sign_in_there
from tests.support.ports import free_port
from tests.support.seeds import NOW, a_project

ADA = {"name": "Ada", "email": "ada@example.com", "email_verified": True, "groups": ["ops"]}
EVE = {"name": "Eve", "email": "grace@example.com", "email_verified": False}
GRACE = {"name": "Grace", "email": "grace@example.com", "email_verified": True}
PEOPLE = {"ada": ADA, "eve": EVE, "grace": GRACE}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with openid_provider(SITE, PEOPLE) as address:
        yield address


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """What the store does is tested on both kinds (tests/store/users/test_openid.py)."""
    return fresh_database(request, "sqlite")


@pytest.fixture
def settings(settings: Settings, issuer: str) -> Settings:
    changes = {
        "secret_keys": SecretStr(new_key()),
        "public_url": SITE,
        "oidc_issuer": issuer,
        "oidc_client_id": "heartbeat",
        "oidc_client_secret": SecretStr(SECRET),
        "oidc_name": "Acme",
        "oidc_groups": {"ops": [{"project": "acme", "role": "operator"}]},
    }
    return Settings(_env_file=None, **{**settings.model_dump(), **changes})


@pytest.fixture
async def key(database: Database) -> str:
    """A key of the project that the group is about."""

    def seed(connection: Connection) -> str:
        project = a_project(connection, uuid="acme", name="Acme")
        return create_key(connection, project, "first", NOW).secret

    return await database.write(seed)


@pytest.fixture
async def browser(settings: Settings, database: Database, temporal: Client, key: str) -> AsyncIterator[Browser]:
    async with browsing(settings, database, temporal) as browser:
        yield browser


async def callback_of(browser: Browser, subject: str, page: str = "/") -> str:
    """Go to the issuer and sign in there; the address that leads back."""
    answer = await browser.get("/sign-in/openid", params={"next": page})
    assert answer.status_code == 303, answer.text
    return await asyncio.to_thread(sign_in_there, answer.headers["location"], subject)


async def sign_in(browser: Browser, subject: str, page: str = "/") -> httpx.Response:
    return await browser.get(await callback_of(browser, subject, page))


def leads_to(answer: httpx.Response) -> str:
    return unescape(answer.text.split('content="0; url=')[1].split('"')[0])


async def accounts(database: Database) -> list[User]:
    return await database.read(lambda c: many(c, User, select(USER)))


async def test_who_is_in_a_group_comes_in_with_its_role(browser: Browser, database: Database) -> None:
    assert "Sign in with" in await browser.page("/sign-in?next=/runs")
    answer = await sign_in(browser, "ada", "/runs?page=2")
    assert (answer.status_code, leads_to(answer)) == (200, "/runs?page=2")
    assert (await browser.get("/runs")).status_code == 200
    assert (await browser.get("/hold")).status_code == 200
    assert (await browser.get("/keys")).status_code == 403
    [ada] = await accounts(database)
    assert (ada.email, ada.name, ada.password_hash) == ("ada@example.com", "Ada", None)


async def test_who_comes_again_is_the_same_person(browser: Browser, database: Database) -> None:
    for _ in range(2):
        assert (await sign_in(browser, "ada")).status_code == 200
    assert len(await accounts(database)) == 1


async def test_who_is_a_member_of_nothing_is_told_whom_to_ask(browser: Browser, database: Database) -> None:
    answer = await sign_in(browser, "grace")
    assert (answer.status_code, COOKIE in browser.cookies) == (403, False)
    assert "Ask an admin of your project to invite you." in answer.text
    assert await accounts(database) == []


async def test_who_is_refused_is_offered_another_account(browser: Browser) -> None:
    refused = await sign_in(browser, "grace", "/runs")
    [offer] = [link for link in HtmlPage(refused.text, "/").links if "another" in link]
    asked = await browser.get(offer)
    there = httpx.URL(asked.headers["location"])
    assert there.params["prompt"] == "select_account"
    # This issuer knows no such choice, and says so only now: its form is asked for then.
    unknown = await asyncio.to_thread(sign_in_there, str(there), "ada")
    assert "invalid_request" in unknown
    again = await browser.get(unknown)
    assert (again.status_code, httpx.URL(again.headers["location"]).params["prompt"]) == (303, "login")
    back = await asyncio.to_thread(sign_in_there, again.headers["location"], "ada")
    assert leads_to(await browser.get(back)) == "/runs"


async def test_an_address_that_is_not_verified_takes_over_nobody(browser: Browser, database: Database) -> None:
    def seed(connection: Connection) -> None:
        grace = create_user(connection, "grace@example.com", "Grace", NOW)
        assert grace is not None
        set_member(connection, grace, a_project(connection), "admin", NOW)

    await database.write(seed)
    assert (await sign_in(browser, "eve")).status_code == 403
    assert (await sign_in(browser, "grace")).status_code == 200
    grace = await database.read(user_by_email, "grace@example.com")
    assert grace is not None
    assert len(await database.read(projects_of, grace.id)) == 1
    assert len(await accounts(database)) == 1


async def test_signing_in_leads_nowhere_else(browser: Browser) -> None:
    for page in ("//evil.example/x", "https://evil.example", "/\\evil", "javascript:alert(1)"):
        assert leads_to(await sign_in(browser, "ada", page)) == "/"


async def test_what_came_back_once_does_not_come_back_again(browser: Browser) -> None:
    address = await callback_of(browser, "ada")
    kept = {cookie.name: cookie.value or "" for cookie in browser.cookies.jar}
    assert (await browser.get(address)).status_code == 200
    assert "was finished already" in (await browser.get(address)).text
    # Also for whoever has kept all that the browser had: a code works once.
    browser.cookies.clear()
    again = await browser.get(address, headers={"cookie": "; ".join(f"{name}={value}" for name, value in kept.items())})
    assert (again.status_code, COOKIE in browser.cookies) == (403, False)
    assert "not an answer to this sign-in" in again.text


async def test_nobody_is_signed_in_as_somebody_else_by_a_link(
    browser: Browser, settings: Settings, database: Database, temporal: Client
) -> None:
    address = await callback_of(browser, "ada")
    async with browsing(settings, database, temporal) as victim:
        assert (await victim.get(address)).status_code == 403
        # Nor with a sign-in of their own under way.
        state = httpx.URL(await callback_of(victim, "ada")).params["state"]
        mixed = httpx.URL(address).copy_set_param("state", state)
        assert (await victim.get(mixed)).status_code == 403
        assert COOKIE not in victim.cookies


@pytest.mark.parametrize("sender", ["https://evil.example", "", None])
async def test_the_answer_of_another_issuer_is_none(browser: Browser, sender: str | None) -> None:
    address = httpx.URL(await callback_of(browser, "ada")).copy_remove_param("iss")
    answer = await browser.get(address if sender is None else address.copy_set_param("iss", sender))
    assert (answer.status_code, COOKIE in browser.cookies) == (403, False)


async def test_who_breaks_off_is_told_so(browser: Browser, issuer: str) -> None:
    begun = httpx.URL((await browser.get("/sign-in/openid")).headers["location"])
    params = {"state": begun.params["state"], "error": "access_denied", "iss": issuer}
    answer = await browser.get("/sign-in/openid/callback", params=params)
    assert (answer.status_code, "you broke off" in answer.text, "another account" in answer.text) == (403, True, True)


async def test_who_invents_answers_waits_and_a_right_one_gets_in(browser: Browser, settings: Settings) -> None:
    right = await callback_of(browser, "ada")
    codes = [await browser.get("/sign-in/openid") for _ in range(2)]
    states = [httpx.URL(begun.headers["location"]).params["state"] for begun in codes]
    answers = []
    # Of states that nobody was sent away with, and of codes that the issuer never made.
    for state in [f"invented{n}" for n in range(settings.free_failures - 1)] + states + ["invented"]:
        params = {"state": state, "code": "invented", "iss": settings.oidc_issuer or ""}
        answers.append(await browser.get("/sign-in/openid/callback", params=params))
    assert [answer.status_code for answer in answers] == [403] * (settings.free_failures + 1) + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await browser.get(right)).status_code == 200


async def test_two_tabs_may_sign_in_at_once(browser: Browser) -> None:
    first, second = [await callback_of(browser, "ada", page) for page in ("/runs", "/tasks")]
    assert [leads_to(await browser.get(address)) for address in (first, second)] == ["/runs", "/tasks"]


async def test_what_is_kept_of_a_sign_in_is_locked_down(browser: Browser) -> None:
    begun = await browser.get("/sign-in/openid")
    cookie = begun.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "Path=/sign-in/openid/callback" in cookie
    assert httpx.URL(begun.headers["location"]).params["state"] not in cookie
    assert "code_challenge_method=S256" in begun.headers["location"]
    secure = await browser.get("/sign-in/openid", headers={"x-forwarded-proto": "https"})
    assert "Secure" in secure.headers["set-cookie"]


async def test_groups_are_followed_and_invitations_stay(
    browser: Browser, settings: Settings, database: Database, temporal: Client
) -> None:
    def invited(connection: Connection) -> None:
        ada = user_by_email(connection, "ada@example.com")
        assert ada is not None
        set_member(connection, ada, a_project(connection, name="Zoo"), "viewer", NOW)

    await sign_in(browser, "ada")
    await database.write(invited)
    async with browsing(settings.model_copy(update={"oidc_groups": {}}), database, temporal) as later:
        await sign_in(later, "ada")
        assert "Zoo" in await later.page("/")
        assert (await later.get("/hold")).status_code == 403
    # The sessions of the role that was taken away are over.
    assert (await browser.get("/")).status_code == 303
    [ada] = await accounts(database)
    assert [project.name for project in await database.read(projects_of, ada.id)] == ["Zoo"]


async def test_signing_out_leads_to_the_issuer_too(browser: Browser, issuer: str) -> None:
    await sign_in(browser, "ada")
    copied = {"cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}
    answer = await browser.submit("/sign-out")
    there = httpx.URL(leads_to(answer))
    assert str(there).startswith(f"{issuer}/session/end?")
    assert there.params["post_logout_redirect_uri"] == f"{SITE}/sign-in"
    assert (await browser.get("/", headers=copied)).status_code == 303
    # The issuer takes it, and refuses what it does not know.
    for url, status in ((there, 200), (there.copy_set_param("post_logout_redirect_uri", "https://evil.example"), 400)):
        assert (await asyncio.to_thread(httpx.get, str(url))).status_code == status
    # Of whoever signs in with a key it knows nothing.
    assert (await browser.submit("/sign-out")).headers["location"] == "/sign-in"


async def test_an_issuer_that_is_away_keeps_nobody_else_out(
    settings: Settings, database: Database, temporal: Client, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    away = settings.model_copy(update={"oidc_issuer": f"http://127.0.0.1:{free_port()}"})
    async with browsing(away, database, temporal) as browser:
        answer = await browser.get("/sign-in/openid")
        assert (answer.status_code, "cannot be reached" in answer.text) == (503, True)
        assert 'href="/sign-in"' in answer.text
        assert (await browser.sign_in(key)).status_code == 303
    assert "nothing listens at its address" in caplog.text


async def test_an_address_under_another_name_is_no_issuer(
    settings: Settings, database: Database, temporal: Client, issuer: str, caplog: pytest.LogCaptureFixture
) -> None:
    other = settings.model_copy(update={"oidc_issuer": f"{issuer}/"})
    async with browsing(other, database, temporal) as browser:
        assert (await browser.get("/sign-in/openid")).status_code == 503
    assert "set HEARTBEAT_OIDC_ISSUER to exactly that" in caplog.text


async def test_without_an_issuer_is_no_such_page(settings: Settings, database: Database, temporal: Client) -> None:
    async with browsing(settings.model_copy(update={"oidc_issuer": None}), database, temporal) as browser:
        for path in ("/sign-in/openid", "/sign-in/openid/callback"):
            assert (await browser.get(path)).status_code == 404
        assert "/sign-in/openid" not in await browser.page("/sign-in")
