"""Lists that can be searched, and whose rows can be selected: what can be done to one can be done to several."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection

from api.dashboard.selections import SELECTIONS
from heartbeat.store.database.rows import columns
from heartbeat.store.memory.memory import MemoryOwner, remember
from heartbeat.store.overview.titles import TITLES
from heartbeat.store.projects.projects import create_key
from heartbeat.store.tables.bots import Bot, Memory, Subscriber, Tool
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Target
from heartbeat.store.tables.projects import ApiKey
from tests.support.dashboard import SITE, Owner
from tests.support.pending_rows import a_subscriber, a_target, a_task, a_tool
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project

on_one_store = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

Making = Callable[[Connection, Heartbeat, str], Any]


def project_of(heartbeat: Heartbeat) -> Any:
    return SimpleNamespace(id=heartbeat.project_id)


def bot_of(heartbeat: Heartbeat) -> Any:
    return SimpleNamespace(id=heartbeat.bot_id)


@dataclass(frozen=True)
class ListCase:
    """A list: how a row of it is made, an action that is done at once, one that is asked first, and what they leave."""

    table: Any
    making: Making
    at_once: str | None
    column: str
    asked: str


CASES = {
    "tasks": ListCase(Heartbeat, lambda c, h, name: a_task(c, h, label=name), None, "", "cancel"),
    "bots": ListCase(Bot, lambda c, h, name: a_bot(c, project_of(h), name=name), "off", "heartbeat", "delete"),
    "tools": ListCase(Tool, lambda c, h, name: a_tool(c, h, server_label=name), "off", "is_enabled", "delete"),
    "subscribers": ListCase(
        Subscriber,
        lambda c, h, name: a_subscriber(c, bot_of(h), name=name),
        None,
        "",
        "delete",
    ),
    "memories": ListCase(
        Memory,
        lambda c, h, name: remember(c, MemoryOwner(h.bot_id), name, None, NOW),
        None,
        "",
        "forget",
    ),
    "keys": ListCase(ApiKey, lambda c, h, name: create_key(c, project_of(h), name, NOW), None, "", "revoke"),
    "targets": ListCase(Target, lambda c, h, name: a_target(c, h, name=name), "off", "is_enabled", "delete"),
}
NAMES = ("Northern <lights>", "Southern stars", "Western 100% winds")


async def send(owner: Owner, kind: str, action: str, uuids: list[str], **fields: str) -> Any:
    data = {"id": uuids, **fields}
    return await owner.browser.post(f"/selected/{kind}/{action}", data=data, headers={"origin": SITE})


def boxes(page: str) -> list[str]:
    return re.findall(r'form="selection" name="id" value="(\w+)"', page)


def test_every_list_has_titles_and_every_action_its_words() -> None:
    assert set(SELECTIONS) == set(TITLES) == {*CASES, "heartbeats"}
    actions = [action for selection in SELECTIONS.values() for action in selection.actions.values()]
    assert all((action.question is None) == (action.warning == "") for action in actions)


@pytest.mark.parametrize("kind", CASES)
@on_one_store
async def test_a_list_is_searched_and_several_of_it_are_changed(owner: Owner, kind: str) -> None:
    case, path = CASES[kind], SELECTIONS[kind].path

    def seed(connection: Connection) -> tuple[list[str], str]:
        mine = [case.making(connection, owner.heartbeat, name).uuid for name in NAMES]
        others = a_heartbeat(connection, a_bot(connection, a_project(connection)))
        return mine, case.making(connection, others, "Of others").uuid

    mine, others = await owner.database.write(seed)
    page = await owner.browser.page(path)
    assert set(mine) <= set(boxes(page))
    assert others not in page
    assert boxes(await owner.browser.page(f"{path}?q=SOUTHERN")) == [mine[1]]
    assert boxes(await owner.browser.page(f"{path}?q=100%25")) == [mine[2]]
    assert boxes(await owner.browser.page(f"{path}?q=nothing+of+it")) == []

    if case.at_once:
        answer = await send(owner, kind, case.at_once, mine[:2], back="q=ern")
        assert answer.headers["location"] == f"{path}?q=ern&done={case.at_once}&n=2"
        assert [row[case.column] for row in await rows(owner, case, mine)] == [False, False, True]

    question = await send(owner, kind, case.asked, [mine[0], mine[2], others], back="")
    assert question.status_code == 200
    assert "Northern &lt;lights&gt;" in question.text
    assert re.findall(r'name="id" value="(\w+)"', question.text) == [mine[0], mine[2]]
    assert all(await present(owner, case, mine))
    done = await send(owner, kind, case.asked, [mine[0], mine[2], others], sure="yes")
    assert done.status_code == 200, "what is of others is said not to be there"
    assert others in done.text
    assert "2 " in unescape(done.text.split('role="status">')[1][:80])
    assert await present(owner, case, mine) == [False, True, False]
    nothing = await send(owner, kind, case.asked, [])
    assert "selected" in await owner.browser.page(nothing.headers["location"])


async def rows(owner: Owner, case: ListCase, uuids: list[str]) -> list[Any]:
    table = columns(case.table)
    statement = table.select().where(table.c.uuid.in_(uuids)).order_by(table.c.id)
    return [*await owner.database.read(lambda c: c.execute(statement).mappings().all())]


async def present(owner: Owner, case: ListCase, uuids: list[str]) -> list[bool]:
    """Whether each is still there, as its table keeps it: deleted, revoked, or gone."""
    by_uuid = {row["uuid"]: row for row in await rows(owner, case, uuids)}
    ends = ("deleted_at", "revoked_at")
    return [uuid in by_uuid and not any(by_uuid[uuid][end] for end in ends if end in by_uuid[uuid]) for uuid in uuids]


@on_one_store
async def test_tasks_are_paused_and_resumed(owner: Owner) -> None:
    uuids = [
        await owner.database.write(lambda c, name=name: a_task(c, owner.heartbeat, label=name).uuid) for name in NAMES
    ]
    for action, words in (("pause", "2 tasks are paused now."), ("resume", "2 tasks were resumed.")):
        answer = await send(owner, "tasks", action, uuids[:2])
        assert words in await owner.browser.page(answer.headers["location"])
        shown = boxes(await owner.browser.page("/tasks?show=paused"))
        assert sorted(shown) == (sorted(uuids[:2]) if action == "pause" else [])
    page = f"/tasks/{uuids[0]}"
    for action in ("pause", "resume"):
        assert f'action="{page}/{action}"' in await owner.browser.page(page)
        answer = await owner.browser.submit(f"{page}/{action}")
        assert answer.headers["location"] == f"{page}?done={action}"


@on_one_store
async def test_ones_own_key_is_revoked_by_itself_alone(owner: Owner) -> None:
    answer = await send(owner, "keys", "revoke", [owner.key_uuid], sure="yes")
    assert "revoke it by itself" in answer.text
    assert owner.key_uuid not in boxes(await owner.browser.page("/keys"))


@on_one_store
async def test_what_no_list_has_is_no_page(owner: Owner) -> None:
    for path in ("bots/explode", "nothing/delete", "keys/delete"):
        kind, action = path.split("/")
        assert (await send(owner, kind, action, ["x"])).status_code == 404


@pytest.mark.parametrize(
    ("path", "shows"),
    [
        ("/bots", ["on", "off", "paused"]),
        ("/tools", ["on", "off", "changed", "problem"]),
        ("/tasks", ["active", "paused", "ended"]),
        ("/keys", ["works", "revoked"]),
        ("/notifications", ["on", "off"]),
    ],
)
async def test_each_state_can_be_shown_alone(owner: Owner, path: str, shows: list[str]) -> None:
    def seed(connection: Connection) -> None:
        a_task(connection, owner.heartbeat)
        a_tool(connection, owner.heartbeat)
        a_target(connection, owner.heartbeat)

    await owner.database.write(seed)
    for show in shows:
        page = await owner.browser.page(f"{path}?show={show}&q=a")
        assert f'<option value="{show}" selected>' in page
    everything = boxes(await owner.browser.page(path))
    assert boxes(await owner.browser.page(f"{path}?show={shows[0]}")) == everything
    assert boxes(await owner.browser.page(f"{path}?show={shows[1]}")) == []
