"""The page of the audit log: who changed what, for admins, by filter, and as a file."""

import json
import re

from tests.support.dashboard import Owner

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
