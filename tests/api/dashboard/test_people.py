"""People come by an invitation, sign in with a password, and are told nothing of others."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select, update
from temporalio.client import Client

from api.dashboard.routes.sign_in import WRONG_PASSWORD
from api.dashboard.session import COOKIE
from heartbeat.settings import Settings
from heartbeat.store.users.passwords import new_reset
from heartbeat.store.users.users import MEMBERSHIP, USER, user_by_email
from tests.support.audit_entries import recorded
from tests.support.dashboard import Browser, MovedClock, Owner, an_owner, make
from tests.support.html_pages import HtmlPage
from tests.support.pending_rows import a_finding
from tests.support.people import PASSWORD, a_member, invited, signed_up

ADA = "ada@example.com"


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


async def test_opening_an_invitation_changes_nothing(owner: Owner, stranger: Browser) -> None:
    token = await invited(owner.database, owner.project, ADA)
    for _ in range(3):
        page = await stranger.page(f"/join?token={token}")
        assert ADA in page
        assert "Acme" in page
    assert await owner.database.read(lambda c: c.execute(select(USER)).all()) == []
    for name, password in (("", PASSWORD), ("Ada", "short"), ("Ada", "a" * 12), ("Ada", "x" * 201)):
        refused = await stranger.submit("/join", token=token, name=name, password=password)
        assert (refused.status_code, password in refused.text) == (400, False)
    taken = await stranger.submit("/join", token=token, name="Ada", password=PASSWORD)
    assert taken.status_code == 303
    assert "Acme" in await stranger.page("/")
    for answer in (await stranger.get(f"/join?token={token}"), await stranger.submit("/join", token=token)):
        assert (answer.status_code, "used already" in answer.text) == (403, True)


async def test_who_has_an_account_signs_in_and_then_joins(
    owner: Owner, stranger: Browser, other: Browser, settings: Settings, temporal: Client
) -> None:
    await signed_up(stranger, owner.database, owner.project, ADA)
    rival = await an_owner(settings, owner.database, temporal, other, "Rival")
    token = await invited(owner.database, rival.project, ADA, "viewer")
    assert "has an account" in await other.page(f"/join?token={token}")
    taken_over = await other.submit("/join", token=token, name="Eve", password="of somebody else")
    assert taken_over.status_code == 409
    await signed_up(other, owner.database, owner.project, "eve@example.com", "viewer")
    assert (await other.submit("/join", token=token)).status_code == 403
    assert "somebody else" in await other.page(f"/join?token={token}")
    assert (await stranger.submit("/join", token=token)).headers["location"] == "/"
    assert "Rival" in await stranger.page("/")
    again = await other.submit("/sign-in", email=ADA, password=PASSWORD)
    assert again.status_code == 303


async def test_every_failure_to_sign_in_is_answered_alike(owner: Owner, stranger: Browser, other: Browser) -> None:
    await signed_up(other, owner.database, owner.project, ADA)
    await owner.database.write(lambda c: c.execute(USER.insert().values(_somebody("bob@example.com"))))
    answers = [
        await stranger.submit("/sign-in", email=email, password="not the password")
        for email in (ADA, "nobody@example.com", "bob@example.com", "no address")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({re.sub(r'value="[^"]*"', "", answer.text) for answer in answers}) == 1
    assert WRONG_PASSWORD in answers[0].text
    assert COOKIE not in stranger.cookies
    right = await stranger.submit("/sign-in", email=" ADA@example.com", password=PASSWORD, next="/runs")
    assert (right.status_code, right.headers["location"]) == (303, "/runs")
    assert "Acme" in await stranger.page("/runs")


async def test_who_guesses_waits(owner: Owner, stranger: Browser, other: Browser, clock: MovedClock) -> None:
    await signed_up(stranger, owner.database, owner.project, ADA)
    for _ in range(owner.settings.free_failures + 1):
        await other.submit("/sign-in", email=ADA, password="not the password")
    waits = await other.submit("/sign-in", email=ADA, password=PASSWORD)
    assert (waits.status_code, waits.headers["retry-after"]) == (429, "1")
    clock.time += timedelta(seconds=1)
    assert (await other.submit("/sign-in", email=ADA, password=PASSWORD)).status_code == 303


async def test_who_signs_out_is_out_also_where_no_project_is_open_any_more(owner: Owner, stranger: Browser) -> None:
    await signed_up(stranger, owner.database, owner.project, ADA)
    await owner.database.write(lambda c: c.execute(delete(MEMBERSHIP)))
    assert (await stranger.get("/")).headers["location"] == "/projects"
    token = stranger.cookies[COOKIE]
    assert (await stranger.submit("/sign-out")).status_code == 303
    assert (await stranger.get("/", headers={"cookie": f"{COOKIE}={token}"})).headers["location"].startswith("/sign-in")


async def test_another_password_by_the_operators_link(owner: Owner, stranger: Browser, other: Browser) -> None:
    await signed_up(stranger, owner.database, owner.project, ADA)
    ada = await owner.database.read(user_by_email, ADA)
    assert ada is not None
    token = await owner.database.write(new_reset, ada, datetime.now(UTC))
    assert ADA in await other.page(f"/new-password?token={token}")
    assert (await other.submit("/new-password", token=token, password="short")).status_code == 400
    await stranger.page("/")
    assert (await other.submit("/new-password", token=token, password="another password")).status_code == 303
    await other.page("/")
    assert (await stranger.get("/")).status_code == 303
    assert (await other.submit("/new-password", token=token, password="a third password")).status_code == 403
    assert (await stranger.submit("/sign-in", email=ADA, password=PASSWORD)).status_code == 401
    assert (await stranger.submit("/sign-in", email=ADA, password="another password")).status_code == 303


def _somebody(email: str) -> dict[str, object]:
    return {"uuid": "usr_2", "email": email, "name": "Bob", "created_at": datetime.now(UTC)}


async def test_an_invitation_ends_with_the_key_that_it_was_made_with(owner: Owner, stranger: Browser) -> None:
    made = await owner.browser.submit("/members", email=ADA, role="admin")
    [token] = re.findall(r"/join\?token=([\w-]+)<", made.text)
    await owner.browser.submit(f"/keys/{owner.key_uuid}/revoke")
    assert (await stranger.submit("/join", token=token, name="Ada", password=PASSWORD)).status_code == 403
    withdrawn, _ = (await recorded(owner.database, owner.project.id))[-2:]
    assert (withdrawn.action, withdrawn.object_name) == ("invitation.withdraw", ADA)


async def test_an_admin_invites_gives_roles_and_removes(owner: Owner, stranger: Browser) -> None:
    made = await owner.browser.submit("/members", email=ADA, role="viewer")
    [token] = re.findall(r"/join\?token=([\w-]+)<", made.text)
    assert ADA in await owner.browser.page("/members")
    assert (await stranger.submit("/join", token=token, name="Ada", password=PASSWORD)).status_code == 303
    [uuid] = set(re.findall(r"/members/(usr_\w+)/role", await owner.browser.page("/members")))
    refused = await stranger.get("/members")
    assert (refused.status_code, "your role" in refused.text) == (403, True)
    for role in ("operator", "admin"):
        changed = await owner.browser.submit(f"/members/{uuid}/role", role=role)
        assert changed.headers["location"] == "/members?done=role"
        assert (await stranger.get("/")).status_code == 303
    assert (await owner.browser.submit(f"/members/{uuid}/remove")).status_code == 409
    await owner.database.write(a_member, owner.project, "bob@example.com", "admin")
    assert (await stranger.submit("/sign-in", email=ADA, password=PASSWORD)).status_code == 303
    assert (await owner.browser.submit(f"/members/{uuid}/remove")).headers["location"] == "/members?done=removed"
    assert (await stranger.get("/")).status_code == 303
    assert (await stranger.submit("/sign-in", email=ADA, password=PASSWORD)).status_code == 303
    assert (await stranger.get("/")).headers["location"] == "/projects"
    assert "not a member of any" in await stranger.page("/projects")


async def test_removing_a_member_asks_first(owner: Owner, stranger: Browser) -> None:
    await signed_up(stranger, owner.database, owner.project, ADA, "admin")
    listed = HtmlPage(await stranger.page("/members"), "/members")
    [question] = [link for link in listed.links if link.endswith("/remove")]
    assert not [target for form in listed.forms for target in form.targets if target.endswith("/remove")]
    own = await stranger.page(question)
    assert (own.count("This is you."), own.count("A group gives")) == (1, 0)
    await owner.database.write(lambda c: c.execute(update(MEMBERSHIP).values(source="group")))
    asked = await owner.browser.page(question)
    assert (asked.count("This is you."), asked.count("A group gives")) == (0, 1)
    [form] = [form for form in HtmlPage(asked, question).forms if form.method == "post" and "/members/" in form.action]
    await owner.database.write(a_member, owner.project, "bob@example.com", "admin")
    assert (await owner.browser.submit(form.action)).headers["location"] == "/members?done=removed"
    assert (await owner.browser.get(question)).status_code == 404


async def test_an_invitation_is_withdrawn(owner: Owner, stranger: Browser) -> None:
    made = await owner.browser.submit("/members", email=ADA, role="viewer")
    [token] = re.findall(r"/join\?token=([\w-]+)<", made.text)
    [uuid] = re.findall(r"/members/(inv_\w+)/withdraw", await owner.browser.page("/members"))
    assert (await owner.browser.submit(f"/members/{uuid}/withdraw")).headers["location"] == "/members?done=withdrawn"
    assert (await stranger.get(f"/join?token={token}")).status_code == 403
    assert (await owner.browser.submit("/members", email="none", role="viewer")).status_code == 400


async def test_what_a_person_marks_or_holds_names_them(owner: Owner, stranger: Browser) -> None:
    await signed_up(stranger, owner.database, owner.project, ADA, "operator")
    finding = await make(owner, a_finding)
    assert (await stranger.submit(f"/findings/{finding.uuid}", say="day")).status_code == 303
    page = await owner.browser.page("/findings")
    assert re.search(r"Snoozed.*by \W*ada@example.com \(Ada\)", page)
    assert (await stranger.submit("/hold", reason="Wait.")).status_code == 303
    assert re.search(r"Wait\..*ada@example.com \(Ada\)", await owner.browser.page("/runs"))
    listed = await owner.browser.get(
        f"/v1/bot/finding/readall?project_id={owner.project.uuid}&bot_id={owner.bot.uuid}",
        headers={"authorization": f"Bearer {owner.key}"},
    )
    assert listed.status_code == 200, listed.text
    assert [one["marked_by"] for one in listed.json()["findings"]] == ["ada@example.com (Ada)"]


async def test_a_person_turns_from_one_project_to_another(
    owner: Owner, stranger: Browser, other: Browser, settings: Settings, temporal: Client
) -> None:
    await signed_up(stranger, owner.database, owner.project, ADA)
    rival = await an_owner(settings, owner.database, temporal, other, "Rival")
    hidden = await an_owner(settings, owner.database, temporal, other, "Hidden")
    await owner.database.write(a_member, rival.project, ADA, "viewer")
    page = await stranger.page("/projects")
    assert ("Rival" in page, "Hidden" in page) == (True, False)
    assert (await stranger.submit(f"/projects/{hidden.project.uuid}")).status_code == 404
    assert (await stranger.submit(f"/projects/{rival.project.uuid}")).headers["location"] == "/"
    assert "Rival" in await stranger.page("/")
    came = (await recorded(owner.database, rival.project.id))[-1]
    assert (came.action, came.actor_email, came.address) == ("session.turn", ADA, "127.0.0.1")
    assert (await stranger.get("/members")).status_code == 403
    await stranger.submit(f"/projects/{owner.project.uuid}")
    assert ADA in await stranger.page("/members")
    assert (await owner.browser.submit(f"/projects/{rival.project.uuid}")).status_code == 404


async def test_a_form_reaches_the_project_of_its_page_alone(
    owner: Owner, stranger: Browser, other: Browser, settings: Settings, temporal: Client
) -> None:
    """Another one may have been turned to in another tab meanwhile."""
    await signed_up(stranger, owner.database, owner.project, ADA)
    rival = await an_owner(settings, owner.database, temporal, other, "Rival")
    await owner.database.write(a_member, rival.project, ADA, "admin")
    [form] = [
        form
        for form in HtmlPage(await stranger.page("/members")).forms
        if (form.action, form.method) == ("/members", "post")
    ]
    fields = dict(form.fields) | {"email": "eve@example.com"}
    await stranger.submit(f"/projects/{rival.project.uuid}")
    refused = await stranger.submit("/members", **fields)
    assert (refused.status_code, "another project since" in refused.text) == (409, True)
    assert "eve@example.com" not in await stranger.page("/members")
    await stranger.submit(f"/projects/{owner.project.uuid}")
    assert (await stranger.submit("/members", **fields)).status_code == 200
    assert "eve@example.com" in await stranger.page("/members")
