"""The page of the audit log: who changed what, for admins, by filter, and as a file."""

import json
import re

from tests.support.dashboard import Browser, Owner
from tests.support.people import PASSWORD, invited

ACTIONS = r"<code>([a-z_]+\.[a-z_]+)</code>"


async def actions(owner: Owner, query: str = "") -> list[str]:
    return re.findall(ACTIONS, await owner.browser.page(f"/audit{query}"))


async def test_what_is_done_on_pages_is_shown_with_what_it_was(owner: Owner) -> None:
    heartbeat = owner.heartbeat.uuid
    await owner.browser.submit(f"/heartbeats/{heartbeat}/disable")
    await owner.browser.submit("/keys", name="<b>Backups", preset="viewer")
    page = await owner.browser.page("/audit")
    assert re.findall(ACTIONS, page)[:3] == ["key.create", "heartbeat.disable", "session.begin"]
    assert "&lt;b&gt;Backups" in page
    assert re.search(r'<dt>enabled</dt><dd><del dir="auto">true</del> <ins dir="auto">false</ins>', page)
    assert "127.0.0.1" in page
    assert await actions(owner, f"?object_id={heartbeat}") == ["heartbeat.disable"]
    assert await actions(owner, "?action=key&actor=key") == ["key.create"]
    assert await actions(owner, "?actor=nobody") == []


async def test_days_that_are_none_are_said_at_their_field(owner: Owner) -> None:
    answer = await owner.browser.get("/audit?since=2026-11-30&until=2026-11-01")
    assert (answer.status_code, "not be before the first day" in answer.text) == (400, True)


async def test_long_logs_have_pages(owner: Owner) -> None:
    for _ in range(26):
        for state in ("disable", "enable"):
            await owner.browser.submit(f"/heartbeats/{owner.heartbeat.uuid}/{state}")
    first = await owner.browser.page("/audit")
    [older] = re.findall(r'href="(/audit\?before=\d+)"', first)
    assert (first.count('id="entry-'), "Newest" in await owner.browser.page(older)) == (50, True)


async def test_a_file_has_every_entry_of_the_filter(owner: Owner) -> None:
    await owner.browser.submit(f"/heartbeats/{owner.heartbeat.uuid}/disable")
    answer = await owner.browser.get("/audit.jsonl?action=heartbeat.disable")
    [entry] = [json.loads(line) for line in answer.text.splitlines()]
    assert (entry["action"], entry["changes"]) == ("heartbeat.disable", {"enabled": [True, False]})
    assert answer.headers["content-disposition"] == "attachment; filename=audit.jsonl"
    assert len((await owner.browser.get("/audit.jsonl")).text.splitlines()) > 2


async def test_no_name_makes_a_person_look_like_a_key_or_like_another_one(owner: Owner, stranger: Browser) -> None:
    token = await invited(owner.database, owner.project, "eve@example.com")
    eve = {"name": "the key CI", "password": PASSWORD}
    stranger.headers["user-agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    assert (await stranger.submit("/join", token=token, **eve)).status_code == 303
    await stranger.submit(f"/heartbeats/{owner.heartbeat.uuid}/disable")
    await owner.browser.submit(f"/heartbeats/{owner.heartbeat.uuid}/enable")
    page = await owner.browser.page("/audit?action=heartbeat")
    who = re.findall(r'<td class="whom".*?<span dir="auto">(.*?)</span>.*?title="(\S+).*?>([^<]+)</span></td>', page)
    assert who[0][0] == "the key first"
    assert who[1] == ("eve@example.com (the key CI)", "Mozilla/5.0", "Firefox, Linux")
    assert "eve@example.com (the key CI)" in await owner.browser.page("/sessions")
    assert await actions(owner, "?actor=eve@example.com&action=heartbeat") == ["heartbeat.disable"]


async def test_a_kind_is_no_name(owner: Owner, stranger: Browser) -> None:
    token = await invited(owner.database, owner.project, "eve@example.com")
    assert (await stranger.submit("/join", token=token, name="shell", password=PASSWORD)).status_code == 303
    assert await actions(owner, "?actor=shell") == []
    assert "session.begin" in await actions(owner, "?actor=user")
