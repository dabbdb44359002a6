"""Two people who edit the same: the second is told what the first changed, wherever there is a form."""

from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from api.dashboard.forms import Form
from heartbeat.domain.secret_keys import new_key
from heartbeat.settings import Settings
from heartbeat.store.database.rows import columns, exactly_one
from heartbeat.store.tables.bots import Bot, Tool
from heartbeat.store.tables.notifications import Target
from heartbeat.store.tables.projects import Project
from tests.support.dashboard import SITE, Owner, make
from tests.support.html_pages import HtmlPage
from tests.support.pending_rows import a_target, a_tool

# The statement that locks each row is one of both databases in `test_tool_server.py` and its neighbours.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

NEVER_SAVED = {"description": "", "input_schema": {}, "annotations": {}, "changed": None}
TOOLS = [{"name": name, "is_active": True, **NEVER_SAVED} for name in ("read", "send")]


@dataclass(frozen=True)
class Case:
    """A page with a form, what each of two editors sends in it, and what the second is told and then saves."""

    page: str
    table: Any
    first: list[tuple[str, str]]
    second: list[tuple[str, str]]
    told: str
    saved: dict[str, Any]


CASES = {
    "bot": Case(
        "/bots/{bot}/edit",
        Bot,
        [("name", "Theirs"), ("status", "")],
        [("instruction", "Mine.")],
        '<th scope="row">It is active</th><td>yes</td><td>no</td>',
        {"instruction": "Mine."},
    ),
    "tool server": Case(
        "/tools/{tool}/edit",
        Tool,
        [("risks", "private_data"), ("keep_headers", "replace"), ("headers", "X-Key: theirs")],
        [("server_label", "mine"), ("keep_headers", "replace"), ("headers", "X-Key: mine")],
        '<th scope="row">Headers</th><td>none</td><td>kept, and not shown</td>',
        {"server_label": "mine", "risks": []},
    ),
    "its tools": Case(
        "/tools/{tool}",
        Tool,
        [("active", "1")],
        [("require_approval", "always")],
        '<th scope="row">May be called</th><td>read, send</td><td>send</td>',
        {"require_approval": "always", "tools": TOOLS},
    ),
    "target": Case(
        "/notifications/targets/{target}",
        Target,
        [("every", ""), ("events", "run.failed"), ("cooldown_seconds", "5")],
        [("config.url", "https://mine.example/in")],
        '<th scope="row">Seconds without messages after one</th><td>0</td><td>300</td>',
        {"config": {"url": "https://mine.example/in"}, "events": None, "cooldown_seconds": 0},
    ),
    "settings": Case(
        "/settings",
        Project,
        [("anchor_day", "17")],
        [("name", "Mine")],
        '<th scope="row">Billing periods begin on day</th><td>1</td><td>17</td>',
        {"name": "Mine", "period_anchor_day": 1},
    ),
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"egress_allow": ["127.0.0.1"], "secret_keys": SecretStr(new_key())})


def form_on(text: str) -> tuple[str, Form]:
    """Where the form of a page that can be edited by two is sent, and what stands in it."""
    form = next(one for one in HtmlPage(text).forms if any(name == "loaded" for name, _ in one.fields))
    # A text area begins with a line break of its own.
    return form.action, Form([(name, value.strip()) for name, value in form.fields])


async def send(owner: Owner, action: str, form: Form, do: str = "save") -> Any:
    fields: dict[str, list[str]] = {}
    for name, value in [*form.fields, ("do", do)]:
        fields.setdefault(name, []).append(value)
    return await owner.browser.post(action, data=fields, headers={"origin": SITE})


@pytest.mark.parametrize("name", CASES)
async def test_the_second_of_two_is_told_what_the_first_changed(owner: Owner, name: str) -> None:
    case = CASES[name]
    tool = await make(owner, a_tool, server_url="https://desk.example/mcp", tools=TOOLS)
    target = await make(owner, a_target, config={"url": "https://pager.example/in"})
    path = case.page.format(bot=owner.bot.uuid, tool=tool.uuid, target=target.uuid)
    action, form = form_on(await owner.browser.page(path))
    assert (await send(owner, action, form.replaced(case.first))).status_code == 303
    refused = await send(owner, action, form.replaced(case.second))
    assert refused.status_code == 409
    told = unescape(refused.text.split('id="changes"')[1].split("</section>")[0])
    assert case.told in told
    assert told.count('<th scope="row">') <= len(case.first)
    _, mine = form_on(refused.text)
    shown = [pair for pair in case.second if pair[0] != "headers"]
    assert set(shown) <= set(mine.fields), "what was typed is still there"

    theirs = await send(owner, action, mine, "theirs")
    assert theirs.status_code == 200
    _, taken = form_on(theirs.text)
    kept_apart = {"keep_headers", "headers"}
    assert {pair for pair in case.first if pair[1] and pair[0] not in kept_apart} <= set(taken.fields)
    assert {pair for pair in case.second if pair[0] not in kept_apart} <= set(taken.fields)
    assert 'id="changes"' not in theirs.text

    assert (await send(owner, action, mine)).status_code == 303, "whoever was told may save over it"
    table = columns(case.table)
    row = await owner.database.read(lambda c: exactly_one(c, case.table, table.select()))
    assert {field: getattr(row, field) for field in case.saved} == case.saved


async def test_what_is_already_as_it_is_to_be_is_no_conflict(owner: Owner) -> None:
    action, form = form_on(await owner.browser.page("/settings"))
    for _ in range(2):
        assert (await send(owner, action, form.replaced([("name", "The same")]))).status_code == 303


@pytest.mark.parametrize(
    ("name", "delete", "new"),
    [
        ("bot", "/bots/{bot}/delete", "/bots/new"),
        ("tool server", "/tools/{tool}/delete", "/bots/{bot}/tools/new"),
        ("target", "/notifications/targets/{target}/delete", "/notifications/new?channel=webhook"),
    ],
)
async def test_the_form_of_what_was_deleted_makes_a_new_one_of_what_was_typed(
    owner: Owner, name: str, delete: str, new: str
) -> None:
    case = CASES[name]
    tool = await make(owner, a_tool, server_url="https://127.0.0.1:1/mcp")
    target = await make(owner, a_target, config={"url": "https://pager.example/in"})
    uuids = {"bot": owner.bot.uuid, "tool": tool.uuid, "target": target.uuid}
    action, form = form_on(await owner.browser.page(case.page.format(**uuids)))
    assert (await owner.browser.submit(delete.format(**uuids))).status_code == 303
    typed = form.replaced([*case.second, ("name", "Mine"), ("server_label", "mine")])
    for do in ("theirs", "save"):
        gone = await send(owner, action, typed, do)
        assert (gone.status_code, "was deleted meanwhile" in gone.text) == (404, True)
    again = next(one for one in HtmlPage(gone.text).forms if one.action == new.format(**uuids))
    assert {pair for pair in case.second if pair[0] != "keep_headers"} <= {(n, v.strip()) for n, v in again.fields}
    rows = select(func.count()).select_from(columns(case.table))
    before = await owner.database.read(lambda c: c.execute(rows).scalar_one())
    assert (await send(owner, again.action, Form(again.fields))).status_code in (200, 303)
    assert await owner.database.read(lambda c: c.execute(rows).scalar_one()) == before + 1
