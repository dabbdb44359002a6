"""The pages of bots: made, changed, switched, reset, deleted, each as the API does it."""

from typing import Any

import pytest
from sqlalchemy import Connection, select

from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.memory.memory import MemoryOwner, remember
from heartbeat.store.tables.bots import Bot, Memory
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.dashboard import Owner, make
from tests.support.pending_rows import a_tool
from tests.support.seeds import NOW

BOT, HEARTBEAT = columns(Bot), columns(Heartbeat)
# What the statements of these pages are is the same on both databases.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

TYPED = {"name": "Night watch", "instruction": "Look <b>twice</b>.", "heartbeat": "1", "status": "1", "memory": "1"}


async def bot_named(owner: Owner, name: str) -> Bot:
    return await owner.database.read(lambda c: exactly_one(c, Bot, select(BOT).where(BOT.c.name == name)))


async def states_of(owner: Owner) -> list[tuple[bool, str | None]]:
    rows = await owner.database.read(lambda c: many(c, Heartbeat, select(HEARTBEAT)))
    return [(row.enabled, row.pause_cause) for row in rows]


async def test_a_bot_is_made_with_what_was_typed(owner: Owner) -> None:
    assert "New bot" in await owner.browser.page("/bots/new")
    typed = {**TYPED, "model": "other", "model_other": "openai:gpt-6-luna", "max_reply_tokens": "512"}
    answer = await owner.browser.submit("/bots/new", **typed)
    bot = await bot_named(owner, "Night watch")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/bots/{bot.uuid}?done=created")
    assert (bot.model, bot.max_reply_tokens, bot.heartbeat, bot.status) == ("openai:gpt-6-luna", 512, True, True)
    assert (bot.attributes["memory"], bot.attributes["tasks"]) == (1, 0)
    page = await owner.browser.page(f"/bots/{bot.uuid}?done=created")
    assert ("The bot was made." in page, "Look &lt;b&gt;twice&lt;/b&gt;." in page) == (True, True)


async def test_a_refused_form_keeps_what_was_typed_and_says_what_is_wrong_at_its_field(owner: Owner) -> None:
    answer = await owner.browser.submit("/bots/new", **{**TYPED, "name": " ", "max_reply_tokens": "many"})
    assert answer.status_code == 400
    assert 'id="name-said" role="alert">Must not be empty' in answer.text
    assert 'id="max_reply_tokens-said" role="alert">Must be a whole number' in answer.text
    assert ("Look &lt;b&gt;twice&lt;/b&gt;." in answer.text, 'value="many"' in answer.text) == (True, True)


async def test_a_bot_is_changed_and_an_emptied_field_has_its_default_again(owner: Owner) -> None:
    path = f"/bots/{owner.bot.uuid}"
    page = await owner.browser.page(f"{path}/edit")
    assert 'name="model_other" value="openai:scripted"' in page
    for number, expected in (("700", 700), ("", None)):
        typed = {**TYPED, "model": "", "max_reply_tokens": number, "credit_budget": number}
        answer = await owner.browser.submit(f"{path}/edit", **typed)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=saved")
        bot = await bot_named(owner, "Night watch")
        assert (bot.uuid, bot.model, bot.max_reply_tokens) == (owner.bot.uuid, "", expected)
        assert bot.credit_budget == expected
        assert f'name="credit_budget" value="{number}"' in await owner.browser.page(f"{path}/edit")
    assert bot.attributes == {"memory": 1, "tasks": 0}
    answer = await owner.browser.submit(f"{path}/edit", **{**TYPED, "name": ""})
    assert (answer.status_code, 'id="name-said" role="alert">Must not be empty' in answer.text) == (400, True)


async def test_the_switch_pauses_the_heartbeats_of_a_bot_and_lifts_that(owner: Owner) -> None:
    path = f"/bots/{owner.bot.uuid}"
    answer = await owner.browser.submit(f"{path}/heartbeat", on="0")
    assert answer.headers["location"] == f"{path}?done=off"
    assert await states_of(owner) == [(False, "bot_flag")]
    assert "Let its heartbeats run" in await owner.browser.page(path)
    await owner.browser.submit(f"{path}/heartbeat", on="1")
    assert await states_of(owner) == [(True, None)]


async def test_a_reset_and_a_deletion_ask_first(owner: Owner) -> None:
    path = f"/bots/{owner.bot.uuid}"
    await owner.database.write(lambda c: _memories(c, owner))
    assert "2 memories" in await owner.browser.page(f"{path}/reset")
    assert (await owner.browser.submit(f"{path}/reset")).headers["location"] == f"{path}?done=reset"
    assert await owner.database.read(lambda c: many(c, Memory, columns(Memory).select())) == []
    assert "1 heartbeat" in await owner.browser.page(f"{path}/delete")
    assert (await owner.browser.submit(f"{path}/delete")).headers["location"] == "/bots?done=deleted"
    assert (await owner.browser.get(path)).status_code == 404
    assert "There is no bot yet." in await owner.browser.page("/bots")


async def test_the_list_and_the_page_show_what_a_bot_has(owner: Owner) -> None:
    await make(owner, a_tool, server_label="desk", last_error="The tool server desk lost the connection.")
    await owner.add(enabled=False, pause_reason="errors", label="Chase")
    await owner.database.write(lambda c: _memories(c, owner))
    page = await owner.browser.page("/bots")
    assert f'<a class="title" href="/bots/{owner.bot.uuid}">Support desk</a>' in page
    assert "1 paused" in page
    page = await owner.browser.page(f"/bots/{owner.bot.uuid}")
    for words in ("Chase", "desk", "lost the connection", "1 on, 0 off", "Be brief."):
        assert words in page


async def test_the_bot_of_another_project_is_not_there(owner: Owner) -> None:
    for path in ("/bots/bot_other", "/bots/bot_other/edit", "/bots/bot_other/reset", "/bots/bot_other/delete"):
        assert (await owner.browser.get(path)).status_code == 404
    for path in ("heartbeat", "edit", "reset", "delete"):
        assert (await owner.browser.submit(f"/bots/bot_other/{path}", **TYPED)).status_code == 404


def _memories(connection: Connection, owner: Owner) -> list[Any]:
    texts = ("Ann is on call.", "The pager is loud.")
    return [remember(connection, MemoryOwner(owner.bot.id), text, None, NOW) for text in texts]
