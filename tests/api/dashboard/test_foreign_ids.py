"""Ids of another project mean nothing on any page: what they name is neither shown nor changed.

The pages are those of the router, so a new one is held to this as it comes.
"""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi.routing import APIRoute
from temporalio.client import Client

from api.dashboard.router import pages
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from tests.support.dashboard import SITE, Owner, an_owner, browsing
from tests.support.one_of_everything import one_of_everything
from tests.support.project_rows import ids_of, rows_of, unlike

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

THEIRS = "Zebra"
OWN, ELSEWHERE = {"origin": SITE}, {"origin": "http://evil.example"}
# The table that the id in a path is of, by the path's first part.
TABLES = {
    "heartbeats": "heartbeat",
    "strips": "heartbeat",
    "tasks": "heartbeat",
    "runs": "run",
    "rehearsals": "run",
    "tries": "run",
    "approvals": "approval",
    "findings": "finding",
    "bots": "bot",
    "tools": "tool",
    "subscribers": "subscriber",
    "memories": "memory",
    "notifications": "target",
    "keys": "api_key",
    "sessions": "dashboard_session",
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
ADDRESSED = [
    (method, path) for method, path in ROUTES if "{" in path and path not in BY_TOKEN and "{action}" not in path
]


@pytest.fixture
async def neighbour(owner: Owner, settings: Settings, database: Database, temporal: Client) -> AsyncIterator[Owner]:
    """Who has another project on the installation on which the owner has one of everything."""
    await database.write(one_of_everything, owner, THEIRS)
    async with browsing(settings, database, temporal) as browser:
        other = await an_owner(settings, database, temporal, browser, "Other")
        assert (await browser.sign_in(other.key)).status_code == 303
        yield other


async def test_ids_of_another_project_name_nothing(owner: Owner, neighbour: Owner, database: Database) -> None:
    ids = await database.read(ids_of, owner.project.id)
    before = await database.read(rows_of, owner.project.id)
    named = {name: ids[table] for name, table in NAMED.items()}
    named |= {"owner": ids["heartbeat"], "hold": f"{ids['heartbeat']} 2027-01-01T09:00:00Z"}
    for method, path in ROUTES:
        if path in OF_NO_ID and method == "POST":
            continue
        answer = await _sent(neighbour.browser, method, _address(path, ids), named)
        assert THEIRS not in answer.text, (method, path)
        assert answer.status_code < 500, (method, path)
        if (method, path) in ADDRESSED:
            unknown = {name: unlike(uuid) for name, uuid in ids.items()}
            nothing = {name: unknown[table] for name, table in NAMED.items()}
            same = await _sent(neighbour.browser, method, _address(path, unknown), named | nothing)
            assert _seen(answer) == _seen(same), (method, path)
        if answer.status_code == 303 and (method, path) in ADDRESSED:
            answer = await neighbour.browser.get(answer.headers["location"])
        assert answer.status_code == 404 or (method, path) not in ADDRESSED, (method, path)
    assert await database.read(rows_of, owner.project.id) == before


async def test_no_page_is_open_without_a_session_or_to_a_form_from_elsewhere(
    owner: Owner, neighbour: Owner, database: Database, stranger: httpx.AsyncClient
) -> None:
    ids = await database.read(ids_of, owner.project.id)
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
    uuid = ids[TABLES.get(path.split("/")[1], "heartbeat")]
    for name in ("{uuid}", "{uuids}", "{other}"):
        path = path.replace(name, uuid)
    return path.replace("{action}", "delete")


def _seen(answer: httpx.Response) -> tuple[int, str, str]:
    """All that an answer says, whatever the ids and the instant in it."""
    texts = (answer.headers.get("location", ""), answer.text)
    location, text = (re.sub(r"[a-z]+_[0-9a-z]{20}|\d\d:\d\d(:\d\d)?", "…", text) for text in texts)
    return answer.status_code, location, text


async def _sent(browser: httpx.AsyncClient, method: str, path: str, named: dict[str, str]) -> httpx.Response:
    if method == "GET":
        return await browser.get(path, params=named)
    return await browser.post(path, data=FILLED | named, headers=OWN)
