"""Who gets in, who stays in, whose forms are taken, and whose sessions are listed and ended."""

import hmac
import re
from datetime import UTC, datetime, timedelta
from html import escape, unescape
from http.cookies import SimpleCookie
from itertools import product

from sqlalchemy import Connection, select, update

from api.dashboard.forms import MAX_FIELDS
from api.dashboard.session import COOKIE
from heartbeat.domain.actors import Visit
from heartbeat.secrets.key_hashes import KeyHashes
from heartbeat.store.database.database import Database
from heartbeat.store.projects.keys import revoke_key
from heartbeat.store.projects.projects import KEY, create_key
from heartbeat.store.users import sessions
from heartbeat.store.users.sign_in import key_by_secret
from heartbeat.store.users.users import SESSION
from tests.support.dashboard import FOREIGN, SITE, Browser, Owner, an_owner, browsing, rows_of
from tests.support.patience import until
from tests.support.seeds import NOW, a_project

PAGES = [
    "/",
    "/heartbeats/hb_x",
    "/runs/log_x",
    "/tasks",
    "/tasks/task_x",
    "/approvals",
    "/findings",
    "/tools",
    "/notifications",
    "/notifications/new",
    "/notifications/targets/tgt_x",
    "/credits",
    "/credits/ledger",
    "/keys",
    "/keys/key_x/revoke",
    "/sessions",
    "/settings",
]
ACTIONS = ["run", "enable", "disable"]


async def test_a_stranger_is_sent_to_the_sign_in_page(stranger: Browser) -> None:
    for path in PAGES:
        answer = await stranger.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in")
        assert "Project key" in await stranger.page(answer.headers["location"])


async def test_signing_in_leads_to_the_page_that_was_wanted(owner: Owner) -> None:
    pages = (
        f"/heartbeats/{owner.heartbeat.uuid}",
        "/approvals",
        "/tasks/task_x",
        "/notifications?before=2&heartbeat=hb_1",
    )
    for wanted in pages:
        owner.browser.cookies.clear()
        door = (await owner.browser.get(wanted)).headers["location"]
        assert f'name="next" value="{escape(wanted)}"' in await owner.browser.page(door)
        answer = await owner.browser.sign_in(owner.key, next=wanted)
        assert (answer.status_code, answer.headers["location"]) == (303, wanted)


async def test_signing_in_leads_nowhere_else(owner: Owner) -> None:
    for target in ("//evil.example/heartbeats/x", "https://evil.example", "/\\evil", "/runs/../../x", "/runs/x\ny", ""):
        assert (await owner.browser.sign_in(owner.key, next=target)).headers["location"] == "/"


async def test_what_somebody_wrote_waits_until_they_are_signed_in_again(owner: Owner, stranger: Browser) -> None:
    wrote = {"say": "week", "back": '<b>"heartbeat"'}
    door = await stranger.submit("/findings/find_1", **wrote)
    assert door.status_code == 401
    kept = hidden_fields(door.text)
    assert kept == {"next": "/findings/find_1", "unsent:say": "week", "unsent:back": wrote["back"]}
    again = await stranger.sign_in("hbk_wrong", **kept)
    assert hidden_fields(again.text) == kept, "a wrong key loses what was written"
    sent = await stranger.sign_in(owner.key, **kept)
    assert (sent.status_code, hidden_fields(sent.text)) == (200, wrote)
    assert 'action="/findings/find_1"' in sent.text
    assert (await stranger.get("/findings")).status_code == 200


async def test_the_query_of_an_address_waits_too_whatever_it_holds(owner: Owner, stranger: Browser) -> None:
    door = await stranger.submit("/notifications/new?channel=slack&of=a,(b)/c'", name="Team")
    sent = await stranger.sign_in(owner.key, **hidden_fields(door.text))
    assert 'action="/notifications/new?channel=slack&amp;of=a%2C%28b%29%2Fc%27"' in sent.text
    stranger.cookies.clear()
    page = await stranger.page((await stranger.get("/runs?q=a,(b)/c'")).headers["location"])
    answer = await stranger.sign_in(owner.key, **hidden_fields(page))
    assert answer.headers["location"] == "/runs?q=a%2C%28b%29%2Fc%27"


def hidden_fields(page: str) -> dict[str, str]:
    inputs = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return {unescape(name): unescape(value) for name, value in inputs}


async def test_the_cookie_is_locked_down_and_holds_no_key(owner: Owner) -> None:
    [cookie] = SimpleCookie((await owner.browser.sign_in(f"  {owner.key}\n")).headers["set-cookie"]).values()
    assert cookie["httponly"]
    assert cookie["samesite"].lower() == "strict"
    assert not cookie["secure"]
    assert cookie["path"] == "/"
    assert owner.key not in cookie.value
    assert 0 < int(cookie["max-age"]) <= sessions.LASTS.total_seconds()


async def test_behind_https_the_cookie_is_secure(owner: Owner) -> None:
    headers = {"origin": SITE, "x-forwarded-proto": "https"}
    answer = await owner.browser.post("/sign-in", data={"key": owner.key}, headers=headers)
    assert "Secure" in answer.headers["set-cookie"]


async def test_a_wrong_key_opens_nothing(stranger: Browser) -> None:
    for key in ("", "hbk_wrong", "\x00", "é" * 1000):
        answer = await stranger.sign_in(key)
        assert answer.status_code == 401
        assert 'role="alert"' in answer.text
        assert "set-cookie" not in answer.headers


async def test_who_is_signed_in_need_not_do_it_again(owner: Owner) -> None:
    answer = await owner.browser.get("/sign-in")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_signing_out_ends_it_for_whoever_copied_the_cookie_too(owner: Owner) -> None:
    copied = {"cookie": f"{COOKIE}={owner.browser.cookies[COOKIE]}"}
    assert (await owner.browser.submit("/sign-out")).headers["location"] == "/sign-in"
    assert (await owner.browser.get("/")).status_code == 303
    assert (await owner.browser.get("/", headers=copied)).status_code == 303


async def test_each_sign_in_has_a_token_of_its_own_and_ends_the_one_before(owner: Owner) -> None:
    before = owner.browser.cookies[COOKIE]
    assert (await owner.browser.sign_in(owner.key)).status_code == 303
    assert owner.browser.cookies[COOKIE] != before
    assert (await owner.browser.get("/", headers={"cookie": f"{COOKIE}={before}"})).status_code == 303
    assert "Acme" in await owner.browser.page("/")


async def test_a_revoked_key_loses_its_sessions_and_no_other_key_does(owner: Owner) -> None:
    second = await owner.database.write(lambda c: create_key(c, owner.project, "second", datetime.now(UTC)))
    await owner.database.write(lambda c: revoke_key(c, owner.project, owner.key_uuid, datetime.now(UTC)))
    assert (await owner.browser.get("/")).status_code == 303
    assert (await owner.browser.sign_in(owner.key)).status_code == 401
    await owner.browser.sign_in(second.secret)
    assert "Acme" in await owner.browser.page("/")


async def test_another_projects_key_sees_and_moves_nothing_of_this_one(owner: Owner) -> None:
    run = await owner.run(response="for Acme alone")
    async with browsing(owner.settings, owner.database, owner.temporal) as browser:
        other = await an_owner(owner.settings, owner.database, owner.temporal, browser, "Rival")
        await browser.sign_in(other.key)
        page = await browser.page("/")
        assert other.heartbeat.uuid in page
        assert owner.heartbeat.uuid not in page
        for path in (f"/heartbeats/{owner.heartbeat.uuid}", f"/runs/{run.uuid}"):
            answer = await browser.get(path)
            assert answer.status_code == 404
            assert "for Acme alone" not in answer.text
        for action in ACTIONS:
            assert (await browser.submit(f"/heartbeats/{owner.heartbeat.uuid}/{action}")).status_code == 404
    assert "Disable" in await owner.browser.page(f"/heartbeats/{owner.heartbeat.uuid}")


async def test_nothing_that_the_database_holds_is_a_way_in(owner: Owner) -> None:
    """Whoever reads a backup has every value of these tables, and what a cookie of the version before was made of."""
    tables = (SESSION, KEY)
    values = await owner.database.read(
        lambda c: {str(value) for table in tables for row in c.execute(select(table)) for value in row}
    )
    genuine, until = owner.browser.cookies[COOKIE], int(datetime.now(UTC).timestamp()) + 86_400
    assert genuine not in values
    claim = f"{owner.key_uuid}.{until}"
    signed = {hmac.new(value.encode(), f"dashboard session {claim}".encode(), "sha256").hexdigest() for value in values}
    cookies = {f"{claim}.{signature}" for signature in signed}
    for forged in values | cookies | {"", "é", genuine.swapcase(), genuine[:-1]}:
        answer = await owner.browser.get("/", headers={"cookie": f"{COOKIE}={forged}".encode("latin-1", "replace")})
        assert answer.status_code == 303, forged


def test_a_session_ends_by_itself(database: Database) -> None:
    def begin(connection: Connection) -> str:
        made = create_key(connection, a_project(connection), "key", NOW)
        key = key_by_secret(connection, KeyHashes().all(made.secret), NOW)
        assert key is not None
        return sessions.begin_session(connection, sessions.SessionOwner(key_id=key.id), Visit("::1", ""), "", NOW)

    token = database.write_now(begin)

    def is_open(at: datetime) -> bool:
        """Use it at that time, as a page does."""
        opened = database.read_now(sessions.open_session, token, at)
        if opened is not None:
            database.write_now(sessions.write_use, opened.session, at)
        return opened is not None

    moment, used = timedelta(seconds=1), [NOW]
    assert is_open(NOW + sessions.EVERY - moment)
    assert not is_open(NOW + sessions.IDLE)
    while is_open(used[-1] + sessions.IDLE - moment):
        used.append(used[-1] + sessions.IDLE - moment)
    assert len(used) == 3
    assert is_open(NOW + sessions.LASTS - moment)
    assert not is_open(NOW + sessions.LASTS)


async def test_a_page_that_looks_for_news_by_itself_is_no_use(owner: Owner) -> None:
    long_ago = datetime.now(UTC) - 2 * sessions.EVERY

    def last_use(connection: Connection) -> datetime:
        at: datetime = connection.execute(select(SESSION.c.last_used_at)).scalar_one()
        return at

    await owner.database.write(lambda c: c.execute(update(SESSION).values(last_used_at=long_ago)))
    for _ in range(3):
        assert (await owner.browser.get("/", headers={"x-heartbeat-refresh": "1"})).status_code == 200
    assert await owner.database.write(last_use) == long_ago
    await owner.browser.page("/")
    await until(lambda: owner.database.read_now(last_use) > long_ago)


FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EDGE = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36 Edg/142.0"


async def test_sessions_are_listed_and_ended_one_by_one_or_all(owner: Owner, stranger: Browser) -> None:
    copies = []
    for agent in (FIREFOX, EDGE, "<b>robot</b>"):
        stranger.cookies.clear()
        headers = {"origin": SITE, "user-agent": agent}
        await stranger.post("/sign-in", data={"key": owner.key}, headers=headers)
        copies.append({"cookie": f"{COOKIE}={stranger.cookies[COOKIE]}"})
    stranger.cookies.clear()
    page = await owner.browser.page("/sessions")
    for shown in ("Firefox, Linux", "Edge, Windows", "&lt;b&gt;robot", "127.0.0.1", "today", "This browser"):
        assert shown in page
    rows = rows_of(page)
    assert len(rows) == 4
    [path] = [re.findall(r'action="(/sessions/\w+/end)"', row)[0] for row in rows if "Edge" in row]
    assert (await owner.browser.submit(path)).headers["location"] == "/sessions?done=ended"
    assert (await owner.browser.submit(path)).status_code == 404
    assert [(await stranger.get("/", headers=copy)).status_code for copy in copies] == [200, 303, 200]
    assert 'href="/sessions/end"' in page
    assert 'action="/sessions/end"' in await owner.browser.page("/sessions/end")
    assert [(await stranger.get("/", headers=copy)).status_code for copy in copies] == [200, 303, 200]
    assert (await owner.browser.submit("/sessions/end")).headers["location"] == "/sessions?done=others"
    assert [(await stranger.get("/", headers=copy)).status_code for copy in copies] == [303, 303, 303]
    [own] = re.findall(r'action="(/sessions/\w+/end)"', await owner.browser.page("/sessions"))
    assert (await owner.browser.submit(own)).headers["location"] == "/sign-in"
    assert (await owner.browser.get("/sessions")).headers["location"].startswith("/sign-in")


async def test_a_form_from_elsewhere_is_refused(owner: Owner) -> None:
    actions = [f"/heartbeats/{owner.heartbeat.uuid}/{action}" for action in ACTIONS]
    for headers in FOREIGN:
        for path in ("/sign-in", "/sign-out", *actions):
            form = {"key": owner.key} if path == "/sign-in" else None
            answer = await owner.browser.post(path, data=form, headers=headers)
            assert answer.status_code == 403, f"{path} {headers}"
            assert "set-cookie" not in answer.headers
            assert "<h1>Not allowed</h1>" in answer.text
    page = await owner.browser.page(f"/heartbeats/{owner.heartbeat.uuid}")
    assert "Disable" in page
    assert "It has not run yet" in page


ODD = [None, b"", b"null", b"x", b"http://", b"http://[", b"http://[::1", b"http://x:99999", b"http://\xff"]
HOSTS = [None, b"", b"[::1]", b"[::2", b"x:y", b"\xff:x"]


async def test_no_origin_and_no_host_are_a_mistake_of_ours(stranger: Browser) -> None:
    for site, origin, host in product([None, b"", b"none", b"cross-site"], ODD, HOSTS):
        sent = {b"sec-fetch-site": site, b"origin": origin, b"host": host}
        headers = [(name, value) for name, value in sent.items() if value is not None]
        answer = await stranger.post("/sign-out", headers=headers)
        assert answer.status_code == 403, sent


async def test_a_form_with_fields_without_end_is_a_mistake_of_its_sender(stranger: Browser) -> None:
    headers = {"sec-fetch-site": "same-origin"}
    content = "&".join(f"a{n}=1" for n in range(MAX_FIELDS + 1))
    answer = await stranger.post("/sign-in", content=content, headers=headers)
    assert answer.status_code == 400


async def test_whatever_the_host_a_stranger_is_sent_to_sign_in(stranger: Browser) -> None:
    for host in filter(None, HOSTS):
        answer = await stranger.get("/tasks", headers={b"host": host})
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/tasks")


async def test_a_form_through_a_proxy_that_changed_the_host_is_taken(owner: Owner) -> None:
    headers = {"origin": "https://heartbeat.example", "sec-fetch-site": "same-origin"}
    assert (await owner.browser.post("/sign-out", headers=headers)).status_code == 303
