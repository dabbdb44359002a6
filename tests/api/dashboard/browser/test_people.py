"""A person's way: invited by a link, a viewer, an operator with a second factor, and signed out by an admin."""

import re

import pyotp
from playwright.async_api import Page, expect
from sqlalchemy import Connection

from tests.support.chromium import Visitors
from tests.support.dashboard import STILL, Owner
from tests.support.html_pages import HtmlPage
from tests.support.pending_rows import a_call, an_approval
from tests.support.people import PASSWORD, a_member
from tests.support.person import DESK, Person
from tests.support.seeds import a_bot, a_heartbeat, a_project

ADA = "ada@example.com"


async def test_a_person_from_the_invitation_to_the_end_of_their_session(
    owner: Owner, page: Page, visitors: Visitors
) -> None:
    rival = await owner.database.write(_rival)
    run = await owner.run(status="running", **STILL)
    await owner.database.write(a_call, run)
    approval = await owner.database.write(an_approval, run)

    admin, ada = Person(page, DESK), Person(await visitors.come(), DESK)
    token = await invite(admin)
    await join(ada, token)
    assert await refused_buttons(ada.page, ["/", "/approvals", f"/heartbeats/{owner.heartbeat.uuid}"]) == []
    await expect(ada.page.get_by_role("navigation", name="Pages")).not_to_contain_text("Members")
    codes = await set_up_second_factor(ada)
    await promote(admin)
    await sign_in_again(ada, codes[0])

    await ada.turn_to("Approvals")
    await ada.press(ada.page.locator(f"#approve-{approval.uuid}"))
    await expect(ada.page.locator("main")).to_contain_text("You approved the call")
    await page.goto("/approvals")
    await expect(page.locator("main")).to_contain_text("Ada")

    for address in ("/projects", "/account"):
        await ada.page.goto(address)
        await expect(ada.page.locator("body")).not_to_contain_text("Rival")
        await ada.check()
    answer = await ada.page.goto(f"/heartbeats/{rival}")
    assert answer is not None
    assert answer.status == 404

    await page.goto("/members")
    await expect(page.locator("main")).not_to_contain_text("Eve")
    await page.goto("/sessions")
    await admin.press(page.get_by_role("row").filter(has_text="Ada").get_by_role("button", name="End"))
    await ada.page.goto("/")
    await expect(ada.page).to_have_url(re.compile("/sign-in"))


def _rival(connection: Connection) -> str:
    """Another project and its person; returns the id of its heartbeat."""
    project = a_project(connection, name="Rival")
    a_member(connection, project, "eve@example.com", "admin", "Eve")
    return a_heartbeat(connection, a_bot(connection, project)).uuid


async def invite(admin: Person) -> str:
    await admin.page.goto("/members")
    await admin.type("E-mail address", ADA)
    await admin.press("Make a link")
    link = await admin.page.locator("#link").inner_text()
    await admin.check()
    return link.partition("token=")[2]


async def join(ada: Person, token: str) -> None:
    await ada.page.goto(f"/join?token={token}")
    await ada.check()
    await ada.type("Your name", "Ada")
    await ada.type("Password", PASSWORD)
    await ada.press("Make my account")
    await ada.page.get_by_role("heading", name="Heartbeats", level=1).wait_for()


async def refused_buttons(page: Page, addresses: list[str]) -> list[str]:
    """The buttons on these pages that would be refused to a viewer."""
    forms = []
    for address in addresses:
        await page.goto(address)
        forms += HtmlPage(await page.content(), address).forms
    targets = {target for form in forms if form.method == "post" for target in form.targets}
    return sorted(targets - {"/sign-out"})


async def set_up_second_factor(ada: Person) -> list[str]:
    """Turn it on, and return the recovery codes."""
    await ada.page.get_by_role("link", name="Ada").click()
    await ada.follow("Set up …")
    await ada.check()
    secret = (await ada.page.locator("#secret").inner_text()).replace(" ", "")
    await ada.type("Password", PASSWORD)
    await ada.type("Code", pyotp.TOTP(secret).now())
    await ada.press("Turn it on")
    return (await ada.page.locator("#codes").inner_text()).split()


async def promote(admin: Person) -> None:
    await admin.page.goto("/members")
    await admin.choose("Role of Ada", "Operator")
    await admin.press("Change")
    await expect(admin.page.locator(".done")).to_contain_text("sign in again")
    await admin.check()


async def sign_in_again(ada: Person, code: str) -> None:
    await ada.page.goto("/")
    await ada.type("E-mail address", ADA)
    await ada.type("Password", PASSWORD)
    await ada.press("Sign in")
    await ada.check()
    await ada.type("Code", code)
    await ada.press("Sign in")
    await ada.page.get_by_role("heading", name="Heartbeats", level=1).wait_for()
