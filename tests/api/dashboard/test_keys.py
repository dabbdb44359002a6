"""Keys on their page, and signing in by a link."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from heartbeat.store.database import Database
from heartbeat.store.projects import projects as store
from heartbeat.store.projects.key_uses import KeyUses, write_use
from heartbeat.store.projects.projects import KEY
from heartbeat.store.projects.sign_in_links import LASTS, LINK, new_link, use_link
from heartbeat.store.rows import first
from heartbeat.store.tables.projects import ApiKey
from tests.support.dashboard import FOREIGN, Browser, Owner, an_owner
from tests.support.patience import until
from tests.support.seeds import NOW
from tests.support.statements import statements


async def key_row(owner: Owner, uuid: str) -> ApiKey:
    row = await owner.database.read(lambda c: first(c, ApiKey, select(KEY).where(KEY.c.uuid == uuid)))
    assert row is not None
    return row


async def test_a_key_is_made_seen_once_and_revoked_after_a_question(owner: Owner) -> None:
    made = await owner.browser.submit("/keys", name="Backups")
    assert made.status_code == 200
    [secret] = re.findall(r'<code id="secret">(hbk_\w{40})</code>', made.text)
    page = await owner.browser.page("/keys")
    assert "Backups" in page
    assert secret[:8] in page
    assert secret not in page
    headers = {"authorization": f"Bearer {secret}"}
    path = f"/v1/bot/readall?project_id={owner.project.uuid}"
    assert (await owner.browser.get(path, headers=headers)).status_code == 200
    [uuid] = set(re.findall(r'href="/keys/(key_\w+)/revoke"', page)) - {owner.key_uuid}
    question = await owner.browser.page(f"/keys/{uuid}/revoke")
    assert "Revoke this key?" in question
    assert "signs you out" not in question
    answer = await owner.browser.submit(f"/keys/{uuid}/revoke")
    assert answer.headers["location"] == "/keys?done=revoked"
    assert (await owner.browser.get(path, headers=headers)).status_code == 401
    assert "Revoked" in await owner.browser.page("/keys")
    assert (await owner.browser.get(f"/keys/{uuid}/revoke")).status_code == 404


async def test_revoking_ones_own_and_only_key_is_warned_of_and_signs_out(owner: Owner) -> None:
    question = await owner.browser.page(f"/keys/{owner.key_uuid}/revoke")
    assert "signs you out" in question
    assert "only key" in question
    answer = await owner.browser.submit(f"/keys/{owner.key_uuid}/revoke")
    assert answer.headers["location"] == "/sign-in"
    assert (await owner.browser.get("/keys")).headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_key_needs_a_name_and_belongs_to_one_project(owner: Owner, stranger: Browser) -> None:
    answer = await owner.browser.submit("/keys", name=" ")
    assert (answer.status_code, 'id="name-said" role="alert"' in answer.text) == (400, True)
    other = await an_owner(owner.settings, owner.database, owner.temporal, stranger, "Rival")
    await stranger.sign_in(other.key)
    assert owner.key_uuid not in await stranger.page("/keys")
    assert (await stranger.submit(f"/keys/{owner.key_uuid}/revoke")).status_code == 404
    assert (await key_row(owner, owner.key_uuid)).revoked_at is None


async def test_the_last_use_is_noted_at_most_once_an_hour(owner: Owner) -> None:
    async def use() -> datetime | None:
        return (await key_row(owner, owner.key_uuid)).last_used_at

    assert ">today</td>" in await until(lambda: owner.browser.page("/keys"), lambda page: ">never</td>" not in page)
    key = await key_row(owner, owner.key_uuid)
    times = [NOW, NOW + timedelta(minutes=59), NOW + timedelta(hours=1)]
    await owner.database.write(lambda c: c.execute(update(KEY).values(last_used_at=None)))
    for at in times:
        await owner.database.write(write_use, key.hash, at)
        assert await use() == (times[0] if at < times[2] else times[2])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_process_writes_of_a_key_once_an_hour_however_often_it_is_used(database: Database) -> None:
    now = NOW
    uses = KeyUses(database, lambda: now)
    with statements(database._engine) as sent:
        for minutes, key_hash in ((0, "one"), (1, "one"), (59, "one"), (59, "two"), (60, "one"), (61, "two")):
            now = NOW + timedelta(minutes=minutes)
            uses.note(key_hash)
        # One thread writes, in order.
        await database.write(lambda connection: None)
    assert len([statement for statement in sent if statement.startswith("UPDATE api_key")]) == 3


async def test_a_link_signs_in_once(owner: Owner, stranger: Browser) -> None:
    link = await owner.database.write(lambda c: new_link(c, owner.project, datetime.now(UTC)))
    assert link is not None
    path = f"/sign-in/once?token={link.token}"
    for _ in range(2):
        page = await stranger.page(path)
        assert "heartbeat_session" not in stranger.cookies
    [token] = re.findall(r'name="token" value="([^"]+)"', page)
    for headers in FOREIGN:
        assert (await stranger.post("/sign-in/once", data={"token": token}, headers=headers)).status_code == 403
    answer = await stranger.submit("/sign-in/once", token=token)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert owner.project.name in await stranger.page("/")
    # Signed in, the same link leads on; signed out, it is used up.
    assert (await stranger.get(path)).headers["location"] == "/"
    stranger.cookies.clear()
    again = await stranger.submit("/sign-in/once", token=token)
    assert (again.status_code, "used already" in again.text) == (403, True)
    assert (await stranger.submit("/sign-in/once", token="")).status_code == 403


async def test_links_end_and_need_a_key_that_works(owner: Owner) -> None:
    def made_at(now: datetime) -> str:
        link = owner.database.write_now(new_link, owner.project, now)
        assert link is not None
        return link.token

    late, last = made_at(NOW), made_at(NOW)
    assert await owner.database.write(use_link, late, NOW + LASTS) is None
    key = await owner.database.write(use_link, last, NOW + LASTS - timedelta(seconds=1))
    assert key is not None
    assert key.uuid == owner.key_uuid
    revoked = made_at(NOW)
    await owner.database.write(store.revoke_key, owner.project, owner.key_uuid, NOW)
    assert await owner.database.write(use_link, revoked, NOW) is None
    assert await owner.database.write(new_link, owner.project, NOW + LASTS) is None
    assert await owner.database.read(lambda c: c.execute(select(LINK)).all()) == []
