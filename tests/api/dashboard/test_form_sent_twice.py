"""The form of a new thing, sent again: by a second click at once, later, otherwise, or when it is gone."""

import asyncio
import re

import pytest
from sqlalchemy import FromClause, func, select

from api.dashboard.forms import Form
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.bots import Bot, Subscriber
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import ApiKey
from tests.support.dashboard import Owner
from tests.support.heartbeat_form import row_at, send, typed_on
from tests.support.html_pages import HtmlPage

BOT, HEARTBEAT = columns(Bot), columns(Heartbeat)
NEW_BOT = [("bot_id", "new"), ("bot_name", "Desk")]


async def new_form(owner: Owner, *fields: tuple[str, str]) -> Form:
    form = Form(typed_on(await owner.browser.page("/heartbeats/new")))
    return form.replaced([("prompt", "Suggest one thing."), ("time", "09:00"), *fields])


async def counts(owner: Owner) -> tuple[int, int]:
    """How many bots the project has, and heartbeats or tasks."""
    of_project = [select(func.count()).where(table.c.project_id == owner.project.id) for table in (BOT, HEARTBEAT)]
    bots, heartbeats = [await owner.database.read(lambda c, q=q: c.execute(q).scalar_one()) for q in of_project]
    return bots, heartbeats


@pytest.mark.parametrize("ends", [[], [("frequency", "daily"), ("ends", "after"), ("max_executions", "3")]])
async def test_two_clicks_make_one(owner: Owner, ends: list[tuple[str, str]]) -> None:
    form = await new_form(owner, *NEW_BOT, *ends)
    answers = await asyncio.gather(*(send(owner, "/heartbeats/new", form.fields, "enable") for _ in range(3)))
    assert len({(await row_at(owner, answer)).uuid for answer in answers}) == 1
    assert await counts(owner) == (2, 2)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_same_form_otherwise_is_another(owner: Owner) -> None:
    form = await new_form(owner)
    saved = await row_at(owner, await send(owner, "/heartbeats/new", form.fields))
    on = await row_at(owner, await send(owner, "/heartbeats/new", form.fields, "enable"))
    assert (saved.enabled, on.id, on.enabled) == (False, saved.id, True)
    other = form.replaced([("prompt", "Suggest another.")])
    assert (await row_at(owner, await send(owner, "/heartbeats/new", other.fields))).id != saved.id
    refused = form.replaced([("prompt", "A third."), ("member_id", "mem_none")])
    for _ in range(2):
        assert (await send(owner, "/heartbeats/new", refused.fields)).status_code == 404


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_one_that_was_deleted_can_be_made_again(owner: Owner) -> None:
    form = await new_form(owner)
    saved = await row_at(owner, await send(owner, "/heartbeats/new", form.fields))
    await owner.browser.submit(f"/heartbeats/{saved.uuid}/delete")
    gone = await send(owner, "/heartbeats/new", form.fields)
    assert (gone.status_code, "was deleted meanwhile" in gone.text) == (404, True)
    assert (await row_at(owner, await send(owner, "/heartbeats/new", typed_on(gone.text)))).id != saved.id


@pytest.mark.parametrize(
    ("page", "typed", "table"),
    [
        ("/bots/new", {"name": "Desk"}, BOT),
        ("/subscribers/new", {"name": "Ann"}, columns(Subscriber)),
        ("/keys", {"name": "Laptop"}, columns(ApiKey)),
    ],
)
async def test_two_clicks_make_one_of_whatever_a_form_makes(
    owner: Owner, page: str, typed: dict[str, str], table: FromClause
) -> None:
    html = HtmlPage(await owner.browser.page(page), page)
    form = next(form for form in html.forms if form.typed and form.method == "post")
    before = await count(owner, table)
    fields = dict(form.fields) | typed
    answers = await asyncio.gather(*(owner.browser.submit(form.action, **fields) for _ in range(3)))
    assert {answer.status_code for answer in answers} <= {200, 303}
    assert await count(owner, table) == before + 1
    await owner.browser.submit(form.action, **{**fields, "name": "Another"})
    assert await count(owner, table) == before + 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_key_is_shown_once_also_when_its_page_is_loaded_anew(owner: Owner) -> None:
    fields = {"name": "Laptop", "preset": "viewer", "draft": "form_1"}
    shown = await owner.browser.submit("/keys", **fields)
    again = await owner.browser.submit("/keys", **fields)
    assert (shown.status_code, again.status_code) == (200, 303)
    assert re.search(r"hbk_\w{30}", shown.text)
    assert "made already" in await owner.browser.page(again.headers["location"])


async def count(owner: Owner, table: FromClause) -> int:
    rows = select(func.count()).select_from(table)
    return await owner.database.read(lambda connection: connection.execute(rows).scalar_one())
