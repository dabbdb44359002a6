"""Keys on their page, and signing in by a link."""

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from sqlalchemy import select, update

from heartbeat.domain.secret_keys import new_key, read_keys
from heartbeat.secrets.key_hashes import KeyHashes, KeySecret
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import first
from heartbeat.store.projects.access import UsedKey, authorize
from heartbeat.store.projects.key_uses import KeyUses, write_use
from heartbeat.store.projects.keys import revoke_key
from heartbeat.store.projects.projects import KEY, create_key
from heartbeat.store.tables.projects import ApiKey
from heartbeat.store.users.sign_in_links import LASTS, LINK, new_link, use_link
from tests.support.dashboard import FOREIGN, Browser, Owner, an_owner, rows_of
from tests.support.patience import until
from tests.support.seeds import NOW
from tests.support.statements import statements

SECRET = r'<code id="secret">(hbk_\w{40})</code>'


async def key_row(owner: Owner, uuid: str) -> ApiKey:
    row = await owner.database.read(lambda c: first(c, ApiKey, select(KEY).where(KEY.c.uuid == uuid)))
    assert row is not None
    return row


async def test_a_key_is_made_seen_once_and_revoked_after_a_question(owner: Owner) -> None:
    made = await owner.browser.submit("/keys", name="Backups", preset="viewer", ends="90", requests_per_minute="1200")
    assert made.status_code == 200
    [secret] = re.findall(SECRET, made.text)
    page = await owner.browser.page("/keys")
    assert "Backups" in page
    assert "Viewer · 1,200 requests a minute" in page
    assert ">ends <time" in page
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


async def test_another_key_is_made_in_the_place_of_one(owner: Owner) -> None:
    path = f"/keys/{owner.key_uuid}/rotate"
    question = await owner.browser.page(path)
    [draft] = re.findall(r'name="draft" value="(\w+)"', question)
    made = await owner.browser.submit(path, draft=draft, grace_hours="168")
    [secret] = re.findall(SECRET, made.text)
    assert (await owner.browser.submit(path, draft=draft, grace_hours="168")).headers["location"] == "/keys?done=shown"
    assert [row.count("Rotate") for row in rows_of(await owner.browser.page("/keys"))] == [0, 1]
    key = await key_row(owner, owner.key_uuid)
    assert key.expires_at is not None
    assert key.replaced_at is not None
    assert key.expires_at - key.replaced_at == timedelta(days=7)
    await owner.browser.sign_in(secret)
    assert "Acme" in await owner.browser.page("/")
    assert (await owner.browser.submit(path, draft="form_2")).status_code == 409


async def test_with_a_key_of_one_bot_nobody_signs_in(owner: Owner, stranger: Browser) -> None:
    made = await owner.browser.submit("/keys", name="Program", preset="admin", bot=owner.bot.uuid)
    [secret] = re.findall(SECRET, made.text)
    assert owner.bot.name in await owner.browser.page("/keys")
    answer = await stranger.sign_in(secret)
    assert (answer.status_code, "for programs" in answer.text) == (401, True)


async def test_revoking_ones_own_and_only_key_is_warned_of_and_signs_out(owner: Owner) -> None:
    question = await owner.browser.page(f"/keys/{owner.key_uuid}/revoke")
    assert "signs you out" in question
    assert "only key" in question
    answer = await owner.browser.submit(f"/keys/{owner.key_uuid}/revoke")
    assert answer.headers["location"] == "/sign-in"
    assert (await owner.browser.get("/keys")).headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_key_needs_a_name_and_belongs_to_one_project(owner: Owner, stranger: Browser) -> None:
    answer = await owner.browser.submit("/keys", name=" ", preset="admin")
    assert (answer.status_code, 'id="name-said" role="alert"' in answer.text) == (400, True)
    other = await an_owner(owner.settings, owner.database, owner.temporal, stranger, "Rival")
    await stranger.sign_in(other.key)
    assert owner.key_uuid not in await stranger.page("/keys")
    assert (await stranger.submit(f"/keys/{owner.key_uuid}/revoke")).status_code == 404
    assert (await key_row(owner, owner.key_uuid)).revoked_at is None


async def test_the_last_use_is_noted_at_most_once_an_hour(owner: Owner) -> None:
    async def use() -> datetime | None:
        return (await key_row(owner, owner.key_uuid)).last_used_at

    assert ">today · 127.0.0.1</td>" in await until(
        lambda: owner.browser.page("/keys"), lambda page: ">never</td>" not in page
    )
    key = await key_row(owner, owner.key_uuid)
    times = [NOW, NOW + timedelta(minutes=59), NOW + timedelta(hours=1)]
    await owner.database.write(lambda c: c.execute(update(KEY).values(last_used_at=None)))
    for at in times:
        await owner.database.write(write_use, key.id, "::1", at)
        assert await use() == (times[0] if at < times[2] else times[2])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_process_writes_of_a_key_once_an_hour_however_often_it_is_used(database: Database) -> None:
    now = NOW
    uses = KeyUses(database, lambda: now, KeyHashes())
    with statements(database._engine) as sent:
        for minutes, key_id in ((0, 1), (1, 1), (59, 1), (59, 2), (60, 1), (61, 2)):
            now = NOW + timedelta(minutes=minutes)
            uses.note(UsedKey(key_id, "key_1", "a key", "h", "admin", None), "::1")
        # One thread writes, in order.
        await database.write(lambda connection: None)
    assert len([statement for statement in sent if statement.startswith("UPDATE api_key")]) == 3


async def test_a_key_of_before_is_kept_anew_when_it_is_used(owner: Owner) -> None:
    """On PostgreSQL an hour after a process has begun: those of the version before would not know it any more."""
    secret, plain = "a-key-of-my-own", sha256(b"a-key-of-my-own").hexdigest()
    before = KeySecret(secret, "a-key-of", plain)
    key = await owner.database.write(lambda c: create_key(c, owner.project, "old", NOW, secret=before))
    now = NOW
    hashes = KeyHashes(read_keys(new_key()))
    uses = KeyUses(owner.database, lambda: now, hashes)

    async def used() -> str:
        access = await owner.database.read(authorize, owner.settings.plans, hashes.all(secret), now)
        assert access is not None
        assert access.key is not None
        uses.note(access.key, "::1", hashes.all(secret))
        # What is written later is written in order.
        await owner.database.write(lambda c: None)
        return (await key_row(owner, key.uuid)).hash

    at_once = hashes.all(secret)[0] if owner.database.is_sqlite else plain
    assert await until(used, at_once.__eq__) == at_once
    now = NOW + timedelta(hours=1)
    assert await until(used, hashes.all(secret)[0].__eq__)


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
    await owner.database.write(revoke_key, owner.project, owner.key_uuid, NOW)
    assert await owner.database.write(use_link, revoked, NOW) is None
    assert await owner.database.write(new_link, owner.project, NOW + LASTS) is None
    assert await owner.database.read(lambda c: c.execute(select(LINK)).all()) == []
