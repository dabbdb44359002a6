"""The pages of subscribers and of memories: listed, found, added, forgotten and deleted, each as the API does it."""

import re

import pytest
from sqlalchemy import Connection, select

from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.memory.memory import MAX_RANKED, MemoryOwner, remember
from heartbeat.store.tables.bots import Bot, Memory, Subscriber
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.dashboard import Owner
from tests.support.pending_rows import a_subscriber, many_memories
from tests.support.seeds import NOW, a_bot, a_project

SUBSCRIBER, MEMORY, HEARTBEAT = columns(Subscriber), columns(Memory), columns(Heartbeat)

sqlite_alone = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def texts(owner: Owner) -> list[str]:
    rows = await owner.database.read(lambda c: many(c, Memory, select(MEMORY).order_by(MEMORY.c.id)))
    return [row.text for row in rows]


async def two_members(owner: Owner) -> tuple[Subscriber, Subscriber]:
    ann = await owner.database.write(a_subscriber, owner.bot, name="Ann <i>Example</i>", email="ann@example.com")
    bob = await owner.database.write(a_subscriber, owner.bot, email="bob_50%@example.org")
    await owner.add(label="For Ann", member_id=ann.id)
    return ann, bob


async def test_subscribers_are_listed_with_their_heartbeats_and_found_by_name_address_and_bot(owner: Owner) -> None:
    ann, bob = await two_members(owner)
    other = await owner.database.write(lambda c: a_bot(c, owner.project, name="Other"))
    page = await owner.browser.page("/subscribers")
    assert ("Ann &lt;i&gt;Example&lt;/i&gt;" in page, "bob_50%@example.org" in page) == (True, True)
    for query, expected in (
        ("q=EXAMPLE.com", [ann]),
        ("q=50%25", [bob]),
        ("q=%25", [bob]),
        ("q=nobody", []),
        ("q=ann%00", []),
        (f"bot={owner.bot.uuid}&q=ann", [ann]),
        (f"bot={other.uuid}", []),
    ):
        page = await owner.browser.page(f"/subscribers?{query}")
        assert [one for one in (ann, bob) if f"/subscribers/{one.uuid}" in page] == expected
    page = await owner.browser.page(f"/subscribers/{ann.uuid}")
    assert ("For Ann" in page, "ann@example.com" in page) == (True, True)


@sqlite_alone
async def test_a_subscriber_is_added_and_what_is_wrong_stands_at_its_field(owner: Owner) -> None:
    typed = {"bot_id": owner.bot.uuid, "name": "Carl", "email": "carl"}
    answer = await owner.browser.submit("/subscribers/new", **typed)
    assert (answer.status_code, 'id="email-said" role="alert">' in answer.text) == (400, True)
    assert 'value="Carl"' in answer.text
    answer = await owner.browser.submit("/subscribers/new", **{**typed, "bot_id": "bot_gone", "email": ""})
    assert (answer.status_code, 'id="bot_id-said" role="alert">' in answer.text) == (404, True)
    answer = await owner.browser.submit("/subscribers/new", **{**typed, "email": ""})
    [carl] = await owner.database.read(lambda c: many(c, Subscriber, select(SUBSCRIBER)))
    assert answer.headers["location"] == f"/subscribers/{carl.uuid}?done=created"
    assert (carl.name, carl.email, carl.bot_id) == ("Carl", None, owner.bot.id)


@sqlite_alone
async def test_forgetting_and_deleting_a_subscriber_ask_first(owner: Owner) -> None:
    ann, _ = await two_members(owner)
    await owner.database.write(lambda c: _memories(c, owner, ann))
    path = f"/subscribers/{ann.uuid}"
    assert "1 thing that Support desk remembers" in await owner.browser.page(f"{path}/forget")
    assert (await owner.browser.submit(f"{path}/forget")).headers["location"] == f"{path}?done=forgotten"
    assert await texts(owner) == ["The pager is loud.", "Tickets close on Friday."]
    assert "Delete Ann &lt;i&gt;Example&lt;/i&gt;?" in await owner.browser.page(f"{path}/delete")
    assert (await owner.browser.submit(f"{path}/delete")).headers["location"] == "/subscribers?done=deleted"
    assert (await owner.browser.get(path)).status_code == 404
    rows = await owner.database.read(lambda c: many(c, Heartbeat, select(HEARTBEAT)))
    assert [row.label for row in rows if row.deleted_at is not None] == ["For Ann"]


async def test_memories_are_found_by_words_bot_and_subscriber_and_forgotten_one_by_one(owner: Owner) -> None:
    ann, _ = await two_members(owner)
    other = await owner.database.write(lambda c: a_bot(c, owner.project, name="Other"))
    await owner.database.write(lambda c: _memories(c, owner, ann))
    await owner.database.write(lambda c: remember(c, MemoryOwner(other.id), "The pager is off.", None, NOW))
    everything = ["The pager is loud.", "Ann is on call.", "Tickets close on Friday.", "The pager is off."]
    for query, expected in (
        ("", everything),
        ("?q=PAGER", ["The pager is loud.", "The pager is off."]),
        ("?q=friday+call", ["Ann is on call.", "Tickets close on Friday."]),
        (f"?q=pager&bot={other.uuid}", ["The pager is off."]),
        (f"?member={ann.uuid}", ["Ann is on call."]),
        (f"?member={ann.uuid}&q=pager", []),
        ("?q=%22+%2A+%27", everything),
        ("?page=9", []),
    ):
        page = await owner.browser.page(f"/memories{query}")
        assert [text for text in everything if text in page] == expected, query
    row = await owner.database.read(
        lambda c: exactly_one(c, Memory, select(MEMORY).where(MEMORY.c.text == "Ann is on call."))
    )
    assert "Ann is on call." in await owner.browser.page(f"/memories/{row.uuid}/delete")
    answer = await owner.browser.submit(f"/memories/{row.uuid}/delete")
    assert answer.headers["location"] == "/memories?done=forgotten"
    assert "Ann is on call." not in await texts(owner)
    assert (await owner.browser.submit(f"/memories/{row.uuid}/delete")).status_code == 404


@sqlite_alone
async def test_when_too_many_memories_fit_the_page_says_that_the_newest_come_first(owner: Owner) -> None:
    await owner.database.write(many_memories, owner.bot, "The pager", MAX_RANKED + 1)
    page = await owner.browser.page("/memories?q=pager&page=2")
    assert ("More than 500 fit" in page, "501 in all" in page) == (True, False)
    assert re.findall(r"Page \d+[^<]*", page) == ["Page 2"]
    assert ("page=1" in page, "page=3" in page) == (True, True)
    everything = await owner.browser.page("/memories?page=2")
    assert ("More than 500 fit" in everything, "501 in all" in everything, "Page 2 of 17" in everything) == (
        False,
        True,
        True,
    )


@sqlite_alone
async def test_what_is_of_another_project_is_neither_shown_nor_touched(owner: Owner) -> None:
    def seed(connection: Connection) -> tuple[Bot, Subscriber, Memory]:
        bot = a_bot(connection, a_project(connection, name="Else"), name="Stranger")
        member = a_subscriber(connection, bot, name="Theirs")
        return bot, member, remember(connection, MemoryOwner(bot.id, member.id), "Their secret.", None, NOW)

    bot, member, memory = await owner.database.write(seed)
    for path in ("/memories", "/memories?q=secret", "/subscribers", "/subscribers?q=theirs", "/bots"):
        page = await owner.browser.page(path)
        assert not [words for words in ("Their secret.", "Theirs", "Stranger") if words in page]
    paths = [f"/memories?bot={bot.uuid}", f"/memories?member={member.uuid}", f"/subscribers?bot={bot.uuid}"]
    paths += [f"/subscribers/{member.uuid}{rest}" for rest in ("", "/forget", "/delete")]
    for path in (*paths, f"/memories/{memory.uuid}/delete", f"/bots/{bot.uuid}"):
        assert (await owner.browser.get(path)).status_code == 404
    for path in (f"/memories/{memory.uuid}/delete", f"/subscribers/{member.uuid}/forget", f"/bots/{bot.uuid}/reset"):
        assert (await owner.browser.submit(path)).status_code == 404
    assert await texts(owner) == ["Their secret."]


def _memories(connection: Connection, owner: Owner, ann: Subscriber) -> None:
    remember(connection, MemoryOwner(owner.bot.id), "The pager is loud.", None, NOW)
    remember(connection, MemoryOwner(owner.bot.id, ann.id), "Ann is on call.", None, NOW)
    remember(connection, MemoryOwner(owner.bot.id), "Tickets close on Friday.", None, NOW)
