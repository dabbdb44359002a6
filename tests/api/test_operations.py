"""What each operation needs: the table holds all of them, and a key without the scope is refused by every one."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import update

from api.dashboard.render import ASSETS
from api.dashboard.session import COOKIE
from api.operations import OPERATIONS
from heartbeat.domain.scopes import Scope
from heartbeat.store.projects.projects import KEY
from tests.support.api import Api, error_of

NEEDED = {operation: scope for operation, scope in OPERATIONS.items() if scope is not None}
CALLS = {operation: scope for operation, scope in NEEDED.items() if " /v1/" in operation}
PAGES = {operation: scope for operation, scope in NEEDED.items() if operation not in CALLS}
SITE = "http://dash.test"

pytestmark = pytest.mark.parametrize("shared_database", ["sqlite"], indirect=True)


def test_the_table_holds_every_operation_and_nothing_else(shared_app: FastAPI) -> None:
    routes = [route for route in shared_app.routes if isinstance(route, APIRoute)]
    operations = [f"{method} {route.path}" for route in routes for method in route.methods]
    assert len(operations) == len(set(operations))
    assert set(operations) - {f"GET /{name}" for name in ASSETS} == set(OPERATIONS)
    # No other kind of route has an operation: the document itself is for everybody.
    others = [route for route in shared_app.routes if not isinstance(route, APIRoute)]
    assert [getattr(route, "path", "") for route in others] == ["/openapi.json"]


def test_the_document_says_which_scope_each_call_needs(shared_app: FastAPI) -> None:
    described = {
        f"{method.upper()} {path}": (operation["security"], operation["description"].splitlines()[-1])
        for path, operations in shared_app.openapi()["paths"].items()
        for method, operation in operations.items()
        if "security" in operation
    }
    assert described == {call: ([{"key": [scope]}], f"Needs the scope `{scope}`.") for call, scope in CALLS.items()}


async def may_only(api: Api, *scopes: Scope) -> None:
    mine = update(KEY).where(KEY.c.project_id == api.project.id)
    await api.database.write(lambda c: c.execute(mine.values(scopes=" ".join(scopes))))


async def called(api: Api, operation: str) -> httpx.Response:
    """Make a call with nothing but the project, whose other fields are what is wrong with it at most."""
    method, path = operation.split()
    fields = {"project_id": api.project.uuid, "bot_id": "bot_x", "heartbeat_id": "hb_x"}
    body = None if method in ("GET", "DELETE") else fields
    headers = {"authorization": f"Bearer {api.key}"}
    return await api.http.request(method, path, params=fields, json=body, headers=headers)


@pytest.mark.parametrize("needed", Scope)
async def test_a_key_without_the_scope_is_refused_by_every_call(api: Api, needed: Scope) -> None:
    calls = [call for call, scope in CALLS.items() if scope is needed]
    await may_only(api, *(scope for scope in Scope if scope not in (needed, Scope.ADMIN)))
    for call in calls:
        refusal = error_of(await called(api, call), 403)
        assert refusal["code"] == "missing_scope", call
        assert f"the scope `{needed}`" in refusal["message"]
    for enough in ({needed}, {Scope.ADMIN}):
        await may_only(api, *enough)
        for call in calls:
            assert "missing_scope" not in (await called(api, call)).text, call


@pytest.fixture
async def browser(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who is signed in with the key."""
    transport = httpx.ASGITransport(api.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=SITE, headers={"origin": SITE}) as browser:
        await browser.post("/sign-in", data={"key": api.key})
        assert COOKIE in browser.cookies
        yield browser


@pytest.mark.parametrize("needed", Scope)
async def test_a_session_without_the_scope_is_refused_by_every_page_and_button(
    api: Api, browser: httpx.AsyncClient, needed: Scope
) -> None:
    await may_only(api, *(scope for scope in Scope if scope not in (needed, Scope.ADMIN)))
    for operation in [page for page, scope in PAGES.items() if scope is needed]:
        method, path = operation.split()
        answer = await browser.request(method, path, data={"name": "x"} if method == "POST" else None)
        assert (answer.status_code, f"the scope <code>{needed}</code>" in answer.text) == (403, True), operation
