"""The list of heartbeats: searched, filtered, sorted, and several of them changed at once."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from heartbeat.domain import credits
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.dashboard import SITE, Owner, rows_of
from tests.support.last_runs import MIXED, MOSTLY_WELL, last_runs_of
from tests.support.seeds import YEARLY, a_bot, a_heartbeat, a_project, heartbeat_row

on_one_store = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def titles(owner: Owner, **query: str) -> list[str]:
    """The titles of the heartbeats on the page with this filter, in order."""
    answer = await owner.browser.get("/", params=query)
    assert answer.status_code == 200
    return [unescape(title) for title in re.findall(r"class=title[^>]*>([^<]*)<", answer.text)]


async def test_words_are_looked_for_in_label_prompt_and_bot(owner: Owner) -> None:
    await owner.add(label="Ärger im Lager", prompt="Look at the shelves.")
    await owner.add(prompt="Watch 100% of the_queue's \\ end.")
    other = await owner.database.write(lambda c: a_bot(c, owner.project, name="Night watch"))
    await owner.database.write(lambda c: a_heartbeat(c, other, prompt="Count sheep."))
    stranger = await owner.database.write(lambda c: a_bot(c, a_project(c), name="Night stranger"))
    await owner.database.write(lambda c: a_heartbeat(c, stranger, prompt="Count sheep."))
    expected = {
        "lager": ["Ärger im Lager"],
        "Ärger SHELVES": ["Ärger im Lager"],
        "night": ["Count sheep."],
        "100%": ["Watch 100% of the_queue's \\ end."],
        "the_queue": ["Watch 100% of the_queue's \\ end."],
        "\\": ["Watch 100% of the_queue's \\ end."],
        "check lager": [],
        owner.heartbeat.uuid: ["Check the queue."],
        "\x00": [],
    }
    assert {words: await titles(owner, q=words) for words in expected} == expected
    assert len(await titles(owner, q="  ")) == 4
    assert len(await titles(owner, q=" ".join(["e"] * 40))) > 0


async def test_each_state_can_be_asked_for_alone(owner: Owner) -> None:
    await owner.database.write(lambda c: c.execute(columns(Heartbeat).update().values(prompt="on")))
    await owner.add(prompt="off", enabled=False)
    await owner.add(prompt="paused", enabled=False, pause_reason="errors", pause_cause="failures")
    await owner.add(prompt="pending", version=2, synced_version=1)
    await owner.add(prompt="failed", synced_version=1, last_status="error")
    await owner.run(status="running", finished_at=None, duration_ms=None)
    assert await titles(owner, sort="name", show="on") == ["failed", "on", "pending"]
    alone = ("off", "paused", "pending", "failed")
    assert {show: await titles(owner, show=show) for show in alone} == {show: [show] for show in alone}
    assert await titles(owner, show="running") == ["on"]
    assert len(await titles(owner, show="nonsense", sort="nonsense")) == 5
    assert "No heartbeat is as you look for it." in await owner.browser.page("/?show=off&q=on")


async def test_each_order(owner: Owner) -> None:
    now = datetime.now(UTC)
    start, _ = credits.period(now)
    await owner.database.write(lambda c: c.execute(columns(Heartbeat).update().values(prompt="b", next_tick_at=now)))
    later = {"next_tick_at": now + timedelta(days=1), "last_executed_at": now - timedelta(days=1)}
    await owner.add(prompt="C", label="c", period_credits=5, period_start=start, **later)
    spent = {"period_credits": 99, "period_start": start - timedelta(days=40)}
    await owner.add(prompt="A", last_executed_at=now, enabled=False, next_tick_at=now, **spent)
    orders = {"state": ["b", "c", "A"], "next": ["b", "c", "A"], "last": ["A", "c", "b"], "name": ["A", "b", "c"]}
    assert {sort: await titles(owner, sort=sort) for sort in orders} == orders
    assert (await titles(owner, sort="credits"))[0] == "c"


@on_one_store
async def test_pages_keep_the_filter(owner: Owner) -> None:
    await owner.database.write(lambda c: [a_heartbeat(c, owner.bot, prompt=f"Sheep {n:03}.") for n in range(120)])
    page = await owner.browser.page("/?q=sheep&sort=name&per_page=100")
    assert page.count("class=title") == 100
    assert "120 in all" in page
    assert 'href="/?q=sheep&amp;sort=name&amp;per_page=100&amp;page=2"' in page
    assert 'data-refresh="/?q=sheep&amp;sort=name&amp;per_page=100"' in page
    assert await titles(owner, q="sheep", sort="name", page="3") == [f"Sheep {n:03}." for n in range(100, 120)]


def chosen(page: str) -> list[str]:
    return re.findall(r'name="id" value="(\w+)"', page)


async def select(owner: Owner, action: str, uuids: list[str], **fields: str):
    data = {"id": uuids, "back": "", **fields}
    return await owner.browser.post(f"/selected/heartbeats/{action}", data=data, headers={"origin": SITE})


@on_one_store
async def test_several_are_switched_off_and_on_with_their_schedules(owner: Owner) -> None:
    two = [owner.heartbeat, await owner.add(prompt="second", cron_pattern=YEARLY)]
    uuids = [heartbeat.uuid for heartbeat in two]
    for action, words, enabled in (("disable", "off", False), ("enable", "on", True)):
        answer = await select(owner, action, [*uuids, uuids[0]], back="q=e&page=1&nonsense=//evil")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/?q=e&done={action}&n=2")
        assert f"2 heartbeats are {words} now." in await owner.browser.page(answer.headers["location"])
        for uuid in uuids:
            row = await owner.database.read(heartbeat_row, uuid)
            assert (row.enabled, row.synced_version) == (enabled, row.version)
            schedule = await owner.temporal.get_schedule_handle(uuid).describe()
            assert schedule.schedule.state.paused is not enabled
    question = await select(owner, "delete", uuids, back="q=e")
    assert question.status_code == 200
    assert "Delete 2 heartbeats?" in question.text
    assert chosen(question.text) == uuids
    assert (await owner.database.read(heartbeat_row, uuids[0])).deleted_at is None
    answer = await select(owner, "delete", uuids, back="q=e", sure="yes")
    assert answer.headers["location"] == "/?q=e&done=delete&n=2"
    assert "2 heartbeats were deleted." in await owner.browser.page("/?done=delete&n=2")
    for uuid in uuids:
        assert (await owner.database.read(heartbeat_row, uuid)).deleted_at is not None


@on_one_store
async def test_it_is_said_to_which_it_could_not_be_done(owner: Owner) -> None:
    sleeping = await owner.database.write(lambda c: a_bot(c, owner.project, heartbeat=False))
    barred = await owner.database.write(lambda c: a_heartbeat(c, sleeping, prompt="barred", enabled=False))
    stranger = await owner.database.write(lambda c: a_heartbeat(c, a_bot(c, a_project(c)), prompt="a stranger's"))
    answer = await select(owner, "enable", [owner.heartbeat.uuid, barred.uuid, stranger.uuid, "<b>"])
    assert answer.status_code == 200
    assert "1 heartbeat is on now." in answer.text
    assert f'<a href="/heartbeats/{barred.uuid}">barred</a>' in answer.text
    assert "Heartbeats are not enabled for bot" in answer.text
    assert "a stranger" not in answer.text
    assert "&lt;b&gt;" in answer.text
    assert (await select(owner, "enable", [])).headers["location"] == "/?done=enable&n=0"
    assert "No heartbeat was selected." in await owner.browser.page("/?done=enable&n=0")
    assert (await select(owner, "explode", [owner.heartbeat.uuid])).status_code == 404


async def test_the_last_runs_stand_in_the_list_each_a_link(owner: Owner) -> None:
    await owner.database.write(lambda c: c.execute(columns(Heartbeat).update().values(last_status="success")))
    uuids = await owner.database.write(lambda c: last_runs_of(c, [owner.heartbeat], 40))
    await owner.run(dry_run=True)
    running = await owner.run(status="running", finished_at=None, duration_ms=None, started_at=datetime.now(UTC))
    [row] = rows_of(await owner.browser.page("/"))
    strip = re.findall(r'<a href="/runs/(\w+)"(?: class="(\w+)")? title="(\w+), ([^"]+)"></a>', row)
    assert [uuid for uuid, *_ in strip] == [*uuids[11:], running.uuid]
    assert strip[-1][1:3] == ("running", "Running")
    expected = [MIXED[number % 5] for number in range(11, 40)]
    assert [status or "success" for _, status, *_ in strip[:-1]] == expected
    assert "Last runs: 11 Success, 6 Error, 6 Skipped, 6 Cancelled, 1 Running" in row


@on_one_store
async def test_a_page_of_a_hundred_weighs_little_and_asks_for_links_when_they_are_wanted(owner: Owner) -> None:
    """Bytes as they are, uncompressed: with style and script under 140 KB."""

    def seed(connection):
        values = {
            "last_status": "success",
            "last_executed_at": datetime.now(UTC),
            "credit_budget": 500,
            "synced_version": 1,
        }
        prompt = "Read the new tickets, answer those that the handbook answers, and report what stays open."
        heartbeats = [
            a_heartbeat(connection, owner.bot, prompt=f"{number} {prompt}", cron_pattern="*/7 8-17 * * 1-5", **values)
            for number in range(99)
        ]
        last_runs_of(connection, heartbeats, 30, MOSTLY_WELL)
        return heartbeats[0]

    heartbeat = await owner.database.write(seed)
    page = await owner.browser.page("/?per_page=100")
    assert page.count("class=title") == 100
    assert page.count("<a class=strip ") == 99
    parts = set(re.findall(r'(?:href|src)="(/[\w.]+\?v=\w+)"', page))
    assert len(parts) >= 4
    weight = len(page.encode()) + sum([len((await owner.browser.get(part)).content) for part in parts])
    assert weight < 140_000
    links = await owner.browser.page(f"/strips/{heartbeat.uuid}")
    assert links.count('<a href="/runs/log_') == 30
    assert (await owner.browser.get("/strips/hb_nobody")).status_code == 404
