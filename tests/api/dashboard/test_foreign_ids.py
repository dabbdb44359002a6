"""Ids of another project mean nothing on any page: what they name is neither shown nor changed.

The pages are those of the router, so a new one is held to this as it comes. Who asks is a person, an admin of a project
of their own; that a session without a scope is refused is in `test_operations.py`.
"""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import Connection
from temporalio.client import Client

from api.dashboard.router import pages
from heartbeat.domain.actors import Visit
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.tables.projects import Project
from heartbeat.store.users.sessions import SessionOwner, begin_session
from heartbeat.store.users.users import SESSION, user_by_email
from tests.support.dashboard import SITE, Owner, an_owner, browsing
from tests.support.one_of_everything import one_of_everything
from tests.support.people import signed_up
from tests.support.project_rows import ids_of, rows_of, unlike

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

THEIRS = "Zebra"
OWN, ELSEWHERE = {"origin": SITE}, {"origin": "http://evil.example"}
# Whose id the one in a path is, by the path's first part or its first and last.
TABLES = {
    "heartbeats": "heartbeat",
    "strips": "heartbeat",
    "tasks": "heartbeat",
    "runs": "run",
    "rehearsals": "run",
    "ratings": "run",
    "tries": "run",
    "approvals": "approval",
    "findings": "finding",
    "bots": "bot",
    "tools": "tool",
    "subscribers": "subscriber",
    "memories": "memory",
    "notifications": "target",
    "targets": "target",
    "keys": "api_key",
    "sessions": "dashboard_session",
    "account": "session of a person",
    "members": "member",
    "members withdraw": "invitation",
    "projects": "project",
}
# Where pages take ids besides their path, in forms and in queries.
NAMED = {
    "bot": "bot",
    "bot_id": "bot",
    "heartbeat": "heartbeat",
    "heartbeat_id": "heartbeat",
    "from": "heartbeat",
    "uuid": "heartbeat",
    "draft": "heartbeat",
    "member": "subscriber",
    "member_id": "subscriber",
    "run": "run",
    "run_id": "run",
}
# What each form needs besides, so that only the id is wrong.
FILLED = {
    "prompt": "x",
    "name": "x",
    "frequency": "daily",
    "time": "09:00",
    "timezone": "UTC",
    "sure": "yes",
    "decision": "approve",
    "say": "acknowledge",
    "rating": "up",
}
# They are of the visitor or of the whole project, take no id, and write what they are sent.
OF_NO_ID = {
    *("/", "/sign-in", "/sign-in/once", "/sign-out", "/settings", "/settings/display"),
    *("/keys", "/sessions/end", "/bots/new"),
}
# What is done by a mailed link needs no session but its own token, and says the same of every id without one.
BY_TOKEN = ("/approvals/{uuid}", "/ratings/{uuid}")
ROUTES = [(method, page.path) for page in pages if isinstance(page, APIRoute) for method in sorted(page.methods)]
ADDRESSED = [(method, path) for method, path in ROUTES if "{" in path and path not in BY_TOKEN]
# Several rows of a list at once, whose ids are in the form.
SELECTED = [(method, path) for method, path in ROUTES if path.startswith("/selected/")]


@pytest.fixture
async def neighbour(owner: Owner, settings: Settings, database: Database, temporal: Client) -> AsyncIterator[Owner]:
    """Who has another project on the installation on which the owner has one of everything."""
    await database.write(one_of_everything, owner, THEIRS)
    async with browsing(settings, database, temporal) as browser:
        other = await an_owner(settings, database, temporal, browser, "Other")
        await signed_up(browser, database, other.project, "eve@example.com")
        yield other


def ids_of_everything(connection: Connection, project: Project) -> dict[str, str]:
    """An id of each kind that a project has, and those of a member and of a session of theirs."""
    ada = user_by_email(connection, "ada@example.com")
    assert ada is not None
    begin_session(connection, SessionOwner(None, ada.id, project.id), Visit("192.0.2.1", THEIRS), "", datetime.now(UTC))
    theirs = connection.scalar(SESSION.select().with_only_columns(SESSION.c.uuid).where(SESSION.c.user_id == ada.id))
    people = {"member": ada.uuid, "session of a person": str(theirs), "project": project.uuid}
    return ids_of(connection, project.id) | people


async def test_ids_of_another_project_name_nothing(owner: Owner, neighbour: Owner, database: Database) -> None:
    ids = await database.write(ids_of_everything, owner.project)
    before = await database.read(rows_of, owner.project.id)
    named = {name: ids[table] for name, table in NAMED.items()}
    named |= {"owner": ids["heartbeat"], "hold": f"{ids['heartbeat']} 2027-01-01T09:00:00Z"}
    for method, path in ROUTES:
        if path in OF_NO_ID and method == "POST":
            continue
        answer = await _sent(neighbour.browser, method, _address(path, ids), named | _selected(path, ids))
        assert THEIRS not in answer.text, (method, path)
        assert answer.status_code < 500, (method, path)
        if (method, path) in [*ADDRESSED, *SELECTED]:
            unknown = {name: unlike(uuid) for name, uuid in ids.items()}
            nothing = {name: unknown[table] for name, table in NAMED.items()} | _selected(path, unknown)
            same = await _sent(neighbour.browser, method, _address(path, unknown), named | nothing)
            assert _seen(answer) == _seen(same), (method, path)
        if answer.status_code == 303 and (method, path) in ADDRESSED:
            answer = await neighbour.browser.get(answer.headers["location"])
        assert answer.status_code == 404 or (method, path) not in ADDRESSED, (method, path)
    assert await database.read(rows_of, owner.project.id) == before


async def test_no_page_is_open_without_a_session_or_to_a_form_from_elsewhere(
    owner: Owner, neighbour: Owner, database: Database, stranger: httpx.AsyncClient
) -> None:
    ids = await database.write(ids_of_everything, owner.project)
    before = await database.read(rows_of, owner.project.id)
    for method, path in ADDRESSED:
        answer = await _sent(stranger, method, _address(path, ids), {})
        assert answer.status_code in ({401} if method == "POST" else {303, 401}), (method, path)
    for method, path in ROUTES:
        if method == "POST":
            answer = await owner.browser.post(_address(path, ids), data=FILLED, headers=ELSEWHERE)
            assert answer.status_code == 403, path
    assert await database.read(rows_of, owner.project.id) == before


def _address(path: str, ids: dict[str, str]) -> str:
    if "{" not in path:
        return path
    _, first, *_, last = path.split("/")
    uuid = ids[TABLES.get(f"{first} {last}") or TABLES[first]]
    for name in ("{uuid}", "{uuids}", "{other}"):
        path = path.replace(name, uuid)
    return path


def _selected(path: str, ids: dict[str, str]) -> dict[str, str]:
    return {"id": ids[TABLES[path.split("/")[2]]]} if path.startswith("/selected/") else {}


def _seen(answer: httpx.Response) -> tuple[int, str, str]:
    """All that an answer says, whatever the ids and the instant in it."""
    texts = (answer.headers.get("location", ""), answer.text)
    location, text = (re.sub(r"[a-z]+_[0-9a-z]{20}|\d\d:\d\d(:\d\d)?", "…", text) for text in texts)
    return answer.status_code, location, text


async def _sent(browser: httpx.AsyncClient, method: str, path: str, named: dict[str, str]) -> httpx.Response:
    if method == "GET":
        return await browser.get(path, params=named)
    return await browser.post(path, data=FILLED | named, headers=OWN)
