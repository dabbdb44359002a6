"""What people do with their own account: they see and end their sessions, and change their password."""

import re

from sqlalchemy import delete
from temporalio.client import Client

from api.dashboard.session import COOKIE
from api.operations import OPERATIONS
from heartbeat.settings import Settings
from heartbeat.store.users.users import MEMBERSHIP
from tests.support.dashboard import Browser, Owner, browsing, rows_of
from tests.support.people import PASSWORD, signed_up

ADA = "ada@example.com"


async def test_a_person_sees_and_ends_their_own_sessions_in_all_projects(
    owner: Owner, stranger: Browser, other: Browser
) -> None:
    await signed_up(stranger, owner.database, owner.project, ADA, "viewer")
    assert (await other.submit("/sign-in", email=ADA, password=PASSWORD)).status_code == 303
    rows = rows_of(await stranger.page("/account"))
    assert len(rows) == 2
    [path] = [re.findall(r"/account/sessions/\w+/end", row)[0] for row in rows if "This browser" not in row]
    assert (await owner.browser.submit(path)).status_code == 404
    assert (await stranger.submit(path)).headers["location"] == "/account?done=ended"
    assert (await other.get("/")).status_code == 303
    assert (await other.submit("/sign-in", email=ADA, password=PASSWORD)).status_code == 303
    assert "End all others" in await stranger.page("/account")
    assert (await stranger.submit("/account/sessions/end")).headers["location"] == "/account?done=others"
    assert "End all others" not in await stranger.page("/account")
    assert (await other.get("/")).status_code == 303
    [listed] = re.findall(
        r'action="/sessions/(sess_\w+)/end"', "".join(_of_others(await owner.browser.page("/sessions")))
    )
    assert (await owner.browser.submit(f"/account/sessions/{listed}/end")).status_code == 404
    assert (await owner.browser.submit(f"/sessions/{listed}/end")).status_code == 303
    assert (await stranger.get("/account")).status_code == 303


def _of_others(page: str) -> list[str]:
    return [row for row in rows_of(page) if "This browser" not in row]


async def test_a_person_changes_their_password(owner: Owner, stranger: Browser, other: Browser) -> None:
    await signed_up(stranger, owner.database, owner.project, ADA, "viewer")
    assert (await other.submit("/sign-in", email=ADA, password=PASSWORD)).status_code == 303
    before = stranger.cookies[COOKIE]
    for current, password, said in (("wrong", "another password", "not your"), (PASSWORD, "short", "12 to 200")):
        refused = await stranger.submit("/account/password", current=current, password=password)
        assert (refused.status_code, said in refused.text) == (400, True)
    changed = await stranger.submit("/account/password", current=PASSWORD, password="another password")
    assert changed.headers["location"] == "/account?done=password"
    assert stranger.cookies[COOKIE] != before
    await stranger.page("/account")
    door = await other.submit("/account/password", current="another password", password="a third password")
    assert (door.status_code, "third" in door.text) == (401, False)
    assert (await other.submit("/sign-in", email=ADA, password=PASSWORD)).status_code == 401


async def test_keys_sign_nobody_in_where_that_is_switched_off(
    owner: Owner, settings: Settings, temporal: Client
) -> None:
    without = settings.model_copy(update={"key_sign_in": False})
    async with browsing(without, owner.database, temporal) as browser:
        assert "Project key" not in await browser.page("/sign-in")
        refused = await browser.sign_in(owner.key)
        assert (refused.status_code, "for programs" in refused.text) == (401, True)
        await signed_up(browser, owner.database, owner.project, ADA)
        assert "Acme" in await browser.page("/")


async def test_who_is_a_member_of_no_project_has_an_account_all_the_same(
    owner: Owner, stranger: Browser, other: Browser
) -> None:
    await signed_up(stranger, owner.database, owner.project, ADA)
    await owner.database.write(lambda c: c.execute(delete(MEMBERSHIP)))
    assert (await other.submit("/sign-in", email=ADA, password=PASSWORD)).headers["location"] == "/"
    for address in ("/", "/runs", "/members"):
        assert (await other.get(address)).headers["location"] == "/projects"
    assert (await other.submit("/hold", reason="x")).status_code == 403
    page = await other.page("/projects")
    assert "not a member of any project" in page
    assert 'href="/account"' in page
    page = await other.page("/account")
    for shown in (ADA, "No project is open to you", "This browser", "/sign-out"):
        assert shown in page
    assert "Keys" not in page
    assert (await other.submit("/account/sessions/end")).headers["location"] == "/account?done=others"
    assert (await stranger.get("/account")).headers["location"].startswith("/sign-in")
    changed = await other.submit("/account/password", current=PASSWORD, password="another password")
    assert changed.headers["location"] == "/account?done=password"
    assert "No project is open to you" in await other.page("/account")
    assert (await other.submit("/sign-out")).headers["location"] == "/sign-in"
    assert (await other.get("/account")).headers["location"].startswith("/sign-in")


async def test_who_is_a_member_of_no_project_reaches_no_page_of_one(owner: Owner, stranger: Browser) -> None:
    await signed_up(stranger, owner.database, owner.project, ADA, "admin")
    await owner.database.write(lambda c: c.execute(delete(MEMBERSHIP)))
    pages = [name.split() for name, scope in OPERATIONS.items() if scope and " /v1" not in name]
    asked = [(method, re.sub(r"{[^}]*}", owner.heartbeat.uuid, path)) for method, path in pages]
    answers = [await (stranger.get(path) if method == "GET" else stranger.submit(path)) for method, path in asked]
    # An address that only a form is sent to leads to the page of that form, whoever asks.
    led = {"/projects", f"/tools/{owner.heartbeat.uuid}"}
    reached = [
        path
        for (method, path), answer in zip(asked, answers, strict=True)
        if (answer.headers.get("location") not in led if method == "GET" else answer.status_code != 403)
    ]
    assert (len(asked) > 100, reached) == (True, [])
